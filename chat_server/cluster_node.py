"""This server as one of several: its part of the log that they share, and their accounts.

The package `backplane` is loaded only when a node is created: without `--redis` nothing of Redis is
imported.
"""

from __future__ import annotations

import os
import re
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from chat_server.accounts import SharedAccountStore, UsersFileError, demo_password_problem
from chat_server.config import Config
from chat_server.core import Hub, SavedState, Session
from chat_server.delivery import Dispatcher, Outbox
from chat_server.history import HistoryService
from chat_server.observability import EventLog, MetricsSnapshot

if TYPE_CHECKING:
    from chat_server.backplane import RedisBackplane


class JoinError(Exception):
    """The server cannot take part. The text is one line that says what to do."""


class ClusterNode:
    """One server of several. The main thread calls the methods, unless they say otherwise."""

    def __init__(
        self,
        config: Config,
        accounts: SharedAccountStore,
        log: EventLog,
        delivery: Dispatcher,
        on_replaced: Callable[[], None],
    ) -> None:
        """Connect to nothing yet. Raises `JoinError` if a setting cannot be used.

        `on_replaced()`: called by another thread, once, when `is_replaced` has become true.
        """
        from chat_server.backplane import (
            RedisBackplane,
            RedisSettings,
            RedisSettingsError,
            parse_redis_url,
        )

        assert config.redis is not None
        try:
            url = parse_redis_url(config.redis)
        except RedisSettingsError as error:
            raise JoinError(str(error)) from error
        self._config = config
        self._accounts = accounts
        self._log = log
        self._url = str(url)
        self._has_joined = False
        self._name = config.node or _default_name(config)
        self.backplane: RedisBackplane[Outbox] = RedisBackplane(
            RedisSettings(url, config.redis_password_file, config.redis_ca),
            self._name,
            log.cluster,
            config.tuning,
            batch=delivery.batch,
            accounts=accounts.records,
            is_gone=Outbox.is_gone,
            on_replaced=on_replaced,
        )
        """Puts the requests of this server's sessions in order with those of all others."""
        accounts.use_log(self.backplane.change_account)

    def creation_times(self) -> dict[str, str | None] | None:
        """Return when each account was created. None: the accounts of the log are not known yet.

        Any thread.
        """
        return self._accounts.creation_times() if self._has_joined else None

    def join(self, hub: Hub[Outbox], history: HistoryService | None, *, is_public: bool) -> None:
        """Bring the hub to the state of the log, and take part from now on.

        `history` is started already. `is_public`: others can reach the server. Raises `JoinError`,
        and `UsersFileError` if this server is the first one and cannot use its users file.
        """
        from chat_server.backplane import BackplaneError

        saved = SavedState() if history is None else history.saved_state()
        self._accounts.report_sessions_of(hub.has_session)
        try:
            self.backplane.start(
                hub.replica,
                stamp=saved.log_position,
                numbers=saved.log_numbers,
                newest=saved.newest_stamp,
            )
        except BackplaneError as error:
            raise JoinError(str(error)) from error
        accounts = self._accounts.accounts
        problem = demo_password_problem(accounts) if is_public else None
        if problem is not None:
            raise UsersFileError(f"the accounts in {self._url}: {problem}")
        self._has_joined = True
        hub.replica.record_accounts()
        self._log.cluster.cluster_joined(self._name, self._url)
        if not self._accounts.is_from_log:
            count = len(accounts.all_hashes)
            self._log.cluster.users_imported(str(self._config.users), count)

    def send_waiting(self) -> dict[Session[Outbox], int]:
        """Let what waits be sent: a stop follows. Return how much of each session is dropped."""
        return self.backplane.send_waiting() if self._has_joined else {}

    def leave(self) -> None:
        """Send what waits, and end this server's sessions for the others. Also if `join` failed."""
        self.backplane.stop()

    def report_accounts(self) -> None:
        """Log the sessions that ended with their accounts, and a change of the users file.

        The latter has no effect, and is logged once.
        """
        for ended in self._accounts.take_ended():
            if ended.is_disabled:
                self._log.account_disabled(ended.user)
            else:
                self._log.account_removed(ended.user)
        if self._accounts.users_file_has_changed():
            self._log.cluster.users_not_read(str(self._config.users))

    def insecure_files(self) -> list[tuple[Path, int]]:
        """Return the password file with its mode, if other users may read or write it."""
        path = self._config.redis_password_file
        if path is not None:
            with suppress(OSError):  # each connect reports it
                mode = stat.S_IMODE(path.stat().st_mode)
                return [(path, mode)] if mode & (stat.S_IRWXG | stat.S_IRWXO) else []
        return []

    @property
    def is_replaced(self) -> bool:
        """Another server has the name of this one, which takes no part any more. Any thread."""
        return self.backplane.is_replaced

    def defect(self) -> str | None:
        """Return why only a restart helps, or None. Any thread."""
        return self.backplane.defect() if self._has_joined else None

    def health_problem(self) -> str | None:
        """Return why other servers should serve the clients, or None. Any thread."""
        if self.is_replaced:
            return f"another server with the name {self._name!r} has started"
        seconds = self.backplane.away_seconds()
        if seconds < self._config.tuning.redis_unhealthy_seconds:
            return None
        return f"the other servers have been unreachable for {seconds:.0f} s"

    def degradation(self) -> str | None:
        """Return that messages wait for the other servers, or None. Any thread."""
        if self.backplane.away_seconds() < self._config.tuning.redis_notice_seconds:
            return None
        return "the other servers are unreachable; messages wait"

    def measured(self, snapshot: MetricsSnapshot) -> MetricsSnapshot:
        """Return the snapshot with the numbers of the log. Any thread."""
        now = self.backplane.measure()
        return replace(
            snapshot,
            redis_entries_written=now.entries_written,
            redis_entries_read=now.entries_read,
            redis_lag_seconds=now.lag_seconds,
            redis_queue_entries=now.queue_entries,
            redis_queue_bytes=now.queue_bytes,
            redis_nodes=now.leases,
            redis_resends=now.resends,
            redis_reconnects=now.reconnects,
            redis_away_seconds=now.seconds_away,
            redis_away_seconds_total=now.seconds_away_total,
        )


def _default_name(config: Config) -> str:
    """Return the host name and the port, or something else that is unique if that is 0."""
    host = re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname()).strip("._-")[:48] or "server"
    return f"{host}:{config.port or f'pid-{os.getpid()}'}"
