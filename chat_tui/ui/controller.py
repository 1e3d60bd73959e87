"""ChatMode: all that begins with the first sign-in: the session, its screen, what is kept of it.

The form has to be there at once; none of this is needed for it, and most of the client's code is
in what this module imports. So the app imports it when it has drawn the form.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from textual.css.query import NoMatches
from textual.screen import Screen

from chat_tui import events
from chat_tui.account import Account
from chat_tui.config import Settings
from chat_tui.events import TrustDecision
from chat_tui.input import guessed_netcat_command, netcat_command
from chat_tui.local_server import LocalServer
from chat_tui.model import ChatModel, Pane
from chat_tui.session import ChatSession
from chat_tui.storage import ClientState, DraftStore, HistoryFile, KnownServers, LogFiles
from chat_tui.ui.app_shell import AppShell
from chat_tui.ui.gc_scheduler import IdleGarbageCollector
from chat_tui.ui.notifier import Notifier
from chat_tui.ui.screens import (
    ChangedKeyScreen,
    ChatScreen,
    HelpContext,
    HelpScreen,
    LoginScreen,
    NetcatTarget,
    TrustScreen,
    WireScreen,
    wording,
)
from chat_tui.ui.terminal import TerminalNotifier

MakeSession = Callable[
    [ChatModel, Callable[[Callable[[], None]], None], Callable[[], None]], ChatSession
]


class ChatController:
    """One person's sessions, one after the other. The screen's thread alone calls it."""

    def __init__(
        self,
        shell: AppShell,
        state: ClientState,
        settings: Settings,
        make_session: MakeSession | None = None,
    ) -> None:
        """`make_session`: tests bring a session without a server."""
        self.shell = shell
        self._state = state
        make = make_session or partial(ChatSession, known=KnownServers(state.folder))
        self.session = make(ChatModel(), shell.start_reader, shell.wake)
        self.model = self.session.model
        sent = HistoryFile(state.folder)
        self.model.history.load(sent.read(), sent.append)
        self._draft_store = DraftStore(state.folder, self.model)
        self._log_files = LogFiles(self.model, settings.log_folder)
        calls = TerminalNotifier(shell.write_to_terminal)
        self.notifier = Notifier(self.model, state.muted, calls)
        self.notifier.apply_settings(settings)
        self.screen = ChatScreen(self)
        self._request: LoginScreen.SignInRequested | None = None
        self._password_source = ""
        self._last_session: tuple[str, int, str] | None = None  # host, port, user
        self._replaced = False  # somebody else took our place on the server
        self._garbage_collector = IdleGarbageCollector()
        self._idle = True  # nothing has come since the last tick

    # What the app tells

    def sign_in(
        self, request: LoginScreen.SignInRequested, room: str | None, source: str = ""
    ) -> None:
        """Try it. `room`: where to go first, unless one was in another at the same server.

        `source`: from where the profile takes the password, in words; empty: somebody types it.
        """
        self._request = request
        self._password_source = source
        self._draft_store.save()
        address, account = (request.host, request.port), (request.user, request.password)
        if self._last_session is not None:  # back to where one was, if one was there
            room = self.model.room if self._last_session == (*address, request.user) else None
        everyone = request.follow_everyone
        self.session.sign_in(
            *address,
            *account,
            room=room,
            follow_everyone=everyone,
            plaintext=request.plaintext,
        )
        self.process_updates()
        self._log_files.write()  # of whoever was signed in before

    def apply_settings(self, settings: Settings) -> None:
        """Other settings are in force from now on."""
        self.notifier.apply_settings(settings)
        self._log_files.write()
        self._log_files.folder = settings.log_folder
        self._draw(
            partial(self.screen.panes.draw, {Pane.ROOMS, Pane.LOG, Pane.COMPOSER})
        )  # they name keys

    def cancel(self) -> None:
        """Give up what is under way, or sign out."""
        self.session.cancel()
        self.process_updates()

    def pump(self) -> bool:
        """Take in what arrived, a bounded part of it, and draw each changed pane once.

        True where there is more: to be called again soon.
        """
        more = self.session.pump()
        self.process_updates()
        self._idle = False
        return more

    def tick(self, *, whole_process: bool) -> None:
        """Time has passed. `whole_process`: it is ours, its garbage collection included."""
        self.session.tick()
        self.process_updates()
        if whole_process:
            quiet = self._idle and self.screen.is_mounted
            self._garbage_collector.tick(time.monotonic(), idle=quiet)
        self._idle = True
        self._draft_store.tick()
        self._log_files.write()
        self.notifier.show_title()
        self._draw(self.screen.panes.draw_activity)

    def leave(self) -> None:
        """Sign out for good. What waits to be sent goes back to the composer first, and is kept."""
        self.cancel()
        with suppress(NoMatches):  # never shown so far
            self.screen.drafts.switch()
        self._draft_store.save()
        self.session.close()

    def end(self) -> None:
        """Whatever ended the app: no thread of the session outlives it, nor our title."""
        self._draft_store.save()
        self.session.close()
        self._log_files.write()
        self.notifier.restore_title()

    # What the app asks

    def help(self, account: Account, log_path: str) -> Screen[None]:
        """The page about keys and signs. `log_path`: of a server that was started here."""
        at, pane = self.session.connected_to, self.screen.focus_control.focused_pane
        command = guessed_netcat_command(account) if at is None else netcat_command(at)
        return HelpScreen(HelpContext(command, self.model.commands, log_path, pane))

    def wire(self, account: Account) -> Screen[None]:
        """What really goes over the wire."""
        at, fingerprint = self.session.connected_to or account, self.session.fingerprint
        return WireScreen(self.model, NetcatTarget(at.host, at.port, at.user, fingerprint))

    def has_other_users(self, server: LocalServer | None) -> bool:
        """Whether somebody else is on a server that ends with this window."""
        if server is None or server.joined_existing:
            return False
        if self.model.connection.state in (
            events.ConnectionState.WAITING,
            events.ConnectionState.RETRYING,
        ):
            return False  # it is gone
        members = sum(room.members or 0 for room in self.model.rooms.listed())
        return members + self._replaced > 1

    # What the session and the screen tell

    def process_updates(self) -> None:
        """The session was told something, or has learned something: act upon it, and draw it."""
        for notice in self.session.take_notices():
            self._handle_notice(notice)
        self.notifier.update(
            focused=self.shell.is_terminal_focused, at_end=self.screen.panes.at_end
        )
        changes = self.model.take_changes()
        if changes:
            self._draw(partial(self.screen.panes.draw, changes))

    def _draw(self, draw: Callable[[], None]) -> None:
        # Panes that are just being made draw themselves when they are there; of those that are
        # being taken away there is nothing left to see.
        if self.screen.is_mounted:
            with suppress(NoMatches):
                draw()

    def _handle_notice(self, notice: events.Event) -> None:
        request = self._request
        match notice:
            case events.SignedIn() if request is not None:
                self._signed_in(request)
            case events.SignInFailed(reason, retry, untrusted=untrusted):
                self.screen.password_change.close_form()
                words = wording.untrusted(reason) if untrusted else wording.sign_in_failure(reason)
                self.shell.show_login(words, not (retry or untrusted))
            case events.KeyUnknown():
                self.shell.show_dialog(TrustScreen(notice), self._trust)
            case events.KeyChanged():
                self.screen.password_change.close_form()
                self.shell.show_login(wording.key_changed(notice), False)
                self.shell.show_dialog(ChangedKeyScreen(notice), lambda _: None)
            case events.SignedOut(reason, by_request):
                self._replaced = not by_request
                self.screen.password_change.close_form()
                user = "" if request is None else request.user
                self.shell.show_login(
                    wording.sign_out_message(reason, user, requested=by_request), True
                )
            case (
                events.PasswordChanged()
                | events.PasswordChangeFailed()
                | events.PasswordChangeUncertain()
            ):
                self.screen.password_change.show_outcome(notice, self._password_source)
            case events.TextReturned():
                self.screen.drafts.return_text(notice)

    def _signed_in(self, request: LoginScreen.SignInRequested) -> None:
        where = (request.host, request.port, request.user)
        self._state.signed_in(*where, request.follow_everyone, request.profile)
        self._last_session, self._replaced = where, False
        at = self.session.connected_to
        port = request.port if at is None else at.port
        if places := self._draft_store.open(request.host, port, request.user):
            words = f"not sent and kept, or not confirmed: {', '.join(places)}"
            self.model.apply(events.LogNotice(words, "notice"))
        self.shell.show_chat()

    def _trust(self, decision: TrustDecision | None) -> None:
        self.session.trust(decision or TrustDecision.REJECT)
        self.process_updates()

    def sign_out(self) -> None:
        """Leave the server and show the login form."""
        self.cancel()
        self.shell.show_login(wording.SIGNED_OUT, True)
