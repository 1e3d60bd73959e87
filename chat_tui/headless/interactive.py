"""`chat-tui --plain`: an interactive chat, line by line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from chat_tui import events
from chat_tui.account import Account
from chat_tui.events import ConnectionState
from chat_tui.headless.exit_code import ExitCode
from chat_tui.headless.line_io import LineProblem, LineSource, message_line, status_line
from chat_tui.headless.past_messages import not_kept_text, past_line
from chat_tui.headless.prompt import ask_trust, has_terminal
from chat_tui.headless.runner import HeadlessRunner
from chat_tui.input import check_input, redact, resolve_input
from chat_tui.model import EntryState, Location
from chat_tui.sanitize import safe_text
from chat_tui.storage import LogFiles

MAX_PENDING: Final = 64
"""Unconfirmed own messages above which no further line is read from a pipe."""


class InteractiveJob:
    """An interactive job, from the login to `/quit` or the end of the input.

    On a terminal, a line that can't be sent is reported at once. Lines from a pipe wait until they
    can be sent. No line is sent twice.
    """

    def __init__(
        self,
        runner: HeadlessRunner,
        account: Account,
        input_lines: LineSource,
        log_files: LogFiles,
        on_signed_in: Callable[[], None] = lambda: None,
        password_source: str = "",
    ) -> None:
        """Create a job that has not started.

        `on_signed_in` is called when the session reports `SignedIn`. `password_source`: where the
        next sign-in finds the password, as text for the user. Empty if the user types it.
        """
        self._runner = runner
        self._account = account
        self._input = input_lines
        self._at_terminal = input_lines.at_terminal
        self._log_files = log_files
        self._on_signed_in = on_signed_in
        self._password_source = password_source
        self._exit_code = ExitCode.DONE
        self._shown_state: ConnectionState | None = None
        self._leaving = False
        self._showing_past: set[str] = set()  # places whose past messages were printed last
        self._fetched: set[str] = set()  # conversations that were requested

    def run(self, room: str | None, *, follow_everyone: bool) -> ExitCode:
        """Run until the user quits or the session ends. Return the exit code."""
        runner, account, session = self._runner, self._account, self._runner.session
        session.sign_in(
            account.host,
            account.port,
            account.user,
            account.password,
            room=room,
            follow_everyone=follow_everyone,
            plaintext=account.plaintext,
            others=account.others,
        )
        while True:
            if self._at_terminal and self._wants_to_read():
                self._input.start(runner.model.room)
            if runner.run_once(self._input.fd if self._wants_to_read() else None):
                self._input.read()
            ended = self._take_notices()
            self._show_new_entries()
            self._log_connection()
            if ended is not None:
                self._log_files.write()
                return self._result() if ended is ExitCode.DONE else ended
            self._submit_input()
            self._log_files.write()

    def _result(self) -> ExitCode:
        return ExitCode.UNCONFIRMED if self._runner.unconfirmed else self._exit_code

    def _wants_to_read(self) -> bool:
        if self._input.ended or self._input.lines:
            return False
        if self._at_terminal:
            state = self._shown_state
            return state is not None and state is not ConnectionState.CONNECTING
        return self._has_capacity()

    def _has_capacity(self) -> bool:
        return self._runner.session.can_send_now and self._runner.settled_feed.pending < MAX_PENDING

    def _submit_input(self) -> None:
        """Send the input lines. At the end of the input, quit once all lines are sent."""
        source = self._input
        while source.lines and (self._at_terminal or self._has_capacity()):
            self._submit(source.lines.popleft())
            self._show_new_entries()
        if not source.ended or source.lines or self._leaving or not self._is_confirmed():
            return
        self._leaving = True
        self._runner.session.submit("/quit")  # the server answers it after all earlier requests

    def _submit(self, line: str | LineProblem) -> None:
        model = self._runner.model
        if isinstance(line, LineProblem):
            self._report_not_sent(line.value, "")
            return
        resolved = resolve_input(line, model.commands, room=model.room, user=model.user)
        line = resolved.text
        if resolved.hint:
            self._report_not_sent(f"Not sent: {safe_text(resolved.hint)}", "")
        elif resolved.action == "conversation":
            self._report_not_sent("Not sent: the text is missing in /msg NAME TEXT", "")
        elif resolved.action is not None:
            word = safe_text(line.partition(" ")[0])
            self._report_not_sent(f"Not sent: {word} needs the full-screen client", "")
        elif blocked := check_input(line, model.commands, model.user):
            # Only the full-screen client has the Tab key of the hint. The line may hold a password.
            why = blocked.reason.partition(" Tab:")[0].removeprefix("Not sent: ")
            hint = ""
            if blocked.suggestion:
                hint = f" Did you mean {safe_text(redact(blocked.suggestion))}?"
            self._report_not_sent(f"Not sent: {why}{hint}", "")
        else:
            self._runner.session.submit(line)

    def _is_confirmed(self) -> bool:
        """Return whether `/quit` may be sent now.

        The oldest servers do not confirm earlier messages before they answer `/quit`.
        """
        return self._runner.model.capabilities.ordered_quit or not self._runner.settled_feed.pending

    def _report_not_sent(self, reason: str, line: str) -> None:
        self._exit_code = ExitCode.UNCONFIRMED
        self._runner.log(f"{reason}: {safe_text(redact(line))}" if line else reason)

    # Output

    def _take_notices(self) -> ExitCode | None:
        ended: ExitCode | None = None
        for notice in self._runner.session.take_notices():
            match notice:
                case events.SignedIn():
                    self._on_signed_in()
                case events.KeyUnknown() if has_terminal():
                    self._input.stop()  # the question needs the terminal
                    self._runner.session.trust(ask_trust(notice))
                case events.PasswordChanged() if self._password_source:
                    where = self._password_source
                    self._runner.log(f"the password comes from {where}: change it there too")
                case events.SignedOut(requested=True):
                    ended = ExitCode.DONE
                case events.TextReturned("/quit"):  # not connected
                    ended = ExitCode.DONE
                case events.TextReturned(text, is_reported=True):
                    self._report_not_sent("not delivered", text)
                case events.TextReturned(text, reason):
                    self._report_not_sent(reason, text)
                case _:
                    ended = self._runner.exit_code_for(notice, self._account) or ended
        return ended

    def _log_connection(self) -> None:
        model, state = self._runner.model, self._runner.model.connection.state
        if state is ConnectionState.RETRYING or state is self._shown_state:
            return
        self._shown_state = state
        if state is ConnectionState.ONLINE:
            encryption = "encrypted" if model.connection.encrypted else "unencrypted"
            server = model.connection.server or model.server
            self._runner.log(
                f"connected to {server} as {model.user}, in {model.room}, {encryption}"
            )
        elif state is ConnectionState.WAITING:
            why = safe_text(model.connection.reason).rstrip(".")
            self._runner.log(f"{why}; retrying")

    def _show_pages(self) -> None:
        """Print what the server has kept: what was said earlier, and what the user has missed."""
        runner = self._runner
        for page in runner.pages.take():
            place = safe_text(page.location)
            if page.entries:
                what = "Earlier" if page.kind is events.PageKind.FIRST else "Missed"
                runner.write_line(f"-- {what} in {place}:")
            for message in page.entries:
                if isinstance(message, events.NotKept):
                    runner.write_line(f"-- {not_kept_text(message)}")
                else:
                    runner.write_line(past_line(message, runner.model.user))
            if page.entries:
                self._showing_past.add(page.location)
            runner.model.unread.clear(place)
        for location in self._showing_past & runner.pages.caught_up:
            runner.write_line(f"-- Now in {safe_text(location)}:")
            self._showing_past.discard(location)
        runner.pages.caught_up.clear()
        runner.pages.failures.clear()  # the log reports them
        for location in runner.model.unread.reported_locations:
            if (partner := Location(location).partner) and location not in self._fetched:
                self._fetched.add(location)
                runner.session.read_private(partner)

    def _show_new_entries(self) -> None:
        entries = self._runner.take_new_entries()
        self._show_pages()
        for text in self._runner.unconfirmed.take_arrived():
            self._runner.log(f"arrived after all: {safe_text(redact(text))}")
        for _, entry in entries:
            if entry.state is EntryState.UNCONFIRMED:
                self._runner.log(f"not confirmed, may have arrived: {redact(entry.text)}")
            elif entry.state is not EntryState.REJECTED:  # a notice reports it
                self._runner.write_line(message_line(entry) or status_line(entry))
