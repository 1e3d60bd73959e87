"""A server with two people who talk while a third comes to grief."""

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
"""Bytes of a kernel buffer that is soon full."""


class AbuseScenario:
    """bob talks, carol follows everybody, and alice is the one to whom things happen."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        # Connections inherit it: what a client does not read soon waits in its outbox.
        for listener in server.server._listeners:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
        self.talker = server.log_in("bob")
        self.listener = server.log_in("carol", subscribe="*")
        self.bystanders: list[WireClient] = []
        """Others, who go when the two are to be alone again."""
        self.said: list[str] = []
        """What alice sent and carol has not read yet."""

    def lazy_alice(self) -> WireClient:
        """alice, following everybody, who does not read, with more than the mark waiting."""
        alice = WireClient("127.0.0.1", self.server.port, receive_buffer=SMALL_BUFFER)
        self.server._clients.append(alice)
        self.bystanders.append(alice)
        alice.send("LOGIN alice pw-of-alice", "/subscribe *")
        while alice.read_line() != "[SERVER] Subscribed to *":
            pass
        outbox = outbox_of(self.server, alice)
        while outbox.backlog <= outbox.lag_threshold:
            self.talker.send(*["x" * 4000] * 10)
            for _ in range(10):
                self.listener.expect_message("bob", "x" * 4000)
        return alice

    def say(self, alice: WireClient, *texts: str) -> None:
        """Let alice publish texts; returns when carol has read the first."""
        alice.send(*texts)
        self.listener.expect_message("alice", texts[0])
        self.said += texts[1:]

    def clear(self) -> list[str]:
        """Wait until bob and carol are alone, see them talk, and give what alice was heard say."""
        for client in self.bystanders:
            client.close()
        until(lambda: self.server.server.client_count == 2, "the server lets the others go")
        assert self.talker.request("/who") == "[SERVER] In room 'lobby': bob, carol"
        self.talker.send("still here")
        heard: list[str] = []
        while True:
            match = self.listener.expect_match(r"\[\d\d:\d\d:\d\d\] (bob|alice): (.*)")
            if match.groups() == ("bob", "still here"):
                return heard
            assert match[1] == "alice"
            heard.append(match[2])


def outbox_of(server: RunningServer, client: WireClient) -> Outbox:
    """What waits in the server for a client."""
    host, port = client.socket.getsockname()
    (outbox,) = (
        handler.outbox
        for handler in tuple(server.server._clients)
        if handler._address == f"{host}:{port}"
    )
    return outbox


class HashGate:
    """Holds up the hash of every password that is checked between `close` and `open`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._opened = threading.Event()
        self._opened.set()
        self._held = threading.Semaphore(0)
        really_check = bcrypt.checkpw

        def check(password: bytes, hashed: bytes) -> bool:
            if not self._opened.is_set():
                self._held.release()
                self._opened.wait(WAIT_TIMEOUT)
            return really_check(password, hashed)

        monkeypatch.setattr(bcrypt, "checkpw", check)

    def close(self) -> None:
        self._opened.clear()

    def open(self) -> None:
        self._opened.set()

    def until_one_is_held(self) -> None:
        """Wait for a hash that has come to the gate since this was last called."""
        assert self._held.acquire(timeout=WAIT_TIMEOUT)

    def occupy(self, scenario: AbuseScenario) -> None:
        """Close, and keep every hashing thread busy."""
        self.close()
        for _ in range(default_workers()):
            dave = scenario.server.connect()
            scenario.bystanders.append(dave)
            dave.send("LOGIN dave pw-of-dave")
            self.until_one_is_held()
