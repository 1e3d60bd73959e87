"""The chat server: bind, listen, accept, one thread a client, stop. No application logic."""

from __future__ import annotations

import os
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable
from math import inf
from typing import Final

from chat_server.client_handler import ClientHandler
from chat_server.config import Config
from chat_server.delivery import Delivery
from chat_server.event_log import EventLog
from chat_server.hub import Hub
from chat_server.limits import ConnectionsPerAddress, LoginThrottle
from chat_server.local_clock import LocalClock
from chat_server.measurement import Measurement, measure
from chat_server.outbox import Outbox
from chat_server.passwords import PasswordPool
from chat_server.printable import address
from chat_server.refusals import Refusals
from chat_server.shared import Shared
from chat_server.users import UserStore
from chat_server.wire import replies
from chat_server.wire.protocol import encode_replies
from chat_server.wire.stream import Stream

_FIRST_PAUSE: Final = 0.005
_LONGEST_PAUSE: Final = 1.0
"""Between two tries to accept when there are no files left: at once would be a spin."""

_JOIN_SECONDS: Final = 1.0
"""For threads to end once their sockets are shut down: they have nothing left to wait for."""

_PROBES: Final = 4
"""Keepalive probes that go unanswered before a client counts as vanished."""


class ChatServer:
    """One listening server. `start` and `stop` are called once each, by one thread."""

    def __init__(self, config: Config, accounts: UserStore, log: EventLog) -> None:
        self._config = config
        self._accounts = accounts
        self._log = log
        self._delivery = Delivery(config)
        self._hub: Hub[Outbox] = Hub(self._delivery.deliver, accounts.has, LocalClock())
        self._shared = Shared(
            config=config,
            hub=self._hub,
            delivery=self._delivery,
            accounts=accounts,
            passwords=PasswordPool(),
            throttle=LoginThrottle(config.login_failures, config.login_failure_window),
            log=log,
        )
        self._admissions = ConnectionsPerAddress(
            config.max_connections_per_ip, not config.limit_loopback
        )
        self._listener: socket.socket | None = None
        self._clients: dict[ClientHandler, threading.Thread] = {}
        self._clients_lock = threading.Lock()
        self._wake_read = self._wake_write = -1
        self._stopping = False
        self._acceptor = threading.Thread(target=self._accept_forever, name="acceptor", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on. Only after `start`."""
        assert self._listener is not None
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def client_count(self) -> int:
        """Connections at this moment, logged in or not."""
        with self._clients_lock:
            return len(self._clients)

    def measure(self) -> Measurement:
        """The numbers of this moment. Any thread; waits for nothing that could hang for long."""
        return measure(self._shared, self.client_count)

    def time_fan_out(self, observe: Callable[[float], None]) -> None:
        """Let `observe` be told how many seconds each fan-out took."""
        self._delivery.time_fan_out(observe)

    def trouble(self) -> str | None:
        """What keeps it from serving; None where nothing does. Any thread, never blocks."""
        if self._stopping:
            return "the server is stopping"
        for part, is_alive in (
            ("acceptor", self._acceptor.is_alive()),
            ("flusher", self._delivery.is_alive),
            ("hashing", self._shared.passwords.is_alive),
        ):
            if not is_alive:
                return f"the thread '{part}' does not run"
        return None

    def start(self) -> None:
        """Listen and serve, in threads of its own; returns when connections are accepted.

        Raises `OSError` where the address cannot be had.
        """
        self._listener = _listen(self._config)
        self._pace_switches(0)
        threading.stack_size(self._config.stack_size)
        self._shared.passwords.start()
        self._wake_read, self._wake_write = os.pipe()
        self._delivery.start()
        self._acceptor.start()

    def look_at_users(self) -> None:
        """Read the users file again if it changed; removed users' sessions end (section 2)."""
        change = self._accounts.look()
        if change.error is not None:
            self._log.users_broken(change.error)
        if change.count is not None:
            self._log.users_reloaded(change.count)
        if change.removed:
            for user in self._hub.remove_users(change.removed):
                self._log.removed(user)
            self._delivery.drain()

    def stop(self) -> None:
        """Stop as section 5 says: no new connection, a last line to everyone, flush, close.

        Returns when every thread has ended, after `flush_seconds` and a little at the most.
        """
        self._stopping = True
        until = time.monotonic() + self._config.flush_seconds
        os.write(self._wake_write, b"!")
        self._acceptor.join()
        self._hub.shut_down()
        with self._clients_lock:
            clients = dict(self._clients)
        everyone = tuple(handler.outbox for handler in clients)
        self._delivery.deliver(everyone, encode_replies([replies.SHUTTING_DOWN]), True)
        self._delivery.drain()
        self._shared.passwords.stop()
        for thread in clients.values():
            thread.join(max(0.0, until - time.monotonic()))
        for handler in clients:
            handler.outbox.cut()
        until = time.monotonic() + _JOIN_SECONDS
        for thread in clients.values():
            thread.join(max(0.0, until - time.monotonic()))
        self._delivery.stop()
        os.close(self._wake_read)
        os.close(self._wake_write)

    # The acceptor's thread

    def _accept_forever(self) -> None:
        listener = self._listener
        assert listener is not None
        with selectors.DefaultSelector() as selector, listener:
            refusals = Refusals(selector, self._config.linger_seconds)
            selector.register(self._wake_read, selectors.EVENT_READ)
            selector.register(listener, selectors.EVENT_READ)
            pause = _FIRST_PAUSE
            resume_at = inf  # when a listener that was set aside is listened to again
            while True:
                wait = min(refusals.seconds_left(), max(0.0, resume_at - time.monotonic()))
                for key, _ in selector.select(None if wait == inf else wait):
                    if key.fileobj == self._wake_read:
                        refusals.close_all()
                        return
                    if refusals.is_refused(key.fileobj):
                        refusals.read_away(key.fileobj)  # type: ignore[arg-type]
                    elif key.fileobj is listener:
                        try:
                            self._accept(listener, refusals)
                            pause = _FIRST_PAUSE
                        except OSError as error:
                            self._log.accept_failed(error.strerror or str(error))
                            selector.unregister(listener)
                            resume_at = time.monotonic() + pause
                            pause = min(2 * pause, _LONGEST_PAUSE)
                refusals.close_overdue()
                if resume_at <= time.monotonic():
                    resume_at = inf
                    selector.register(listener, selectors.EVENT_READ)

    def _accept(self, listener: socket.socket, refusals: Refusals) -> None:
        """Take one connection. Raises `OSError` where the system has no more to give."""
        try:
            connected, (host, port, *_) = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # it went away again
        host = host.removeprefix("::ffff:")
        if self.client_count >= self._config.max_clients:
            self._log.refused(address(host, port), "the server is full")
            refusals.refuse(connected, replies.SERVER_FULL)
        elif not self._admissions.admit(host):
            self._log.refused(address(host, port), "too many connections from this address")
            refusals.refuse(connected, replies.TOO_MANY_CONNECTIONS)
        else:
            self._serve(connected, host, port, refusals)

    def _serve(self, connected: socket.socket, host: str, port: int, refusals: Refusals) -> None:
        """Start the thread of an admitted client."""
        try:
            _watch_over(connected, self._config.vanished_seconds)
            handler = ClientHandler(Stream(connected), host, port, self._shared)
        except OSError:
            connected.close()  # reset before we looked at it
            self._admissions.release(host)
            return
        thread = threading.Thread(
            target=self._live, args=(handler, host), name=f"client {host}:{port}", daemon=True
        )
        # Registered before it starts: its end, which takes it out again, may come at once.
        with self._clients_lock:
            self._clients[handler] = thread
            self._pace_switches(len(self._clients))
        try:
            thread.start()
        except RuntimeError as error:
            with self._clients_lock:
                del self._clients[handler]
                self._pace_switches(len(self._clients))
            self._admissions.release(host)
            self._log.thread_failed(str(error))
            refusals.refuse(connected, replies.SERVER_FULL)

    def _live(self, handler: ClientHandler, host: str) -> None:
        try:
            handler.run()
        finally:
            with self._clients_lock:
                del self._clients[handler]
                self._pace_switches(len(self._clients))
            self._admissions.release(host)

    def _pace_switches(self, clients: int) -> None:
        """Let threads ask for the interpreter less often the more of them there may be."""
        config = self._config
        sys.setswitchinterval(
            max(config.switch_interval, clients * config.switch_interval_per_client)
        )


def _listen(config: Config) -> socket.socket:
    """A listening socket, non-blocking: a connection may vanish between `select` and `accept`."""
    family, _, _, _, where = socket.getaddrinfo(
        config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.create_server(
        where,
        family=family,
        backlog=config.listen_backlog,
        dualstack_ipv6=config.host == "::" and socket.has_dualstack_ipv6(),
    )
    listener.setblocking(False)
    return listener


def _watch_over(connected: socket.socket, seconds: float) -> None:
    """Let the kernel find, in so many seconds, a client that vanished without a word."""
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    interval = max(1, round(seconds / (_PROBES + 3)))
    for name, value in (
        ("TCP_KEEPIDLE", 3 * interval),
        ("TCP_KEEPINTVL", interval),
        ("TCP_KEEPCNT", _PROBES),
        # With data on its way keepalive does not act.
        ("TCP_USER_TIMEOUT", round(seconds * 1000)),
    ):
        if hasattr(socket, name):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
