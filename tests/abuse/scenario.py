"""A server with two users who chat while a third one misbehaves or fails."""

from __future__ import annotations

import socket
import threading

import bcrypt
import pytest

from chat_server.accounts.hash_pool import default_workers
from chat_server.delivery.outbox import Outbox
from tests.support.running_server import RunningServer
from tests.support.wait_until import WAIT_TIMEOUT, until
from tests.support.wire_client import WireClient

SMALL_BUFFER = 4096
"""Bytes of a kernel buffer that fills quickly."""


class AbuseScenario:
    """bob publishes, carol follows everyone, and alice is the client under test."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        # Connections inherit it: unread data of a client soon waits in its outbox.
        for listener in server.server._listeners:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
        self.publisher = server.log_in("bob")
        self.subscriber = server.log_in("carol", subscribe="*")
        self.bystanders: list[WireClient] = []
        """Further clients, which `clear` closes."""
        self.unread_texts: list[str] = []
        """Texts that alice has sent and carol has not read yet."""

    def log_in_unread_alice(self) -> WireClient:
        """Return alice, who follows everyone but does not read. Her outbox lags."""
        alice = WireClient("127.0.0.1", self.server.port, receive_buffer=SMALL_BUFFER)
        self.server._clients.append(alice)
        self.bystanders.append(alice)
        alice.send("LOGIN alice pw-of-alice", "/subscribe *")
        while alice.read_line() != "[SERVER] Subscribed to *":
            pass
        outbox = outbox_of(self.server, alice)
        while outbox.backlog <= outbox.lag_threshold:
            self.publisher.send(*["x" * 4000] * 10)
            for _ in range(10):
                self.subscriber.expect_message("bob", "x" * 4000)
        return alice

    def publish(self, alice: WireClient, *texts: str) -> None:
        """Let alice publish texts. Return when carol has read the first."""
        alice.send(*texts)
        self.subscriber.expect_message("alice", texts[0])
        self.unread_texts += texts[1:]

    def clear(self) -> list[str]:
        """Wait until only bob and carol are left, let them chat, and return alice's texts."""
        for client in self.bystanders:
            client.close()
        until(lambda: self.server.server.client_count == 2, "the server has closed the others")
        assert self.publisher.request("/who") == "[SERVER] In room 'lobby': bob, carol"
        self.publisher.send("still here")
        received: list[str] = []
        while True:
            match = self.subscriber.expect_match(r"\[\d\d:\d\d:\d\d\] (bob|alice): (.*)")
            if match.groups() == ("bob", "still here"):
                return received
            assert match[1] == "alice"
            received.append(match[2])


def outbox_of(server: RunningServer, client: WireClient) -> Outbox:
    """Return the outbox of a client."""
    host, port = client.socket.getsockname()
    (outbox,) = (
        handler.outbox
        for handler in server.server._clients.current()
        if handler._address == f"{host}:{port}"
    )
    return outbox


class HashGate:
    """A gate that holds every password check between `close` and `open`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._opened = threading.Event()
        self._opened.set()
        self._held = threading.Semaphore(0)
        real_check = bcrypt.checkpw

        def check(password: bytes, hashed: bytes) -> bool:
            if not self._opened.is_set():
                self._held.release()
                self._opened.wait(WAIT_TIMEOUT)
            return real_check(password, hashed)

        monkeypatch.setattr(bcrypt, "checkpw", check)

    def close(self) -> None:
        self._opened.clear()

    def open(self) -> None:
        self._opened.set()

    def wait_until_held(self) -> None:
        """Wait for one more password check to reach the gate."""
        assert self._held.acquire(timeout=WAIT_TIMEOUT)

    def occupy(self, scenario: AbuseScenario) -> None:
        """Close the gate and keep every hashing thread busy."""
        self.close()
        for number in range(default_workers()):
            # One login of an account from an address is checked at a time.
            dave = scenario.server.connect(source=f"127.0.1.{number + 1}")
            scenario.bystanders.append(dave)
            dave.send("LOGIN dave pw-of-dave")
            self.wait_until_held()
