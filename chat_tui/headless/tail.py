"""`chat-tui --tail`: what is said in a room, line by line, until nobody reads it any more."""

from __future__ import annotations

from collections.abc import Collection

from chat_tui.account import Account
from chat_tui.events import ConnectionState
from chat_tui.headless.exit_code import ExitCode
from chat_tui.headless.line_io import message_line
from chat_tui.headless.runner import HeadlessRunner
from chat_tui.model import Entry, EntryKind
from chat_tui.sanitize import safe_text

_LOGGED_KINDS = frozenset({EntryKind.ERROR, EntryKind.GAP, EntryKind.ANNOUNCEMENT})
"""What is no talk of the room, and has to be known all the same."""


class TailJob:
    """Comes back after a lost connection, and remarks when something may be missing."""

    def __init__(
        self, runner: HeadlessRunner, account: Account, room: str, authors: Collection[str]
    ) -> None:
        """`authors`: whom to hear; empty: everyone."""
        self._runner = runner
        self._account = account
        self._room = room
        self._authors = frozenset(authors)

    def run(self) -> ExitCode:
        """Listen until the session ends; the caller ends it where nobody reads any more."""
        runner, account = self._runner, self._account
        runner.session.sign_in(
            account.host,
            account.port,
            account.user,
            account.password,
            room=self._room,
            follow_everyone=not self._authors,
            follow=self._authors,
            plaintext=account.plaintext,
        )
        was = ConnectionState.CONNECTING
        while True:
            runner.run_once()
            for place, entry in runner.take_new_entries():
                self._show(place, entry)
            for notice in runner.session.take_notices():
                if (code := runner.exit_code_for(notice, account)) is not None:
                    return code
            if runner.session.is_in_room and runner.model.room != self._room:
                return ExitCode.UNCONFIRMED  # why, the news have told
            now = runner.model.connection.state
            if now is not was and now is ConnectionState.WAITING:
                why = safe_text(runner.model.connection.reason).rstrip(".")
                runner.log(f"{why}; trying again until it works")
            if now is not ConnectionState.RETRYING:
                was = now

    def _show(self, place: str, entry: Entry) -> None:
        said = message_line(entry)
        if entry.kind in _LOGGED_KINDS:
            self._runner.log(entry.text)
        elif said and place == self._room and (not self._authors or entry.author in self._authors):
            self._runner.write_line(said)
