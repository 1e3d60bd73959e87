"""`chat-tui --tail`: print the messages of a room, past ones and those that arrive."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chat_tui import events
from chat_tui.account import Account
from chat_tui.events import ConnectionState, NotKept, PageKind
from chat_tui.headless.exit_code import ExitCode
from chat_tui.headless.line_io import message_line
from chat_tui.headless.past_messages import (
    PastMessage,
    live_json,
    not_kept_text,
    past_json,
    past_line,
)
from chat_tui.headless.runner import HeadlessRunner
from chat_tui.input import Until
from chat_tui.model import Entry, EntryKind
from chat_tui.sanitize import safe_text

_LOGGED_KINDS = frozenset({EntryKind.ERROR, EntryKind.GAP, EntryKind.ANNOUNCEMENT})
"""Kinds of entries that are not messages of the room but are reported on standard error."""


@dataclass(frozen=True, slots=True)
class TailOptions:
    """What `--tail` prints, and how."""

    authors: frozenset[str] = frozenset()
    """The users whose messages are printed. Empty: all users."""
    since: str = ""
    """Print past messages from then on. Empty: only those that arrive."""
    until: str = ""
    """Print what the server has up to then, and end. Empty: go on with what arrives."""
    json: bool = False
    """Print one JSON object a line."""


class TailJob:
    """A job that prints a room. It reconnects, and prints what it has missed.

    On a server without history it reports when messages may be missing.
    """

    def __init__(
        self,
        runner: HeadlessRunner,
        account: Account,
        room: str,
        options: TailOptions,
    ) -> None:
        self._runner = runner
        self._account = account
        self._room = room
        self._options = options
        self._authors = options.authors
        self._until = Until(options.until, datetime.now().astimezone()) if options.until else None

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
            others=account.others,
            since=self._options.since,
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
            if not unknown and (code := self._show_pages()) is not None:
                runner.session.cancel()
                return code
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
                if (code := self._exit_code_for(notice)) is not None:
                    return code
            if runner.session.can_send_now and runner.model.room != self._room:
                return ExitCode.UNCONFIRMED  # an error entry has given the reason
            state = runner.model.connection.state
            if state is not shown_state and state is ConnectionState.WAITING:
                why = safe_text(runner.model.connection.reason).rstrip(".")
                runner.log(f"{why}; retrying")
            if state is not ConnectionState.RETRYING:
                shown_state = state

    def _exit_code_for(self, notice: events.Event) -> ExitCode | None:
        code = self._runner.exit_code_for(notice, self._account)
        is_signed_in = code is None and isinstance(notice, events.SignedIn)
        if is_signed_in and self._options.since and not self._runner.model.capabilities.history:
            self._runner.log("the server keeps no history. Leave out --since")
            self._runner.session.cancel()
            return ExitCode.USAGE
        return code

    def _show_pages(self) -> ExitCode | None:
        """Print the pages of the history. Return the exit code once the end is reached."""
        pages = self._runner.pages
        for page in pages.take():
            if page.location != self._room or page.kind is not PageKind.MISSED:
                continue
            for message in page.entries:
                if isinstance(message, NotKept):
                    self._runner.log(not_kept_text(message))
                    continue
                if self._until is not None and self._until.excludes(message.time):
                    return ExitCode.DONE
                if self._is_wanted(message.author):
                    self._write_past(message)
        for failure in pages.failures:
            if failure.reason.startswith("No such time"):
                self._runner.log(f"{safe_text(failure.reason)}. Correct the time of --since")
                return ExitCode.USAGE
            if failure.location == self._room and failure.kind is PageKind.MISSED:
                reason = safe_text(failure.reason).partition(";")[0].rstrip(". ")
                self._runner.log(f"past messages are missing: {reason}; trying again")
        pages.failures.clear()
        is_complete = self._room in pages.caught_up
        pages.caught_up.clear()
        return ExitCode.DONE if is_complete and self._until is not None else None

    def _write_past(self, message: PastMessage) -> None:
        if self._options.json:
            self._runner.write_line(past_json(self._room, message))
        else:
            self._runner.write_line(past_line(message, self._runner.model.user))

    def _is_wanted(self, author: str) -> bool:
        return not self._authors or author in self._authors

    def _show(self, location: str, entry: Entry) -> None:
        line = message_line(entry)
        if entry.kind in _LOGGED_KINDS:
            self._runner.log(entry.text)
        elif line and location == self._room and self._is_wanted(entry.author):
            self._runner.write_line(live_json(self._room, entry) if self._options.json else line)
