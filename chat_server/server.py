"""The chat server: bind, listen, accept, one thread a client, stop. No application logic."""

from __future__ import annotations

import os
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from math import inf
from typing import Final

from chat_server.access import AdmissionControl, BanList, LoginThrottle
from chat_server.accounts import AccountStore, HashPool, Rehasher
from chat_server.authenticator import Authenticator
from chat_server.client_handler import ClientHandler
from chat_server.config import Config
from chat_server.core import Hub, LocalClock
from chat_server.delivery import Dispatcher, Outbox
from chat_server.net import (
    CertificateError,
    Endpoint,
    LingeringCloser,
    ServerCertificate,
    endpoints,
    listen,
    load_certificate,
    self_signed_certificate,
)
from chat_server.observability import EventLog, MetricsSnapshot, RejectionLog
from chat_server.services import Services
from chat_server.wire import Stream, TlsStream, encode_replies, replies

_MIN_ACCEPT_BACKOFF: Final = 0.005
_MAX_ACCEPT_BACKOFF: Final = 1.0
"""Between two tries to accept when there are no files left: at once would be a spin."""

_JOIN_SECONDS: Final = 1.0
"""For threads to end once their sockets are shut down: they have nothing left to wait for."""

_KEEPALIVE_PROBES: Final = 4
"""Keepalive probes that go unanswered before a client counts as vanished."""


