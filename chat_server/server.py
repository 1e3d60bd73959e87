"""The chat server: builds its parts, starts and stops them, and runs one thread per client."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from chat_server.access import (
    AdmissionControl,
    BanList,
    LoginPace,
    LoginThrottle,
    Place,
    Rejection,
)
from chat_server.account_reload import AccountReload
from chat_server.accounts import (
    AccountsInUse,
    AccountStore,
    HashPool,
    Rehasher,
    SharedAccountStore,
    VerifiedPasswords,
)
from chat_server.addresses import is_within
from chat_server.authenticator import Authenticator
from chat_server.client_handler import ClientHandler
from chat_server.client_threads import ClientThreads, join_threads
from chat_server.cluster_node import ClusterNode
from chat_server.config import Config
from chat_server.core import Hub, PresenceLimit, now_microseconds
from chat_server.delivery import Dispatcher, Outbox, TextEncoder
from chat_server.exposure_report import ExposureReport
from chat_server.history import HistoryService, HistorySnapshot, open_history
from chat_server.net import (
    Acceptor,
    CertificateInUse,
    Endpoint,
    ServerCertificate,
    bind,
    enable_keepalive,
    endpoints,
    listen,
    open_all,
)
from chat_server.observability import EventLog, MetricsSnapshot, RejectionLog
from chat_server.presence_timer import PresenceTimer
from chat_server.services import Services
from chat_server.unread_notifier import UnreadNotifier
from chat_server.wire import Stream, TlsStream, cluster_replies, encode_replies, replies


class ChatServer:
    """A server with its listeners. `start` and `stop` are called once each, by one thread."""

    def __init__(
        self,
        config: Config,
        accounts: AccountsInUse,
        log: EventLog,
        clock: Callable[[], int] = now_microseconds,
    ) -> None:
        """`accounts`: by `open_accounts`. `clock`: microseconds since the epoch, for stamps and
        retention. Raises `JoinError` if a setting for Redis cannot be used.
        """
        self._config = config
        self._accounts = accounts
        self._log = log
        self._delivery = Dispatcher(config)
        self._presence_timer = PresenceTimer(self._delivery)
        self._clock = clock
        self._history: HistoryService | None = None
        self._history_problem: str | None = None
        """Why there is no history though it was configured."""
        self._unread_notifier: UnreadNotifier | None = None
        shared = accounts if isinstance(accounts, SharedAccountStore) else None
        self._node: ClusterNode | None = None
        """None: this server is the only one."""
        if shared is not None:
            self._node = ClusterNode(config, shared, log, self._delivery, self._end_clients)
        # The log decides when a ban ends, by stamps; this clock only says how much is left.
        bans = BanList() if shared is None else BanList(lambda: clock() / 1_000_000)
        self._hub: Hub[Outbox] = Hub(
            TextEncoder(self._delivery.deliver).emit,
            accounts.is_active,
            clock,
            may_be_followed=accounts.exists,
            bans=bans,
            presence_limit=PresenceLimit(
                config.tuning.presence_burst,
                config.tuning.presence_seconds,
                self._presence_timer.notify,
            ),
            backplane=None if self._node is None else self._node.backplane,
            accounts=shared,
        )
        hash_pool = HashPool()
        tuning = config.tuning
        authenticator = Authenticator(
            accounts,
            hash_pool,
            LoginThrottle(config.login_failures, tuning.login_failure_window),
            LoginPace(tuning.login_burst, tuning.login_interval),
            bans,
            VerifiedPasswords(config.remember_logins),
            tuning.login_queue_seconds,
        )
        self._admission = AdmissionControl(config, bans, authenticator.is_known_address)
        self._services = Services(
            config=config,
            hub=self._hub,
            delivery=self._delivery,
            accounts=accounts,
            hash_pool=hash_pool,
            authenticator=authenticator,
            bans=bans,
            places=self._admission.places,
            rehasher=Rehasher(config.bcrypt_cost, accounts, hash_pool, log, authenticator.remember),
            log=log,
        )
        self._certificate = CertificateInUse(config, log)
        self._exposure = ExposureReport(config, accounts, self._certificate, self._node, log)
        self._account_reload: AccountReload | None = None
        """None: the accounts are in no file, see `SharedAccountStore`."""
        if isinstance(accounts, AccountStore):
            self._account_reload = AccountReload(
                self._services, accounts, None, self.report_exposure
            )
        self._rejection_log = RejectionLog(log)
        self._listeners: dict[socket.socket, Endpoint] = {}
        self._is_public = False
        self._clients = ClientThreads(tuning, self._release_place)
        self._stopping = False
        self._acceptor = Acceptor(
            self._serve,
            log,
            config.tuning.linger_seconds,
            self._admission.must_wait,
            self._admission.weight,
            self._record_crowded,
            is_proxy=partial(is_within, networks=config.trusted_proxies),
            header_seconds=min(config.login_timeout, config.tuning.proxy_header_seconds),
            on_invalid_header=self._rejection_log.record,
        )

    @property
    def port(self) -> int:
        """The port for plain text, or the one for TLS if there is none. Only after `start`."""
        return next(iter(self.listening))[1]

    @property
    def tls_port(self) -> int:
        """The port for TLS. Only after `start`, and if the server speaks TLS."""
        return next(port for endpoint, port in self.listening if endpoint.encrypted)

    @property
    def listening(self) -> tuple[tuple[Endpoint, int], ...]:
        """The endpoints and their actual ports, plain text first. Only after `start`."""
        return tuple(
            (endpoint, listener.getsockname()[1]) for listener, endpoint in self._listeners.items()
        )

    @property
    def certificate(self) -> ServerCertificate | None:
        """The certificate for new connections; None if the server does not speak TLS."""
        return self._certificate.current

    @property
    def history_file(self) -> Path | None:
        """The file in which messages are kept, or None if history is off."""
        return None if self._history is None else self._config.history

    @property
    def client_count(self) -> int:
        """Connections at this moment, logged in or not."""
        return len(self._clients)

    def measure(self) -> MetricsSnapshot:
        """Return the current numbers. Any thread may call it; it takes leaf locks only."""
        services = self._services
        sessions, rooms = services.hub.sizes()
        backlog, lagging = services.delivery.backlog()
        history = HistorySnapshot() if self._history is None else self._history.measure()
        snapshot = MetricsSnapshot(
            sessions=sessions,
            rooms=rooms,
            connections=self.client_count,
            threads=threading.active_count(),
            messages=services.hub.messages,
            deliveries=services.hub.deliveries,
            bytes_out=services.delivery.bytes_out,
            backlog=backlog,
            lagging=lagging,
            hashing=services.hash_pool.waiting,
            events=services.log.counts(),
            rejections=self._rejection_log.counts(),
            history_stored=history.stored,
            history_dropped=history.dropped,
            history_queue=history.queue,
            history_commits=history.commits,
            history_commit_seconds=history.commit_seconds,
            history_bytes=history.size,
            history_pages=history.pages,
            history_searches_cut=history.searches_cut,
            history_degraded=int(self._history_degradation() is not None),
        )
        return snapshot if self._node is None else self._node.measured(snapshot)

    def time_fan_out(self, observe: Callable[[float], None]) -> None:
        """Call `observe` with the seconds that each fan-out takes."""
        self._delivery.time_fan_out(observe)

    def health_problem(self) -> str | None:
        """Return why clients should use another server, or None. Any thread; never blocks."""
        problem = self.defect()
        return problem if problem or self._node is None else self._node.health_problem()

    def defect(self) -> str | None:
        """Return why only a restart helps, or None. Any thread may call it; never blocks.

        Not while Redis is away: what waits for it would be lost. Not if another server has the same
        name: after a restart, this one would replace that one in turn.
        """
        if self._stopping:
            return "the server is stopping"
        notifier = self._unread_notifier
        for part, is_alive in (
            ("acceptor", self._acceptor.is_alive),
            ("flusher", self._delivery.is_alive),
            ("hashing", self._services.hash_pool.is_alive),
            ("presence", self._presence_timer.is_alive),
            ("unread", notifier is None or notifier.is_alive),
        ):
            if not is_alive:
                return f"the thread '{part}' does not run"
        return None if self._node is None else self._node.defect()

    def degradation(self) -> str | None:
        """Return what does not work as it should, or None. The chat works, and may be slow.

        Any thread may call it; never blocks.
        """
        problem = None if self._node is None else self._node.degradation()
        return problem or self._history_degradation()

    def _history_degradation(self) -> str | None:
        if self._history is None:
            return self._history_problem
        return self._history.degradation()

    def start(self, targets: Sequence[Endpoint] | None = None) -> None:
        """Listen, start the threads, and return when the server accepts connections.

        `targets`: the result of `endpoints`, if the caller had to know it before; else it is
        resolved here. Raises `ListenError` if an address cannot be listened on,
        `CertificateError`, `HistoryInUseError` if another server uses the history file, `JoinError`
        and `UsersFileError` if the server cannot take part with others, and `RuntimeError` if the
        system refuses more threads.
        """
        try:
            self._start(targets)
        except BaseException:
            for listener in self._listeners:
                listener.close()
            if self._node is not None:
                self._node.leave()
            if self._history is not None:
                self._history.stop()  # so another server can use the file
            raise

    def _start(self, targets: Sequence[Endpoint] | None) -> None:
        if targets is None:
            targets = endpoints(self._config)
        self._is_public = any(endpoint.is_public for endpoint in targets)
        if any(endpoint.encrypted for endpoint in targets):
            self._certificate.load(is_public=self._is_public)
        backlog = self._config.tuning.listen_backlog
        # With other servers, a client would wait until this one has read their log. But the port
        # must be its own before that, or a second server of this name would replace the first.
        self._listeners, skipped = open_all(
            targets, bind if self._node else lambda endpoint: listen(endpoint, backlog)
        )
        for endpoint, error in skipped.items():
            self._log.not_listening(endpoint.host, str(error))
        self.report_exposure()
        if self._node is None:
            self._report_missing_operators()
        self._clients.update_switch_interval()
        threading.stack_size(self._config.tuning.stack_size)
        self._open_history()
        if self._node is not None:
            self._node.join(self._hub, self._history, is_public=self._is_public)
            self._report_missing_operators()
            for listener in self._listeners:
                listener.setblocking(False)
                listener.listen(backlog)
        self._services.hash_pool.start()
        self._delivery.start()
        self._presence_timer.start(self._hub)
        if self._unread_notifier is not None:
            self._unread_notifier.start()
        self._acceptor.start(self._listeners)

    def _report_missing_operators(self) -> None:
        for name in sorted(self._config.operators):
            if not self._accounts.is_active(name):
                self._log.operator_without_account(name)

    def _open_history(self) -> None:
        """Open the history and start to store. The last step that can fail: it creates a file."""
        # The accounts of other servers are not known yet. `ClusterNode.join` matches them.
        accounts = (
            self._accounts.creation_times if self._node is None else self._node.creation_times
        )
        history, self._history_problem = open_history(
            self._config, accounts, self._log, self._clock
        )
        if history is None:
            return
        self._history = history
        self._hub.use_history(history.recorder, history.saved_state())
        self._unread_notifier = UnreadNotifier(
            self._hub, history, self._delivery, self._log, self._config.tuning.unread_seconds
        )
        self._services = replace(
            self._services, history=history, notify_unread_on=self._unread_notifier.notify
        )
        if isinstance(self._accounts, AccountStore):
            self._account_reload = AccountReload(
                self._services, self._accounts, history, self.report_exposure
            )
        history.start()

    def report_exposure(self) -> None:
        """Log which files other users of this machine may read or write, each once. Main thread."""
        self._exposure.update()

    def reload_accounts(self) -> None:
        """Read the users file again if it has changed. See `AccountReload`. Main thread.

        With other servers, forget what belonged to accounts that the log has changed.
        """
        if self._account_reload is not None:
            self._account_reload.run()
        if self._node is not None:
            self._services.authenticator.accounts_changed()
            self._node.report_accounts()

    def reload_certificate(self) -> None:
        """Read the certificate again, for new connections. See `CertificateInUse`. Main thread."""
        if self._certificate.reload():
            self.report_exposure()
            self.check_certificate_expiry()

    def check_certificate_expiry(self) -> None:
        """Warn if the certificate has expired: clients may reject it. Main thread."""
        self._certificate.check_expiry()

    def stop(self) -> None:
        """Stop accepting, send every client its last line, flush, close (protocol, section 5).

        Return when every thread has ended: at most a little after `flush_seconds`. With other
        servers, clients get their last line after `redis_stop_seconds` if Redis is away.
        """
        self._stopping = True
        until = time.monotonic() + self._config.tuning.flush_seconds
        self._acceptor.stop()
        unsent = {} if self._node is None else self._node.send_waiting()
        with self._delivery.batch():
            self._hub.shut_down(unsent)
            clients = self._clients.current()
            everyone = tuple(handler.outbox for handler in clients)
            self._delivery.deliver(everyone, encode_replies([replies.SHUTTING_DOWN]), True)
        self._services.hash_pool.stop()
        join_threads(clients, until)
        if self._node is not None:
            self._node.leave()  # behind the last line of every client
        self._presence_timer.stop()
        if self._unread_notifier is not None:
            self._unread_notifier.stop()
        self._delivery.stop()
        if self._history is not None:
            self._history.stop()  # behind everything that records

    def _end_clients(self) -> None:
        """Close all connections: what their users sent last would never be sent. Any thread.

        Another server has the name of this one, so they log in there, or anywhere else.
        """
        self._clients.abort_all()

    def _serve(
        self, connected: socket.socket, host: str, port: int, endpoint: Endpoint
    ) -> str | None:
        """Serve a new connection, or return why it is rejected. The acceptor's thread."""
        if self._node is not None and self._node.is_replaced:
            self._rejection_log.record(host, port, "another server has taken its place")
            return cluster_replies.SERVER_REPLACED
        admitted = self._admission.admit(host, port, self._record_eviction)
        if isinstance(admitted, Rejection):
            self._rejection_log.record(host, port, admitted.reason)
            return admitted.text
        return self._start_client(connected, admitted, endpoint)

    def _record_eviction(self, evicted: Place) -> None:
        self._rejection_log.record(
            evicted.host, evicted.port, "another connection needed its place before it logged in"
        )

    def _record_crowded(self, host: str, port: int) -> None:
        self._rejection_log.record(
            host, port, "too many connections from addresses that keep connecting"
        )

    def _start_client(
        self, connected: socket.socket, place: Place, endpoint: Endpoint
    ) -> str | None:
        """Start the thread of an admitted client. Return an error for it if there is no thread."""
        try:
            enable_keepalive(connected, self._config.tuning.vanished_seconds)
            stream = self._stream(connected, endpoint)
            handler = ClientHandler(stream, place, self._services)
        except OSError:  # the client has already reset the connection
            connected.close()
            self._admission.release(place)
            return None
        try:
            self._clients.start(handler, place)
        except RuntimeError as error:
            self._admission.release(place)
            self._log.thread_failed(str(error))
            return replies.SERVER_FULL
        return None

    def _stream(self, connected: socket.socket, endpoint: Endpoint) -> Stream:
        if not endpoint.encrypted:
            return Stream(connected)
        certificate = self._certificate.current
        assert certificate is not None
        return TlsStream(connected, certificate.context, server_side=True)

    def _release_place(self, handler: ClientHandler, place: Place) -> None:
        """Let another connection have the place of a client. The client's thread."""
        self._admission.release(
            place,
            unauthenticated=not handler.has_logged_in,
            is_counted_elsewhere=handler.is_counted_by_login_throttle,
        )
