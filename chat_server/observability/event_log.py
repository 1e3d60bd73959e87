"""The sentences of the log: one method per event, which counts the event and writes it.

Each method has the name of its event. All text from outside is escaped, and no method takes a
password. Any thread may call the methods, while it holds no lock of the hub or of the dispatcher:
a write may block for a moment. docs/operating.md explains every event.
"""

from __future__ import annotations

import shlex
import sys
import traceback
from collections import Counter
from collections.abc import Sequence
from typing import Final, TextIO

from chat_server.escape import one_line, printable, quoted
from chat_server.observability.cluster_events import ClusterEvents
from chat_server.observability.log_format import LogLevel
from chat_server.observability.log_writer import LogWriter

_MAX_NAMES: Final = 8
"""Most names in one line. Many users may share one banned address."""


class EventLog:
    """The log of one server. An `address` is `host:port`. Names arrive unescaped."""

    def __init__(
        self, stream: TextIO | None = None, level: str = "info", log_format: str = "text"
    ) -> None:
        """`stream` None: standard error. `level`: of `LEVELS`. `log_format`: one of `FORMATS`."""
        self._writer = LogWriter(sys.stderr if stream is None else stream, level, log_format)
        self._write = self._writer.write
        self.cluster = ClusterEvents(self._writer)
        """The events of a server that is one of several."""

    def counts(self) -> Counter[str]:
        """Return how often each event happened, by name, including events below the log level."""
        return self._writer.counts()

    # Start and stop

    def listening(self, host: str, port: int, *, encrypted: bool) -> None:
        """The server listens on a port. `host`: its address, also if `--host` is a name."""
        where = f"[{host}]" if ":" in host else host
        how = ", TLS" if encrypted else ""
        self._write(
            "*",
            "listening",
            f"Listening on {printable(where)}:{port}{how}",
            host=host,
            port=port,
            encrypted=encrypted,
        )

    def not_listening(self, name: str, why: str) -> None:
        """One address of the host name cannot be listened on. The others are in use."""
        self._write(
            "!",
            "not_listening",
            f"Not listening on all addresses of {printable(name)}: {one_line(why)}",
            name=name,
            why=why,
        )

    def metrics_listening(self, port: int) -> None:
        """The metrics server listens."""
        self._write(
            "*", "metrics_listening", f"Metrics on http://127.0.0.1:{port}/metrics", port=port
        )

    def plaintext_public(self) -> None:
        """The operator enabled plain text on an address that other machines can reach."""
        self._write(
            "!",
            "plaintext_public",
            "Plain text on an address that others can reach: they can read every password and"
            " every message",
        )

    def running_as_root(self) -> None:
        """The server runs as root, which it never needs."""
        self._write(
            "!",
            "running_as_root",
            "Running as root: a defect in the server would give away the whole machine; run it as"
            " a user of its own",
        )

    def stopping(self) -> None:
        """The server received a request to stop."""
        self._write("*", "stopping", "Stopping")

    def stopped(self) -> None:
        """Everything is closed."""
        self._write("*", "stopped", "Stopped")

    # The certificate

    def key_fingerprint(self, fingerprint: str) -> None:
        """The key by which clients recognize this server."""
        self._write(
            "*",
            "key_fingerprint",
            f"Key fingerprint {one_line(fingerprint)}",
            fingerprint=fingerprint,
        )

    def key_exposed(self, path: str, mode: int) -> None:
        """Users other than the owner may read or write the key of the certificate."""
        self._write(
            "!",
            "key_exposed",
            f"{one_line(path)} can be read or written by others (mode {mode:04o}), and anyone who"
            f" has it can impersonate this server; make it private with: chmod 600"
            f" {one_line(shlex.quote(path))}",
            path=path,
            mode=f"{mode:04o}",
        )

    def certificate_expired(self, path: str) -> None:
        """Clients that check its dates will reject the certificate."""
        self._write(
            "!", "certificate_expired", f"The certificate {quoted(path)} has expired", path=path
        )

    def certificate_reloaded(self, fingerprint: str) -> None:
        """New connections get the reloaded certificate."""
        self._write(
            "*",
            "certificate_reloaded",
            f"Certificate reloaded: key fingerprint {one_line(fingerprint)}",
            fingerprint=fingerprint,
        )

    def certificate_broken(self, why: str) -> None:
        """The new certificate cannot be used. New connections still get the old one."""
        self._write(
            "!",
            "certificate_broken",
            f"Certificate not reloaded: {one_line(why)}",
            why=why,
            level=LogLevel.ERROR,
        )

    # Connections

    def connected(self, address: str) -> None:
        """A client connected."""
        self._write("+", "connected", f"New connection from {printable(address)}", address=address)

    def refused(self, address: str, why: str, unsaid: int = 0, elsewhere: int = 0) -> None:
        """The server is full, the address has too many connections, or the address is banned.

        `unsaid`: rejections from this address since the last line about it that have no line of
        their own. `elsewhere`: the same for addresses that never had a line.
        """
        also = f" (and {unsaid} more from there)" if unsaid else ""
        also += f" (and {elsewhere} from other addresses)" if elsewhere else ""
        self._write(
            "!",
            "refused",
            f"Refused {printable(address)}: {one_line(why)}{also}",
            address=address,
            why=why,
            unsaid=unsaid,
            elsewhere=elsewhere,
        )

    def handshake_failed(self, address: str, why: str) -> None:
        """The TLS handshake with a client on the TLS port failed."""
        self._write(
            "-",
            "handshake_failed",
            f"TLS handshake with {printable(address)} failed: {one_line(why)}",
            address=address,
            why=why,
        )

    def closed_before_login(self, address: str) -> None:
        """A client that never logged in closed its connection."""
        self._write(
            "-",
            "closed_before_login",
            f"Connection from {printable(address)} closed before login",
            address=address,
        )

    def slow_reader_cut(self, client: str) -> None:
        """The server cut a client that did not read. `client`: the name of its user."""
        self._write(
            "!", "slow_reader_cut", f"Cut {quoted(client)}: it reads too slowly", client=client
        )

    # Logins and sessions

    def authenticated(self, user: str) -> None:
        """A login succeeded."""
        self._write("+", "authenticated", f"User {quoted(user)} authenticated", user=user)

    def login_failed(self, user: str, address: str) -> None:
        """A login had an unknown user or a wrong password."""
        self._write(
            "!",
            "login_failed",
            f"Failed login for {quoted(user)} from {printable(address)}",
            user=user,
            address=address,
        )

    def login_throttled(self, user: str, address: str) -> None:
        """A login was rejected after too many failures from its address."""
        self._write(
            "!",
            "login_throttled",
            f"Refused login for {quoted(user)} from {printable(address)}: too many failures",
            user=user,
            address=address,
        )

    def login_waited_too_long(self, user: str, address: str) -> None:
        """A login was rejected unchecked: it was not its turn for a hash in time."""
        self._write(
            "!",
            "login_waited_too_long",
            f"Refused login for {quoted(user)} from {printable(address)}: it waited too long",
            user=user,
            address=address,
        )

    def login_banned(self, user: str, address: str) -> None:
        """A login was rejected: its address or, after the right password, its account is banned."""
        self._write(
            "!",
            "login_banned",
            f"Refused login for {quoted(user)} from {printable(address)}: banned",
            user=user,
            address=address,
        )

    def login_without_place(self, user: str, address: str) -> None:
        """The password was right, but all places for users that are not operators are taken."""
        self._write(
            "!",
            "login_without_place",
            f"Refused login for {quoted(user)} from {printable(address)}: the server is full",
            user=user,
            address=address,
        )

    def login_timed_out(self, address: str) -> None:
        """The client sent no complete line in time."""
        self._write(
            "-", "login_timed_out", f"Login timed out for {printable(address)}", address=address
        )

    def login_invalid(self, address: str) -> None:
        """The first line was not a LOGIN. The line is not shown: it may hold a password."""
        self._write(
            "!",
            "login_invalid",
            f"Invalid login format from {printable(address)}",
            address=address,
            level=LogLevel.INFO,
        )

    def disconnected(self, user: str) -> None:
        """A session ended."""
        self._write("-", "disconnected", f"User {quoted(user)} disconnected", user=user)

    def account_removed(self, user: str) -> None:
        """The server ended a session whose account is gone from the users file."""
        self._write(
            "-", "account_removed", f"User {quoted(user)} logged out: account removed", user=user
        )

    def account_disabled(self, user: str) -> None:
        """The server ended a session whose account was disabled."""
        self._write(
            "-", "account_disabled", f"User {quoted(user)} logged out: account disabled", user=user
        )

    # Passwords and their hashes

    def password_changed(self, user: str) -> None:
        """A user changed their own password."""
        self._write("*", "password_changed", f"User {quoted(user)} changed the password", user=user)

    def password_change_failed(self, user: str, host: str) -> None:
        """The old password was wrong. `host`: the address of the client without the port."""
        self._write(
            "!",
            "password_change_failed",
            f"Failed password change for {quoted(user)} from {printable(host)}",
            user=user,
            host=host,
        )

    def password_change_throttled(self, user: str, host: str) -> None:
        """A password change was rejected after too many wrong old passwords of its account."""
        self._write(
            "!",
            "password_change_throttled",
            f"Refused password change for {quoted(user)} from {printable(host)}: too many failures",
            user=user,
            host=host,
        )

    def password_not_stored(self, user: str, why: str) -> None:
        """A password was not changed because the users file cannot be written."""
        self._write(
            "!",
            "password_not_stored",
            f"Password of {quoted(user)} not changed: {one_line(why)}",
            user=user,
            why=why,
            level=LogLevel.ERROR,
        )

    def cost_raised(self, user: str, cost: int) -> None:
        """A user logged in and the server rehashed the password at the configured cost."""
        self._write(
            "*",
            "cost_raised",
            f"Hash of {quoted(user)} raised to cost {cost}",
            user=user,
            cost=cost,
        )

    def cost_not_raised(self, why: str) -> None:
        """The users file cannot be written, so hashes keep their cost. Logged once."""
        self._write("!", "cost_not_raised", f"Cost of hashes not raised: {one_line(why)}", why=why)

    # The users file

    def users_exposed(self, path: str, mode: int) -> None:
        """Users other than the owner may read or write the users file, or its companion."""
        self._write(
            "!",
            "users_exposed",
            f"{one_line(path)} can be read or written by others (mode {mode:04o});"
            f" make it private with: chmod 600 {one_line(shlex.quote(path))}",
            path=path,
            mode=f"{mode:04o}",
        )

    def writable_by_others(self, path: str, why: str, cure: str) -> None:
        """Users other than root and the server may write the users file, the key or a folder.

        `cure`: a command that an operator can run.
        """
        self._write(
            "!",
            "writable_by_others",
            f"{one_line(path)}: {one_line(why)}; {one_line(cure)}",
            path=path,
            why=why,
            cure=cure,
        )

    def users_reloaded(self, count: int) -> None:
        """The users file had changed and was reloaded. `count`: its accounts."""
        accounts = "1 account" if count == 1 else f"{count} accounts"
        self._write("*", "users_reloaded", f"Users file reloaded: {accounts}", count=count)

    def users_broken(self, why: str) -> None:
        """The users file had changed and cannot be used. The old accounts stay in force."""
        self._write(
            "!",
            "users_broken",
            f"Users file not reloaded: {one_line(why)}",
            why=why,
            level=LogLevel.ERROR,
        )

    # The history

    def history_opened(self, path: str) -> None:
        """Messages are kept in this file."""
        self._write("*", "history_opened", f"Messages are kept in {one_line(path)}", path=path)

    def history_off(self, path: str, why: str) -> None:
        """The file of the history cannot be used. The chat starts without history."""
        self._write(
            "!",
            "history_off",
            f"History is off: {one_line(path)}: {one_line(why)}",
            path=path,
            why=why,
            level=LogLevel.ERROR,
        )

    def history_set_aside(self, path: str, aside: str, why: str) -> None:
        """The file was damaged. It has another name now, and a new one was started."""
        self._write(
            "!",
            "history_set_aside",
            f"History file {one_line(path)} is damaged: {one_line(why)}; it was set aside as"
            f" {one_line(aside)}, and a new one is in use",
            path=path,
            aside=aside,
            why=why,
            level=LogLevel.ERROR,
        )

    def history_file_lost(self, path: str) -> None:
        """The file was removed or replaced while it was in use."""
        self._write(
            "!",
            "history_file_lost",
            f"History file {one_line(path)} was removed or replaced while it was in use; the"
            " file at that path is used from now on, or a new one",
            path=path,
            level=LogLevel.ERROR,
        )

    def history_failed(self, why: str) -> None:
        """Messages could not be stored for some seconds. Logged at most once a minute."""
        self._write(
            "!",
            "history_failed",
            f"History not stored: {one_line(why)}; messages wait in memory",
            why=why,
            level=LogLevel.ERROR,
        )

    def history_unreadable(self, why: str) -> None:
        """A command could not read the history, for another reason than a busy disk.

        Logged at most once a minute.
        """
        self._write(
            "!",
            "history_unreadable",
            f"Can't read the history: {one_line(why)}",
            why=why,
            level=LogLevel.ERROR,
        )

    def history_paused(self, path: str, free: int, needed: int) -> None:
        """Storing pauses because the disk is nearly full. `free` and `needed` are in MiB."""
        self._write(
            "!",
            "history_paused",
            f"History paused: {free} MiB are free on the disk of {one_line(path)}; it goes on by"
            f" itself when {needed} MiB are free",
            path=path,
            free=free,
            needed=needed,
            level=LogLevel.ERROR,
        )

    def history_resumed(self, dropped: int) -> None:
        """Messages are stored again. `dropped`: those that did not fit into the memory."""
        self._write(
            "*",
            "history_resumed",
            f"History goes on: {dropped} messages were not kept",
            dropped=dropped,
        )

    def history_ahead(self, seconds: int) -> None:
        """A stored message is from the future. New ones get stamps after it."""
        self._write(
            "!",
            "history_ahead",
            f"The newest kept message is {seconds} s ahead of the clock, so new ones have wrong"
            " times in the history: correct the clock, or stop the server and run:"
            " chat-server history check --repair",
            seconds=seconds,
            level=LogLevel.ERROR,
        )

    def history_cut_short(self, count: int) -> None:
        """The server stopped before everything was stored. `count`: records that are lost."""
        self._write(
            "!",
            "history_cut_short",
            f"Stopped with {count} records of the history not stored",
            count=count,
            level=LogLevel.ERROR,
        )

    # Failures of the server

    def accept_failed(self, why: str) -> None:
        """The server could not accept a connection: too many open files, for example."""
        self._write(
            "!",
            "accept_failed",
            f"Can't accept a connection: {one_line(why)}",
            why=why,
            level=LogLevel.ERROR,
        )

    def thread_failed(self, why: str) -> None:
        """The server could not start a thread for a client."""
        self._write(
            "!",
            "thread_failed",
            f"Can't start a thread for a client: {one_line(why)}",
            why=why,
            level=LogLevel.ERROR,
        )

    def unexpected(self, error: BaseException, where: str) -> None:
        """A defect: one line, and the traceback at level debug. `where`: what was interrupted."""
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        trace: list[str] = []
        if self._writer.is_enabled(LogLevel.DEBUG):
            for chunk in traceback.format_exception(error):
                trace += chunk.rstrip("\n").split("\n")
        self._write(
            "!",
            "unexpected",
            f"Unexpected error in {printable(where)}: {one_line(what)}",
            details=trace,
            where=where,
            error=what,
            level=LogLevel.ERROR,
            **({"traceback": trace} if trace else {}),
        )

    # Operators

    def operator_without_account(self, user: str) -> None:
        """A configured operator has no account. The name may be misspelt."""
        self._write(
            "!", "operator_without_account", f"Operator {quoted(user)} has no account", user=user
        )

    def kicked(self, operator: str, user: str, reason: str) -> None:
        """An operator ended a session. `reason` may be empty."""
        why = f": {quoted(reason)}" if reason else ""
        self._write(
            "!",
            "kicked",
            f"Operator {quoted(operator)} kicked {quoted(user)}{why}",
            operator=operator,
            user=user,
            reason=reason,
        )

    def erased(self, user: str, author: str, count: int) -> None:
        """A user erased messages from the history: an own one, or as an operator any."""
        self._write(
            "*",
            "erased",
            f"User {quoted(user)} erased {count} messages by {quoted(author)}",
            user=user,
            author=author,
            count=count,
        )

    def banned(
        self, operator: str, what: str, minutes: int | None, logged_out: Sequence[str]
    ) -> None:
        """An operator banned an account or an address. `minutes`: None until the server stops.

        `logged_out`: the users whose sessions the ban ended.
        """
        how_long = "until the server stops" if minutes is None else f"for {minutes} min"
        names = ", ".join(map(quoted, logged_out[:_MAX_NAMES]))
        more = len(logged_out) - _MAX_NAMES
        ended = f"; logged out: {names}" if logged_out else ""
        ended += f" and {more} more" if more > 0 else ""
        self._write(
            "!",
            "banned",
            f"Operator {quoted(operator)} banned {quoted(what)} {how_long}{ended}",
            operator=operator,
            what=what,
            minutes=minutes,
            logged_out=logged_out,
        )

    def unbanned(self, operator: str, what: str) -> None:
        """An operator ended the ban of an account or an address."""
        self._write(
            "*",
            "unbanned",
            f"Operator {quoted(operator)} unbanned {quoted(what)}",
            operator=operator,
            what=what,
        )

    def announced(self, operator: str, text: str) -> None:
        """An operator sent an announcement to every session."""
        self._write(
            "*",
            "announced",
            f"Operator {quoted(operator)} announced {quoted(text)}",
            operator=operator,
            text=text,
        )
