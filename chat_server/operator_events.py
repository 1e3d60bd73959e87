"""What is logged of operators: a part of `EventLog`, whose rules hold here, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chat_server.log_writer import LogWriter
from chat_server.printable import printable, quoted

_MOST_NAMES: Final = 8
"""Names in one line; of a class behind one address that was banned, for example."""


class OperatorEvents:
    """The events of operators, and of those whom they shut out."""

    def __init__(self, writer: LogWriter) -> None:
        self._write = writer.write

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
        names = ", ".join(map(quoted, logged_out[:_MOST_NAMES]))
        more = len(logged_out) - _MOST_NAMES
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

    def banned_login(self, user: str, address: str) -> None:
        """A login was refused: the account, after its right password, or the address is banned."""
        self._write(
            "!",
            "login_banned",
            f"Refused login for {quoted(user)} from {printable(address)}: banned",
            user=user,
            address=address,
        )
