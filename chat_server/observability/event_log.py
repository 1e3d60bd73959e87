"""What is logged, and in which words: one method an event, and each event is counted.

Everything that comes from outside is escaped, and no method takes a password. May be called from
any thread, while holding no lock of the hub or of the delivery: writing may take a moment.
docs/operating.md tells what each event means.
"""

from __future__ import annotations

import shlex
import sys
import traceback
from collections import Counter
from collections.abc import Sequence
from typing import Final, TextIO

from chat_server.escape import one_line, printable, quoted
from chat_server.observability.log_format import LogLevel
from chat_server.observability.log_writer import LogWriter

_MAX_NAMES: Final = 8
"""Names in one line; of a class behind one address that was banned, for example."""


class EventLog:
    """The log of one server. An `address` is `host:port`; names are as they came from outside."""

    def __init__(
        self, stream: TextIO | None = None, level: str = "info", form: str = "text"
    ) -> None:
        """`stream`: standard error where it is None; `level` of `LEVELS`, `form` of `FORMATS`."""
        self._writer = LogWriter(sys.stderr if stream is None else stream, level, form)
        self._write = self._writer.write

    def counts(self) -> Counter[str]:
        """How often each event has happened, by its name, whether or not its level is logged."""
        return self._writer.counts()

    def listening(self, host: str, port: int, *, encrypted: bool) -> None:
        """The server listens."""
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

    def plaintext_public(self) -> None:
        """Passwords and messages go over a network in plain text, as was asked for."""
        self._write(
            "!",
            "plaintext_public",
            "Plain text on an address that others can reach: they can read every password and"
            " every message",
        )

    def key_fingerprint(self, fingerprint: str) -> None:
        """By which key clients know this server."""
        self._write(
            "*",
            "key_fingerprint",
            f"Key fingerprint {one_line(fingerprint)}",
            fingerprint=fingerprint,
        )

    def certificate_expired(self, path: str) -> None:
        """Clients that look at its dates will refuse the certificate."""
        self._write(
            "!", "certificate_expired", f"The certificate {quoted(path)} has expired", path=path
        )

    def certificate_reloaded(self, fingerprint: str) -> None:
        """New connections get the certificate that was read again."""
        self._write(
            "*",
            "certificate_reloaded",
            f"Certificate read again: key fingerprint {one_line(fingerprint)}",
            fingerprint=fingerprint,
        )

    def certificate_broken(self, why: str) -> None:
        """The certificate can't be used: new connections get the one from before."""
        self._write(
            "!",
            "certificate_broken",
            f"Certificate stays as it was: {one_line(why)}",
            why=why,
            level=LogLevel.ERROR,
        )

    def metrics_listening(self, port: int) -> None:
        """The numbers can be asked for."""
        self._write(
            "*", "metrics_listening", f"Metrics on http://127.0.0.1:{port}/metrics", port=port
        )

    def key_exposed(self, path: str, mode: int) -> None:
        """Others than its owner may read or write the key of the certificate."""
        self._write(
            "!",
            "key_exposed",
            f"{one_line(path)} can be read or written by others (mode {mode:04o}), and who has it"
            f" can pass for this server; make it private with: chmod 600"
            f" {one_line(shlex.quote(path))}",
            path=path,
            mode=f"{mode:04o}",
        )

    def handshake_failed(self, address: str, why: str) -> None:
        """A client on the port for TLS did not come to terms with us."""
        self._write(
            "-",
            "handshake_failed",
            f"No TLS handshake with {printable(address)}: {one_line(why)}",
            address=address,
            why=why,
        )

    def connected(self, address: str) -> None:
        """A client connected."""
        self._write("+", "connected", f"New connection from {printable(address)}", address=address)

    def refused(self, address: str, why: str, unsaid: int = 0, elsewhere: int = 0) -> None:
        """A client was sent away at the door: server full, too many of its address, banned.

        `unsaid`: how many from there were, since the last line about it, that have no line of
        their own; `elsewhere`: how many from addresses that never had one.
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

    def authenticated(self, user: str) -> None:
        """A login succeeded."""
        self._write("+", "authenticated", f"User {quoted(user)} authenticated", user=user)

    def login_failed(self, user: str, address: str) -> None:
        """Unknown user or wrong password."""
        self._write(
            "!",
            "login_failed",
            f"Failed login for {quoted(user)} from {printable(address)}",
            user=user,
            address=address,
        )

    def login_throttled(self, user: str, address: str) -> None:
        """A login was refused unseen, after too many failures from its address."""
        self._write(
            "!",
            "login_throttled",
            f"Refused login for {quoted(user)} from {printable(address)}: too many failures",
            user=user,
            address=address,
        )

    def login_timed_out(self, address: str) -> None:
        """No whole line came in time."""
        self._write(
            "-", "login_timed_out", f"Login timed out for {printable(address)}", address=address
        )

    def login_invalid(self, address: str) -> None:
        """The first line was no LOGIN. It is not shown: it may hold a password."""
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

    def closed_before_login(self, address: str) -> None:
        """A client went that had never logged in."""
        self._write(
            "-",
            "closed_before_login",
            f"Connection from {printable(address)} closed before login",
            address=address,
        )

    def slow_reader_cut(self, client: str) -> None:
        """A client was cut because it did not read. `client`: its user, or else its address."""
        self._write(
            "!", "slow_reader_cut", f"Cut {quoted(client)}: it reads too slowly", client=client
        )

    def account_removed(self, user: str) -> None:
        """A session was ended because its account is gone from the users file."""
        self._write(
            "-", "account_removed", f"User {quoted(user)} logged out: account removed", user=user
        )

    def account_disabled(self, user: str) -> None:
        """A session was ended because its account was disabled."""
        self._write(
            "-", "account_disabled", f"User {quoted(user)} logged out: account disabled", user=user
        )

    def password_changed(self, user: str) -> None:
        """A user gave the own account another password."""
        self._write("*", "password_changed", f"User {quoted(user)} changed the password", user=user)

    def password_change_failed(self, user: str, host: str) -> None:
        """The old password was wrong. `host`: where the client comes from, without the port."""
        self._write(
            "!",
            "password_change_failed",
            f"Failed password change for {quoted(user)} from {printable(host)}",
            user=user,
            host=host,
        )

    def password_change_throttled(self, user: str, host: str) -> None:
        """A password change was refused unseen, after too many failures from its address."""
        self._write(
            "!",
            "password_change_throttled",
            f"Refused password change for {quoted(user)} from {printable(host)}: too many failures",
            user=user,
            host=host,
        )

    def password_not_stored(self, user: str, why: str) -> None:
        """A password was not changed because the users file can't be written."""
        self._write(
            "!",
            "password_not_stored",
            f"Password of {quoted(user)} stays as it was: {one_line(why)}",
            user=user,
            why=why,
            level=LogLevel.ERROR,
        )

    def cost_raised(self, user: str, cost: int) -> None:
        """The hash of a user who logged in was made anew at the configured cost."""
        self._write(
            "*",
            "cost_raised",
            f"Hash of {quoted(user)} raised to cost {cost}",
            user=user,
            cost=cost,
        )

    def cost_not_raised(self, why: str) -> None:
        """The users file can't be written, so hashes keep their cost. Told once."""
        self._write("!", "cost_not_raised", f"Hashes keep their cost: {one_line(why)}", why=why)

    def users_exposed(self, path: str, mode: int) -> None:
        """Others than its owner may read or write the users file, or its companion."""
        self._write(
            "!",
            "users_exposed",
            f"{one_line(path)} can be read or written by others (mode {mode:04o});"
            f" make it private with: chmod 600 {one_line(shlex.quote(path))}",
            path=path,
            mode=f"{mode:04o}",
        )

    def users_reloaded(self, count: int) -> None:
        """The users file had changed and was read again."""
        accounts = "1 account" if count == 1 else f"{count} accounts"
        self._write("*", "users_reloaded", f"Users file read again: {accounts}", count=count)

    def users_broken(self, why: str) -> None:
        """The users file had changed and can't be used: the accounts stay as they were."""
        self._write(
            "!",
            "users_broken",
            f"Accounts stay as they were: {one_line(why)}",
            why=why,
            level=LogLevel.ERROR,
        )

    def accept_failed(self, why: str) -> None:
        """A connection could not be accepted: too many open files, for example."""
        self._write(
            "!",
            "accept_failed",
            f"Can't accept a connection: {one_line(why)}",
            why=why,
            level=LogLevel.ERROR,
        )

    def thread_failed(self, why: str) -> None:
        """No thread could be started for a client."""
        self._write(
            "!",
            "thread_failed",
            f"Can't start a thread for a client: {one_line(why)}",
            why=why,
            level=LogLevel.ERROR,
        )

    # Operators

    def unexpected(self, error: BaseException, where: str) -> None:
        """Something that should not happen: one line, and the traceback at level debug."""
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        trace: list[str] = []
        if self._writer.is_enabled(LogLevel.DEBUG):
            for chunk in traceback.format_exception(error):
                trace += chunk.rstrip("\n").split("\n")
        self._write(
            "!",
            "unexpected",
            f"Unexpected in {printable(where)}: {one_line(what)}",
            details=trace,
            where=where,
            error=what,
            level=LogLevel.ERROR,
            **({"traceback": trace} if trace else {}),
        )

    def stopping(self) -> None:
        """The server was asked to stop."""
        self._write("*", "stopping", "Stopping")

    def stopped(self) -> None:
        """Everything is closed."""
        self._write("*", "stopped", "Stopped")

    # Operators

    def operator_without_account(self, name: str) -> None:
        """An operator is named who has no account: misspelt, perhaps."""
        self._write(
            "!", "operator_without_account", f"Operator {quoted(name)} has no account", user=name
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

    def banned(
        self, operator: str, what: str, minutes: int | None, logged_out: Sequence[str]
    ) -> None:
        """An operator shut out an account or an address. `minutes`: None until the server stops.

        `logged_out`: whose sessions that ended.
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
        """An operator let an account or an address in again."""
        self._write(
            "*",
            "unbanned",
            f"Operator {quoted(operator)} unbanned {quoted(what)}",
            operator=operator,
            what=what,
        )

    def announced(self, operator: str, text: str) -> None:
        """An operator said something to everyone."""
        self._write(
            "*",
            "announced",
            f"Operator {quoted(operator)} announced {quoted(text)}",
            operator=operator,
            text=text,
        )

    def login_banned(self, user: str, address: str) -> None:
        """A login was refused: the account, after its right password, or the address is banned."""
        self._write(
            "!",
            "login_banned",
            f"Refused login for {quoted(user)} from {printable(address)}: banned",
            user=user,
            address=address,
        )
