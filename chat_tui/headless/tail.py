"""`chat-tui --tail`: print the messages of a room until the reader of the output is gone."""

from __future__ import annotations

from collections.abc import Collection

from chat_tui import events
from chat_tui.account import Account
from chat_tui.events import ConnectionState
from chat_tui.headless.exit_code import ExitCode
from chat_tui.headless.line_io import message_line
from chat_tui.headless.runner import HeadlessRunner
from chat_tui.model import Entry, EntryKind
from chat_tui.sanitize import safe_text

_LOGGED_KINDS = frozenset({EntryKind.ERROR, EntryKind.GAP, EntryKind.ANNOUNCEMENT})
"""Kinds of entries that are not messages of the room but are reported on standard error."""


class TailJob:
    """A job that prints a room. It reconnects and reports when messages may be missing."""

    def __init__(
        self, runner: HeadlessRunner, account: Account, room: str, authors: Collection[str]
    ) -> None:
        """`authors`: the users whose messages are printed. Empty: all users."""
        self._runner = runner
        self._account = account
        self._room = room
        self._authors = frozenset(authors)

    def run(self) -> ExitCode:
        """Print messages until the session ends. Return the exit code.

        Raises `BrokenPipeError` if the reader of the output is gone.
        """
        runner, account = self._runner, self._account
        runner.session.sign_in(
            account.host,
            account.port,
            account.user,
            account.password,
            room=self._room,
            follow_everyone=not self._authors,
            follow=self._authors - {account.user},  # the server sends own messages anyway
            plaintext=account.plaintext,
        )
        shown_state = ConnectionState.CONNECTING
        while True:
            runner.run_once()
            entries, notices = runner.take_new_entries(), runner.session.take_notices()
            unknown = [
                name
                for notice in notices
                if isinstance(notice, events.SubscriptionsRejected)
                for name in notice.names
            ]
            for location, entry in entries:
                # Otherwise the line below gives the reason.
                if not (unknown and entry.kind is EntryKind.ERROR):
                    self._show(location, entry)
            if unknown:
                names = safe_text(", ".join(unknown))
                runner.log(f"the server has no user {names}. Correct the name of --from")
                runner.session.cancel()
                return ExitCode.USAGE
            for notice in notices:
                if (code := runner.exit_code_for(notice, account)) is not None:
                    return code
            if runner.session.can_send_now and runner.model.room != self._room:
                return ExitCode.UNCONFIRMED  # an error entry has given the reason
            state = runner.model.connection.state
            if state is not shown_state and state is ConnectionState.WAITING:
                why = safe_text(runner.model.connection.reason).rstrip(".")
                runner.log(f"{why}; retrying")
            if state is not ConnectionState.RETRYING:
                shown_state = state

    def _show(self, location: str, entry: Entry) -> None:
        line = message_line(entry)
        if entry.kind in _LOGGED_KINDS:
            self._runner.log(entry.text)
        elif (
            line and location == self._room and (not self._authors or entry.author in self._authors)
        ):
            self._runner.write_line(line)
