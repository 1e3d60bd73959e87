"""What is logged, and in which words: one line an event, with its time.

Everything that comes from outside is escaped, and no method takes a password. May be called from
any thread, while holding no lock of the hub or of the delivery: writing may take a moment.
"""

from __future__ import annotations

import select
import shlex
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from enum import IntEnum
from typing import Final, TextIO

from chat_server.printable import one_line, printable, quoted

_PATIENCE_MS: Final = 50
"""How long the first line waits for a log that takes nothing; the next ones do not."""

_MOST_NAMES: Final = 8
"""Names in one line; of a class behind one address that was banned, for example."""


class _Level(IntEnum):
    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


LEVELS: Final = tuple(level.name.lower() for level in _Level)
"""The names of the levels, from the one that says most to the one that says least."""


class EventLog:
    """The log of one server. An `address` is `host:port`; names are as they came from outside."""

    def __init__(self, stream: TextIO | None = None, level: str = "info") -> None:
        """`stream`: standard error where it is None; `level`: one of `LEVELS`."""
        self._stream: TextIO | None = sys.stderr if stream is None else stream
        self._level = _Level[level.upper()]
        self._lock = threading.Lock()
        self._lost = 0
        """Lines that were not written since the last one that was."""

    def running(self, host: str, port: int, *, encrypted: bool) -> None:
        """The server listens."""
        where = f"[{host}]" if ":" in host else host
        how = ", TLS" if encrypted else ""
        self._write(_Level.INFO, "*", f"Listening on {printable(where)}:{port}{how}")

    def plaintext_is_public(self) -> None:
        """Passwords and messages go over a network in plain text, as was asked for."""
        self._write(
            _Level.WARNING,
            "!",
            "Plain text on an address that others can reach: they can read every password and"
            " every message",
        )

    def certificate(self, fingerprint: str) -> None:
        """By which key clients know this server."""
        self._write(_Level.INFO, "*", f"Key fingerprint {fingerprint}")

    def certificate_expired(self, path: str) -> None:
        """Clients that look at its dates will refuse the certificate."""
        self._write(_Level.WARNING, "!", f"The certificate {quoted(path)} has expired")

    def certificate_reloaded(self, fingerprint: str) -> None:
        """New connections get the certificate that was read again."""
        self._write(_Level.INFO, "*", f"Certificate read again: key fingerprint {fingerprint}")

    def certificate_broken(self, why: str) -> None:
        """The certificate can't be used: new connections get the one from before."""
        self._write(_Level.ERROR, "!", f"Certificate stays as it was: {one_line(why)}")

    def key_exposed(self, path: str, mode: int) -> None:
        """Others than its owner may read or write the key of the certificate."""
        self._write(
            _Level.WARNING,
            "!",
            f"{one_line(path)} can be read or written by others (mode {mode:04o}), and who has it"
            f" can pass for this server; make it private with: chmod 600"
            f" {one_line(shlex.quote(path))}",
        )

    def handshake_failed(self, address: str, why: str) -> None:
        """A client on the port for TLS did not come to terms with us."""
        self._write(
            _Level.INFO, "-", f"No TLS handshake with {printable(address)}: {one_line(why)}"
        )

    def connected(self, address: str) -> None:
        """A client connected."""
        self._write(_Level.INFO, "+", f"New connection from {printable(address)}")

    def refused(self, address: str, why: str, unsaid: int = 0, elsewhere: int = 0) -> None:
        """A client was sent away at the door: server full, too many of its address, banned.

        `unsaid`: how many from there were, since the last line about it, that have no line of
        their own; `elsewhere`: how many from addresses that never had one.
        """
        also = f" (and {unsaid} more from there)" if unsaid else ""
        also += f" (and {elsewhere} from other addresses)" if elsewhere else ""
        self._write(_Level.WARNING, "!", f"Refused {printable(address)}: {one_line(why)}{also}")

    def authenticated(self, user: str) -> None:
        """A login succeeded."""
        self._write(_Level.INFO, "+", f"User {quoted(user)} authenticated")

    def failed_login(self, user: str, address: str) -> None:
        """Unknown user or wrong password."""
        self._write(
            _Level.WARNING, "!", f"Failed login for {quoted(user)} from {printable(address)}"
        )

    def throttled_login(self, user: str, address: str) -> None:
        """A login was refused unseen, after too many failures from its address."""
        self._write(
            _Level.WARNING,
            "!",
            f"Refused login for {quoted(user)} from {printable(address)}: too many failures",
        )

    def login_timed_out(self, address: str) -> None:
        """No whole line came in time."""
        self._write(_Level.INFO, "-", f"Login timed out for {printable(address)}")

    def invalid_login(self, address: str) -> None:
        """The first line was no LOGIN. It is not shown: it may hold a password."""
        self._write(_Level.INFO, "!", f"Invalid login format from {printable(address)}")

    def disconnected(self, user: str) -> None:
        """A session ended."""
        self._write(_Level.INFO, "-", f"User {quoted(user)} disconnected")

    def connection_closed(self, address: str) -> None:
        """A client went that had never logged in."""
        self._write(_Level.INFO, "-", f"Connection from {printable(address)} closed before login")

    def cut_slow_reader(self, client: str) -> None:
        """A client was cut because it did not read. `client`: its user, or else its address."""
        self._write(_Level.WARNING, "!", f"Cut {quoted(client)}: it reads too slowly")

    def removed(self, user: str) -> None:
        """A session was ended because its account is gone from the users file."""
        self._write(_Level.INFO, "-", f"User {quoted(user)} logged out: account removed")

    def disabled(self, user: str) -> None:
        """A session was ended because its account was disabled."""
        self._write(_Level.INFO, "-", f"User {quoted(user)} logged out: account disabled")

    def password_changed(self, user: str) -> None:
        """A user gave the own account another password."""
        self._write(_Level.INFO, "*", f"User {quoted(user)} changed the password")

    def failed_password_change(self, user: str, host: str) -> None:
        """The old password was wrong. `host`: where the client comes from, without the port."""
        self._write(
            _Level.WARNING,
            "!",
            f"Failed password change for {quoted(user)} from {printable(host)}",
        )

    def throttled_password_change(self, user: str, host: str) -> None:
        """A password change was refused unseen, after too many failures from its address."""
        self._write(
            _Level.WARNING,
            "!",
            f"Refused password change for {quoted(user)} from {printable(host)}: too many failures",
        )

    def password_not_stored(self, user: str, why: str) -> None:
        """A password was not changed because the users file can't be written."""
        self._write(
            _Level.ERROR, "!", f"Password of {quoted(user)} stays as it was: {one_line(why)}"
        )

    def cost_raised(self, user: str, cost: int) -> None:
        """The hash of a user who logged in was made anew at the configured cost."""
        self._write(_Level.INFO, "*", f"Hash of {quoted(user)} raised to cost {cost}")

    def cost_not_raised(self, why: str) -> None:
        """The users file can't be written, so hashes keep their cost. Told once."""
        self._write(_Level.WARNING, "!", f"Hashes keep their cost: {one_line(why)}")

    def users_exposed(self, path: str, mode: int) -> None:
        """Others than its owner may read or write the users file, or its companion."""
        self._write(
            _Level.WARNING,
            "!",
            f"{one_line(path)} can be read or written by others (mode {mode:04o});"
            f" make it private with: chmod 600 {one_line(shlex.quote(path))}",
        )

    def users_reloaded(self, count: int) -> None:
        """The users file had changed and was read again."""
        accounts = "1 account" if count == 1 else f"{count} accounts"
        self._write(_Level.INFO, "*", f"Users file read again: {accounts}")

    def users_broken(self, why: str) -> None:
        """The users file had changed and can't be used: the accounts stay as they were."""
        self._write(_Level.ERROR, "!", f"Accounts stay as they were: {one_line(why)}")

    def accept_failed(self, why: str) -> None:
        """A connection could not be accepted: too many open files, for example."""
        self._write(_Level.ERROR, "!", f"Can't accept a connection: {one_line(why)}")

    def thread_failed(self, why: str) -> None:
        """No thread could be started for a client."""
        self._write(_Level.ERROR, "!", f"Can't start a thread for a client: {one_line(why)}")

    # Operators

    def operator_without_account(self, name: str) -> None:
        """An operator is named who has no account: misspelt, perhaps."""
        self._write(_Level.WARNING, "!", f"Operator {quoted(name)} has no account")

    def kicked(self, operator: str, user: str, reason: str) -> None:
        """An operator ended a session. `reason` may be empty."""
        why = f": {quoted(reason)}" if reason else ""
        self._write(_Level.WARNING, "!", f"Operator {quoted(operator)} kicked {quoted(user)}{why}")

    def banned(
        self, operator: str, what: str, minutes: int | None, logged_out: Sequence[str]
    ) -> None:
        """An operator shut out an account or an address. `minutes`: None until the server stops.

        `logged_out`: whose sessions that ended.
        """
        how_long = "until the server stops" if minutes is None else f"for {minutes} min"
        names = ", ".join(map(quoted, logged_out[:_MOST_NAMES]))
        more = len(logged_out) - _MOST_NAMES
        ended = f"; logged out: {names}" if logged_out else ""
        ended += f" and {more} more" if more > 0 else ""
        self._write(
            _Level.WARNING,
            "!",
            f"Operator {quoted(operator)} banned {quoted(what)} {how_long}{ended}",
        )

    def unbanned(self, operator: str, what: str) -> None:
        """An operator let an account or an address in again."""
        self._write(_Level.INFO, "*", f"Operator {quoted(operator)} unbanned {quoted(what)}")

    def announced(self, operator: str, text: str) -> None:
        """An operator said something to everyone."""
        self._write(_Level.INFO, "*", f"Operator {quoted(operator)} announced {quoted(text)}")

    def banned_login(self, user: str, address: str) -> None:
        """A login was refused: the account, after its right password, or the address is banned."""
        self._write(
            _Level.WARNING,
            "!",
            f"Refused login for {quoted(user)} from {printable(address)}: banned",
        )

    def unexpected(self, error: BaseException, where: str) -> None:
        """Something that should not happen: one line, and the traceback at level debug."""
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        lines = [f"Unexpected in {printable(where)}: {one_line(what)}"]
        if self._level <= _Level.DEBUG:
            for chunk in traceback.format_exception(error):
                lines += chunk.rstrip("\n").split("\n")
        self._write(_Level.ERROR, "!", *lines)

    def stopping(self) -> None:
        """The server was asked to stop."""
        self._write(_Level.INFO, "*", "Stopping")

    def stopped(self) -> None:
        """Everything is closed."""
        self._write(_Level.INFO, "*", "Stopped")

    def _write(self, level: _Level, mark: str, *lines: str) -> None:
        if level < self._level or self._stream is None:
            return
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        first, *rest = lines
        texts = [f"{stamp} [{mark}] {first}\n", *(f"    {one_line(line)}\n" for line in rest)]
        with self._lock:
            if self._lost and self._takes_more():
                texts.insert(0, f"{stamp} [!] {self._lost} log lines were lost: nobody took them\n")
                self._lost = 0
            for text in texts:
                if not self._takes_more():
                    self._lost += 1
                    continue
                # Closed, a full disk, an encoding that can't: the chat goes on.
                with suppress(OSError, ValueError):
                    self._stream.write(text)
                    self._stream.flush()

    def _takes_more(self) -> bool:
        """Whether a line can be written without blocking the chat. Holds the lock.

        A pipe that nobody reads, a terminal that was stopped: waited for once, and then no more
        until it takes something again.
        """
        try:
            number = self._stream.fileno() if self._stream else -1
        except (OSError, ValueError):  # no file at all
            return True
        poller = select.poll()
        poller.register(number, select.POLLOUT)
        return bool(poller.poll(0 if self._lost else _PATIENCE_MS))
