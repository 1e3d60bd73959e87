"""The sentences of the log about the other servers and the Redis that they share.

One method for each event, like `EventLog`. They implement `LogEvents` of the backplane.
"""

from __future__ import annotations

from chat_server.escape import one_line
from chat_server.observability.log_format import LogLevel
from chat_server.observability.log_writer import LogWriter


class ClusterEvents:
    """The events of a server that is one of several."""

    def __init__(self, writer: LogWriter) -> None:
        self._write = writer.write

    def cluster_joined(self, node: str, url: str) -> None:
        """The server takes part. `url`: of Redis, which never contains a password."""
        self._write(
            "*",
            "cluster_joined",
            f"Server {one_line(node)} shares a chat over {one_line(url)}",
            node=node,
            url=url,
        )

    def users_imported(self, path: str, count: int) -> None:
        """The first server of all has written its users file to Redis."""
        self._write(
            "*",
            "users_imported",
            f"Imported {count} accounts of {one_line(path)} into Redis; from now on they are"
            " changed with: chat-server users --redis",
            path=path,
            count=count,
        )

    def users_not_read(self, path: str) -> None:
        """The users file has changed, which has no effect. Reported once for each change."""
        self._write(
            "!",
            "users_not_read",
            f"{one_line(path)} has changed, but the accounts are in Redis; change them with:"
            " chat-server users --redis",
            path=path,
        )

    def redis_unreachable(self, why: str) -> None:
        """Redis does not answer, or rejects this server. Logged once for each outage.

        And once for each further cause during it that only an operator can end.
        """
        self._write(
            "!",
            "redis_unreachable",
            f"Disconnected from the other servers: {one_line(why)}",
            why=why,
            level=LogLevel.ERROR,
        )

    def redis_connected(self, seconds: float) -> None:
        """Redis answers again. `seconds`: how long it did not."""
        seconds = round(seconds, 1)
        self._write(
            "*",
            "redis_connected",
            f"Connected to the other servers again after {seconds} s",
            seconds=seconds,
        )

    def redis_setting(self, why: str) -> None:
        """A setting of Redis may lose messages, or its clock is wrong. `why` names the cure."""
        self._write("!", "redis_setting", f"Check Redis: {one_line(why)}", why=why)

    def servers_differ(self, why: str) -> None:
        """Servers that share the log may decide differently. `why` names the cure."""
        self._write("!", "servers_differ", f"The servers differ: {one_line(why)}", why=why)

    def log_seeded(self, entries: int) -> None:
        """Redis was empty. This server wrote the state there, and the newest entries."""
        self._write(
            "*",
            "log_seeded",
            f"Redis was empty: wrote the state and the newest {entries} entries to it",
            entries=entries,
        )

    def accounts_written(self, count: int) -> None:
        """Redis had lost the accounts alone. This server wrote them back from memory."""
        self._write(
            "!",
            "accounts_written",
            f"Redis had lost the accounts: wrote {count} accounts back to it",
            count=count,
        )

    def account_changes_resent(self, count: int) -> None:
        """The log had lost changes by `chat-server users`. This server has made them again."""
        self._write(
            "!",
            "account_changes_resent",
            f"Redis had lost {count} changes of accounts, which were made again",
            count=count,
        )

    def log_replayed(self, why: str) -> None:
        """The log is not the one that this server has read. It loaded a snapshot of the state."""
        self._write("!", "log_replayed", f"Loaded the state again: {one_line(why)}", why=why)

    def entries_resent(self, count: int) -> None:
        """Redis had lost acknowledged entries of this server, which sends them again."""
        self._write(
            "!",
            "entries_resent",
            f"Redis had lost {count} entries of this server, which were sent again",
            count=count,
        )

    def sessions_restored(self, count: int) -> None:
        """The sessions of this server had ended for the others or in Redis, and go on."""
        self._write(
            "*",
            "sessions_restored",
            f"Restored {count} sessions that had ended for the other servers or in Redis",
            count=count,
        )

    def messages_unsent(self, count: int) -> None:
        """The server stopped while Redis was away. No client got an echo of these messages."""
        self._write(
            "!",
            "messages_unsent",
            f"Stopped with {count} messages not sent to the other servers",
            count=count,
            level=LogLevel.ERROR,
        )

    def node_replaced(self) -> None:
        """Another server with the same name has started, so this one takes no part any more."""
        self._write(
            "!",
            "node_replaced",
            "Another server with the same name has started, so this one takes no part any more;"
            " give each server its own --node and restart this one",
            level=LogLevel.ERROR,
        )

    def entry_failed(self, why: str) -> None:
        """An entry of the log could not be applied: a defect."""
        self._write(
            "!",
            "entry_failed",
            f"An entry of the log could not be applied: {one_line(why)}",
            why=why,
            level=LogLevel.ERROR,
        )
