"""ChatController: the session, the chat screen and their stored state.

Most of the client's code is in the modules that this module imports. The login form needs none of
it and has to appear at once, so the app imports this module after it has drawn the form.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from textual.css.query import NoMatches
from textual.screen import Screen

from chat_tui import events
from chat_tui.account import Account
from chat_tui.config import Settings
from chat_tui.events import TrustDecision
from chat_tui.input import guessed_netcat_command, netcat_command
from chat_tui.local_server import LocalServer
from chat_tui.model import ChatModel, Pane, UnreadNumbers
from chat_tui.session import ChatSession
from chat_tui.storage import (
    ClientState,
    DraftStore,
    HistoryStore,
    KnownServers,
    LogFiles,
    PlaceStore,
    StampStore,
)
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
from chat_tui.ui.view_options import ViewOptions

_FILL_SECONDS: Final = 0.5
"""Longest wait for the lists of rooms and people after a login, before the chat is shown."""

MakeSession = Callable[
    [ChatModel, Callable[[Callable[[], None]], None], Callable[[], None]], ChatSession
]


class ChatController:
    """The sessions of one user, one after the other. Only the screen's thread calls it.

    It implements `ChatContext` for the chat screen.
    """

    def __init__(
        self,
        shell: AppShell,
        state: ClientState,
        settings: Settings,
        make_session: MakeSession | None = None,
    ) -> None:
        """`make_session` replaces `ChatSession` in tests."""
        self.shell = shell
        self._state = state
        make = make_session or partial(
            ChatSession,
            known=KnownServers(state.folder),
            stamps=StampStore(state.folder, state.problems),
        )
        self.session = make(ChatModel(), shell.start_reader, shell.wake)
        self.model = self.session.model
        self._history_store = HistoryStore(state.folder, self.model, state.problems)
        self._draft_store = DraftStore(state.folder, self.model, state.problems)
        self._place_store = PlaceStore(state.folder, self.model, state.problems)
        self._log_files = LogFiles(self.model, settings.log_folder)
        self.notifier = Notifier(self.model, state.muted, TerminalNotifier(shell.write_to_terminal))
        self.notifier.apply_settings(settings)
        self.view = ViewOptions()
        self.view.apply(settings)
        self.screen = ChatScreen(self)
        self._request: LoginScreen.SignInRequested | None = None
        self._password_source = ""
        self._last_session: tuple[str, int, str] | None = None  # host, port, user
        self._replaced = False  # a later login of the same account ended the session
        self._garbage_collector = IdleGarbageCollector()
        self._idle = True  # nothing has arrived since the last tick
        self._show_chat_by: float | None = None  # when to show the chat with empty lists

    # Calls of the app

    def sign_in(
        self, request: LoginScreen.SignInRequested, room: str | None, source: str = ""
    ) -> None:
        """Start to sign in. The outcome arrives later, with `process_updates`.

        `room` counts until a sign-in has succeeded: it is joined first. Later, the last account
        comes back to its room, and any other account starts in the lobby. `source` says in plain
        text where the profile takes the password from, empty if the user typed it.
        """
        self._request = request
        self._password_source = source
        self._draft_store.save()
        if self._last_session is not None:
            is_same = self._last_session == (request.host, request.port, request.user)
            room = self.model.room if is_same else None
        self._name_keys()
        self.session.sign_in(
            request.host,
            request.port,
            request.user,
            request.password,
            room=room,
            follow_everyone=request.follow_everyone,
            plaintext=request.plaintext,
            others=request.others,
            waits_for_servers=True,
        )
        self.process_updates()
        self._log_files.write()  # of the account that was signed in before

    def apply_settings(self, settings: Settings) -> None:
        """Use other settings from now on."""
        self.notifier.apply_settings(settings)
        self.view.apply(settings)
        self._log_files.write()
        self._log_files.folder = settings.log_folder
        self._name_keys()
        panes_with_keys = {Pane.ROOMS, Pane.LOG, Pane.COMPOSER}
        self._draw(partial(self.screen.panes.draw, panes_with_keys))

    def _name_keys(self) -> None:
        self.model.undo_key = self.shell.key_of("people.undo", "Alt+U")

    def cancel(self) -> None:
        """Stop connecting, or sign out."""
        self.session.cancel()
        self.process_updates()

    def pump(self) -> bool:
        """Process a bounded part of what arrived and draw each changed pane once.

        Return True if more is waiting. The caller calls again soon.
        """
        more = self.session.pump()
        self.process_updates()
        self._idle = False
        return more

    def tick(self, *, whole_process: bool) -> None:
        """Do what depends on time. The app calls it every 0.25 seconds.

        `whole_process`: the process runs nothing but the client, so that the garbage collection
        may be scheduled.
        """
        self.session.tick()
        self.process_updates()
        if whole_process:
            idle = self._idle and self.screen.is_mounted
            self._garbage_collector.tick(time.monotonic(), idle=idle)
        self._idle = True
        self._write_drafts()
        self._history_store.tick()
        self._place_store.tick()
        self._log_files.write()
        self._report_storage_problems()
        self.notifier.show_title()
        self._draw(self.screen.panes.draw_activity)

    def sign_out_and_save(self) -> None:
        """Sign out before the app exits. Text that waits to be sent is kept as a draft."""
        self.cancel()
        with suppress(NoMatches):  # the chat was never shown
            self.screen.drafts.switch()
        self._draft_store.save()
        self._history_store.save()
        self._place_store.save()
        self.session.close()

    def shut_down(self) -> None:
        """Stop the threads of the session and restore the title, however the app ended."""
        self._draft_store.save()
        self._history_store.save()
        self._place_store.save()
        self.session.close()
        self._log_files.write()
        self.notifier.restore_title()

    def help_screen(self, account: Account, log_path: str) -> Screen[None]:
        """Return the help. `log_path`: the log of the local server, empty if there is none."""
        target, pane = self.session.connected_to, self.screen.focus_control.focused_pane
        command = guessed_netcat_command(account) if target is None else netcat_command(target)
        return HelpScreen(HelpContext(command, self.model.commands, log_path, pane))

    def wire_screen(self, account: Account) -> Screen[None]:
        """Return the wire log."""
        target, fingerprint = self.session.connected_to or account, self.session.fingerprint
        return WireScreen(
            self.model, NetcatTarget(target.host, target.port, target.user, fingerprint)
        )

    def waits_for(self, server: LocalServer | None) -> bool:
        """Return True if the connection to `server` was lost and a retry is scheduled."""
        if server is None or self.model.connection.state is not events.ConnectionState.WAITING:
            return False
        target = self.session.connected_to
        return target is not None and (target.host, target.port) == (server.host, server.port)

    def local_server_started_again(self, server: LocalServer) -> None:
        """Reconnect to the local server, which this or another window has started again."""
        window = "Another window" if server.joined_existing else "This window"
        text = f"{window} has started the local server again."
        self.model.apply(events.LogNotice(text, "notice"))
        self.session.retry_now()
        self.process_updates()

    def has_other_users(self, server: LocalServer | None) -> bool:
        """Return True if other users are on a server that ends with this client."""
        if server is None or server.joined_existing:
            return False
        if self.model.connection.state in (
            events.ConnectionState.WAITING,
            events.ConnectionState.RETRYING,
        ):
            return False  # the server is gone
        members = sum(room.members or 0 for room in self.model.rooms.listed())
        return members + self._replaced > 1

    # ChatContext

    def process_updates(self) -> None:
        """Act on the session's notices, update unread counts and draw the changed panes."""
        for notice in self.session.take_notices():
            self._handle_notice(notice)
        self._read_conversation()
        panes = self.screen.panes
        was_behind = panes.is_behind
        self._update_notifier()
        self._show_chat()
        self._draw_changes()
        if was_behind and not panes.is_behind:
            # Only now it is known whether the user sees the newest message of the location.
            self._update_notifier()
            self._draw(self.screen.panes.draw_activity)

    def _update_notifier(self) -> None:
        self.notifier.update(
            focused=self.shell.is_terminal_focused,
            at_end=self.screen.panes.at_end,
            watched=self.shell.is_terminal_watched,
        )

    def _draw_changes(self) -> None:
        changes = self.model.take_changes()
        if Pane.FOUND in changes:
            self.screen.history_search.show_result()
        if changes:
            self._draw(partial(self.screen.panes.draw, changes))

    def _read_conversation(self) -> None:
        """Request what the server has kept for the conversation in view."""
        place = self.model.location
        if place.is_private and self.model.unread.reported(place).messages:
            self.model.unread.report(place, UnreadNumbers())
            self.session.read_private(place.partner)

    def sign_out(self) -> None:
        """Leave the server and show the login form."""
        self.cancel()
        self._show_login(wording.SIGNED_OUT, ask_again=True)

    # Notices of the session

    def _draw(self, draw: Callable[[], None]) -> None:
        # Panes that are still being composed draw themselves on mount; panes that are being
        # removed are not visible any more.
        if self.screen.is_mounted:
            with suppress(NoMatches):
                draw()

    def _handle_notice(self, notice: events.Event) -> None:
        request = self._request
        match notice:
            case events.SignedIn() if request is not None:
                self._signed_in(request)
            case events.PasswordCheckPending():
                self.shell.show_sign_in_progress(wording.PASSWORD_CHECK_PENDING)
            case events.SignInPostponed():
                self.shell.show_sign_in_progress(wording.SIGN_IN_POSTPONED)
            case events.SignInFailed(reason, retry, untrusted=untrusted):
                self.screen.password_change.close_form()
                if retry and not untrusted and self.shell.recover_local_server():
                    return
                message = (
                    wording.untrusted(reason) if untrusted else wording.sign_in_failure(reason)
                )
                self._show_login(message, ask_again=not (retry or untrusted))
            case events.KeyUnknown():
                self.shell.show_dialog(TrustScreen(notice), self._trust)
            case events.KeyChanged():
                self.screen.password_change.close_form()
                self._show_login(wording.key_changed(notice), ask_again=False)
                self.shell.show_dialog(ChangedKeyScreen(notice), lambda _: None)
            case events.SignedOut(reason, by_request):
                self._replaced = not by_request
                self.screen.password_change.close_form()
                user = "" if request is None else request.user
                message = wording.sign_out_message(reason, user, requested=by_request)
                self._show_login(message, ask_again=True)
            case (
                events.PasswordChanged()
                | events.PasswordChangeFailed()
                | events.PasswordChangeUncertain()
            ):
                self.screen.password_change.show_outcome(notice, self._password_source)
            case events.TextReturned():
                self.screen.drafts.return_text(notice)

    def _signed_in(self, request: LoginScreen.SignInRequested) -> None:
        signed_in_to = (request.host, request.port, request.user)
        self._state.signed_in(*signed_in_to, request.follow_everyone, request.profile)
        self._last_session, self._replaced = signed_in_to, False
        connected_to = self.session.connected_to
        # With several servers, the files have the name of the first one.
        is_named = connected_to is None or bool(request.others)
        port = request.port if is_named or connected_to is None else connected_to.port
        self._history_store.open(request.host, port, request.user)
        self._place_store.open(request.host, port, request.user)
        with suppress(NoMatches):  # the chat was never shown
            self.screen.drafts.save()
        locations = self._draft_store.open(request.host, port, request.user)
        with suppress(NoMatches):
            self.screen.drafts.reload()
        if locations:
            text = f"not sent yet, or not confirmed: {', '.join(locations)}"
            self.model.apply(events.LogNotice(text, "notice"))
        self._show_chat_by = time.monotonic() + _FILL_SECONDS
        self._show_chat()

    def _show_chat(self) -> None:
        """Show the chat after a sign-in, once the lists can be filled: the first frame has them."""
        if self._show_chat_by is None:
            return
        model, supports = self.model, self.model.capabilities.supports
        has_people = model.people.known or not supports("/who")
        is_online = model.connection.state is events.ConnectionState.ONLINE
        has_rooms = model.rooms.members_of(model.room) is not None or not supports("/rooms")
        if (is_online and has_people and has_rooms) or time.monotonic() >= self._show_chat_by:
            self._show_chat_by = None
            self.shell.show_chat()

    def _show_login(self, message: str, *, ask_again: bool) -> None:
        self._show_chat_by = None
        self.shell.show_login(message, ask_again)

    def _write_drafts(self) -> None:
        """Write the drafts, and show what another window of this user has added to them."""
        with suppress(NoMatches):
            self.screen.drafts.save()  # the composer may be newer than the model
            if self._draft_store.tick():
                self.screen.drafts.reload()
            return
        self._draft_store.tick()

    def _report_storage_problems(self) -> None:
        """Write new problems with the client's files to the log in view."""
        if self._last_session is not None:  # before that there is no log
            for text in self._state.problems.take():
                self.model.apply(events.LogNotice(text, "error"))

    def _trust(self, decision: TrustDecision | None) -> None:
        self.session.trust(decision or TrustDecision.REJECT)
        self.process_updates()