class ChatServer:
    """A server and its listeners. `start` and `stop` are called once each, by one thread."""

    def __init__(self, config: Config, accounts: AccountStore, log: EventLog) -> None:
        self._config = config
        self._accounts = accounts
        self._log = log
        self._delivery = Dispatcher(config)
        bans = BanList()
        self._hub: Hub[Outbox] = Hub(
            self._delivery.deliver,
            accounts.is_active,
            LocalClock(),
            may_be_followed=accounts.exists,
            is_banned=bans.is_banned,
        )
        hash_pool = HashPool()
        throttle = LoginThrottle(config.login_failures, config.tuning.login_failure_window)
        self._services = Services(
            config=config,
            hub=self._hub,
            delivery=self._delivery,
            accounts=accounts,
            hash_pool=hash_pool,
            authenticator=Authenticator(accounts, hash_pool, throttle, bans),
            bans=bans,
            rehasher=Rehasher(config.bcrypt_cost, accounts, hash_pool, log),
            log=log,
        )
        self._admission = AdmissionControl(config, bans)
        self._rejection_log = RejectionLog(log)
        self._listeners: dict[socket.socket, Endpoint] = {}
        self._certificate: ServerCertificate | None = None
        """One reference that is swapped whole: the acceptor reads it without a lock."""
        self._clients: dict[ClientHandler, threading.Thread] = {}
        self._clients_lock = threading.Lock()
        self._wake_read = self._wake_write = -1
        self._selector: selectors.BaseSelector  # made by `start`, the acceptor's from then on
        self._stopping = False
        self._acceptor = threading.Thread(target=self._accept_forever, name="acceptor", daemon=True)

    @property
    def port(self) -> int:
        """The port for plain text, or else the one for TLS. Only after `start`."""
        return next(iter(self.listening))[1]

    @property
    def tls_port(self) -> int:
        """The port for TLS. Only after `start`, and where TLS is spoken."""
        return next(port for endpoint, port in self.listening if endpoint.encrypted)

    @property
    def listening(self) -> tuple[tuple[Endpoint, int], ...]:
        """Where is listened, plain text first, with the port that it became. After `start`."""
        return tuple(
            (endpoint, listener.getsockname()[1]) for listener, endpoint in self._listeners.items()
        )

    @property
    def certificate(self) -> ServerCertificate | None:
        """What is shown to new clients; None where no TLS is spoken."""
        return self._certificate

    @property
    def client_count(self) -> int:
        """Connections at this moment, logged in or not."""
        with self._clients_lock:
            return len(self._clients)

    def measure(self) -> MetricsSnapshot:
        """The numbers of this moment. Any thread; waits for nothing that could hang for long."""
        shared = self._services
        sessions, rooms = shared.hub.sizes()
        backlog, lagging = shared.delivery.backlog()
        return MetricsSnapshot(
            sessions=sessions,
            rooms=rooms,
            connections=self.client_count,
            threads=threading.active_count(),
            messages=shared.hub.messages,
            deliveries=shared.hub.deliveries,
            bytes_out=shared.delivery.bytes_out,
            backlog=backlog,
            lagging=lagging,
            hashing=shared.hash_pool.waiting,
            events=shared.log.counts(),
            rejections=self._rejection_log.counts(),
        )

    def time_fan_out(self, observe: Callable[[float], None]) -> None:
        """Let `observe` be told how many seconds each fan-out took."""
        self._delivery.time_fan_out(observe)

    def health_problem(self) -> str | None:
        """What keeps it from serving; None where nothing does. Any thread, never blocks."""
        if self._stopping:
            return "the server is stopping"
        for part, is_alive in (
            ("acceptor", self._acceptor.is_alive()),
            ("flusher", self._delivery.is_alive),
            ("hashing", self._services.hash_pool.is_alive),
        ):
            if not is_alive:
                return f"the thread '{part}' does not run"
        return None

    def start(self, where: Sequence[Endpoint] | None = None) -> None:
        """Listen and serve, in threads of its own; returns when connections are accepted.

        `where`: what `endpoints` gave, by whoever had to know it before; else it is asked here.
        Raises `ListenError` where an address can't be had, `CertificateError`, and `RuntimeError`
        where there can be no more threads.
        """
        targets = endpoints(self._config) if where is None else where
        if any(endpoint.encrypted for endpoint in targets):
            self._certificate = self._load_certificate()
        try:
            for endpoint in targets:
                self._listeners[listen(endpoint, self._config.tuning.listen_backlog)] = endpoint
        except BaseException:
            for listener in self._listeners:
                listener.close()
            raise
        for path, mode in self._accounts.insecure_files():
            self._log.users_exposed(str(path), mode)
        if self._certificate is not None and self._certificate.key_is_exposed:
            self._log.key_exposed(str(self._certificate.key), self._certificate.key_mode)
        for name in sorted(self._config.operators):
            if not self._accounts.is_active(name):
                self._log.operator_without_account(name)
        self._update_switch_interval(0)
        threading.stack_size(self._config.tuning.stack_size)
        self._services.hash_pool.start()
        self._wake_read, self._wake_write = os.pipe()
        self._delivery.start()
        self._selector = selectors.DefaultSelector()
        self._acceptor.start()

    def reload_accounts(self) -> None:
        """Read the users file again if it changed; what became of accounts ends their sessions.

        Those of removed and of disabled ones, each with its last line (section 2). Main thread.
        """
        change = self._accounts.reload_if_changed()
        if change.error is not None:
            self._log.users_broken(change.error)
        if change.count is not None:
            self._log.users_reloaded(change.count)
        # The accounts are in use by now: nobody who is logged out here comes in behind it.
        for user in self._hub.remove_users(change.removed):
            self._log.account_removed(user)
        for user in self._hub.end_sessions(change.disabled, replies.LOGGED_OUT_ACCOUNT_DISABLED):
            self._log.account_disabled(user)
        if change.removed or change.disabled:
            self._delivery.drain()

    def reload_certificate(self) -> None:
        """Read the certificate again, for new connections; those that are there keep theirs.

        One that can't be used changes nothing. Main thread.
        """
        if self._certificate is None:
            return
        try:
            self._certificate = self._load_certificate()
        except CertificateError as error:
            self._log.certificate_broken(str(error))
        else:
            self._log.certificate_reloaded(self._certificate.fingerprint)
            self.check_certificate_expiry()

    def check_certificate_expiry(self) -> None:
        """Warn of a certificate that clients may refuse. Main thread."""
        if self._certificate is not None and self._certificate.has_expired:
            self._log.certificate_expired(str(self._certificate.path))

    def _load_certificate(self) -> ServerCertificate:
        config = self._config
        if config.tls_cert is not None and config.tls_key is not None:
            return load_certificate(config.tls_cert, config.tls_key)
        return self_signed_certificate(config.state, config.host)

    def stop(self) -> None:
        """Stop as section 5 says: no new connection, a last line to everyone, flush, close.

        Returns when every thread has ended, after `flush_seconds` and a little at the most.
        """
        self._stopping = True
        until = time.monotonic() + self._config.tuning.flush_seconds
        os.write(self._wake_write, b"!")
        self._acceptor.join()
        self._hub.shut_down()
        with self._clients_lock:
            clients = dict(self._clients)
        everyone = tuple(handler.outbox for handler in clients)
        self._delivery.deliver(everyone, encode_replies([replies.SHUTTING_DOWN]), True)
        self._delivery.drain()
        self._services.hash_pool.stop()
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
        with self._selector as selector, ExitStack() as closing:
            for listener in self._listeners:
                closing.enter_context(listener)
                selector.register(listener, selectors.EVENT_READ)
            selector.register(self._wake_read, selectors.EVENT_READ)
            refusals = LingeringCloser(selector, self._config.tuning.linger_seconds)
            set_aside: list[socket.socket] = []  # listeners that had no files left to accept with
            pause = _MIN_ACCEPT_BACKOFF
            resume_at = inf
            while True:
                wait = min(refusals.seconds_left(), max(0.0, resume_at - time.monotonic()))
                for key, _ in selector.select(None if wait == inf else wait):
                    ready = key.fileobj
                    if not isinstance(ready, socket.socket):
                        refusals.close_all()
                        return
                    if ready not in self._listeners:
                        refusals.discard_input(ready)
                        continue
                    try:
                        self._accept(ready, refusals)
                        pause = _MIN_ACCEPT_BACKOFF
                    except OSError as error:
                        self._log.accept_failed(error.strerror or str(error))
                        selector.unregister(ready)
                        set_aside.append(ready)
                        resume_at = time.monotonic() + pause
                        pause = min(2 * pause, _MAX_ACCEPT_BACKOFF)
                refusals.close_overdue()
                if resume_at <= time.monotonic():
                    resume_at = inf
                    while set_aside:
                        selector.register(set_aside.pop(), selectors.EVENT_READ)

    def _accept(self, listener: socket.socket, closer: LingeringCloser) -> None:
        """Take one connection. Raises `OSError` where the system has no more to give."""
        try:
            connected, (host, port, *_) = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # it went away again
        host = host.removeprefix("::ffff:")
        if self.client_count >= self._config.max_clients:
            self._rejection_log.record(host, port, "the server is full")
            closer.reject(connected, replies.SERVER_FULL)
        elif (refusal := self._admission.admit(host)) is not None:
            self._rejection_log.record(host, port, refusal.reason)
            closer.reject(connected, refusal.text)
        else:
            encrypted = self._listeners[listener].encrypted
            self._serve(connected, host, port, encrypted, closer)

    def _serve(
        self,
        connected: socket.socket,
        host: str,
        port: int,
        encrypted: bool,
        closer: LingeringCloser,
    ) -> None:
        """Start the thread of an admitted client."""
        try:
            _enable_keepalive(connected, self._config.tuning.vanished_seconds)
            stream = self._stream(connected, encrypted)
            handler = ClientHandler(stream, host, port, self._services)
        except OSError:
            connected.close()  # reset before we looked at it
            self._admission.release(host)
            return
        thread = threading.Thread(
            target=self._run_client, args=(handler, host), name=f"client {host}:{port}", daemon=True
        )
        # Registered before it starts: its end, which takes it out again, may come at once.
        with self._clients_lock:
            self._clients[handler] = thread
            self._update_switch_interval(len(self._clients))
        try:
            thread.start()
        except RuntimeError as error:
            with self._clients_lock:
                del self._clients[handler]
                self._update_switch_interval(len(self._clients))
            self._admission.release(host)
            self._log.thread_failed(str(error))
            closer.reject(connected, replies.SERVER_FULL)

    def _stream(self, connected: socket.socket, encrypted: bool) -> Stream:
        if not encrypted:
            return Stream(connected)
        certificate = self._certificate
        assert certificate is not None
        return TlsStream(connected, certificate.context, server_side=True)

    def _run_client(self, handler: ClientHandler, host: str) -> None:
        try:
            handler.run()
        finally:
            with self._clients_lock:
                del self._clients[handler]
                self._update_switch_interval(len(self._clients))
            self._admission.release(host, unauthenticated=not handler.has_logged_in)

    def _update_switch_interval(self, clients: int) -> None:
        """Let threads ask for the interpreter less often the more of them there may be."""
        config = self._config
        sys.setswitchinterval(
            max(config.tuning.switch_interval, clients * config.tuning.switch_interval_per_client)
        )


def _enable_keepalive(connected: socket.socket, seconds: float) -> None:
    """Let the kernel find, in so many seconds, a client that vanished without a word."""
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    interval = max(1, round(seconds / (_KEEPALIVE_PROBES + 3)))
    for name, value in (
        ("TCP_KEEPIDLE", 3 * interval),
        ("TCP_KEEPINTVL", interval),
        ("TCP_KEEPCNT", _KEEPALIVE_PROBES),
        # With data on its way keepalive does not act.
        ("TCP_USER_TIMEOUT", round(seconds * 1000)),
    ):
        if hasattr(socket, name):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
