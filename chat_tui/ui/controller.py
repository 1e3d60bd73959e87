"""ChatMode: all that begins with the first sign-in: the session, its screen, what is kept of it.

The form has to be there at once; none of this is needed for it, and most of the client's code is
in what this module imports. So the app imports it when it has drawn the form.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from textual.css.query import NoMatches
from textual.screen import Screen

from chat_tui import events
from chat_tui.account import Account
from chat_tui.config.settings import Settings
from chat_tui.events import Trust
from chat_tui.input.shell_commands import by_hand, guessed_by_hand
from chat_tui.local_server import LocalServer
from chat_tui.model.chat_model import ChatModel, Pane
from chat_tui.session.session import ChatSession
from chat_tui.storage.draft_store import DraftShelf
from chat_tui.storage.history_file import HistoryFile
from chat_tui.storage.known_servers import KnownServers
from chat_tui.storage.log_files import LogFiles
from chat_tui.storage.state import ClientState
from chat_tui.ui.gc_scheduler import QuietCollection
from chat_tui.ui.notifier import Attention
from chat_tui.ui.screens import wording
from chat_tui.ui.screens.chat import ChatScreen
from chat_tui.ui.screens.help import HelpScreen, Situation
from chat_tui.ui.screens.login import LoginScreen
from chat_tui.ui.screens.trust import ChangedKeyScreen, TrustScreen
from chat_tui.ui.screens.wire import Server, WireScreen
from chat_tui.ui.terminal.notifications import TerminalCalls

MakeSession = Callable[
    [ChatModel, Callable[[Callable[[], None]], None], Callable[[], None]], ChatSession
]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the app does for it."""

    start_reader: Callable[[Callable[[], None]], None]
    wake: Callable[[], None]
    """From any thread: `take_in` is to be called soon."""
    write_to_terminal: Callable[[str], None]
    is_focused: Callable[[], bool]
    """Whether somebody looks at the terminal, as far as it tells."""
    show_chat: Callable[[], None]
    show_form: Callable[[str, bool], None]
    """With these words; True: the password has to be typed again."""
    ask: Callable[[Screen[Any], Callable[[Any], None]], None]
    """Put this over what is shown; the callback gets the answer."""


class ChatMode:
    """One person's sessions, one after the other. The screen's thread alone calls it."""

    def __init__(
        self,
        surroundings: Surroundings,
        state: ClientState,
        settings: Settings,
        make_session: MakeSession | None = None,
    ) -> None:
        """`make_session`: tests bring a session without a server."""
        self._around = surroundings
        self._state = state
        make = make_session or partial(ChatSession, known=KnownServers(state.folder))
        self.session = make(ChatModel(), surroundings.start_reader, surroundings.wake)
        self._model = self.session.model
        sent = HistoryFile(state.folder)
        self._model.history.go_on_from(sent.read(), sent.keep)
        self._shelf = DraftShelf(state.folder, self._model)
        self._log_files = LogFiles(self._model, settings.log_folder)
        calls = TerminalCalls(surroundings.write_to_terminal)
        self.attention = Attention(self._model, state.muted, calls)
        self.attention.use(settings)
        self.screen = ChatScreen(self.session, self.attention, self.catch_up, self._sign_out)
        self._asked: LoginScreen.SignIn | None = None
        self._password_source = ""
        self._was_in: tuple[str, int, str] | None = None  # host, port, user
        self._ousted = False  # somebody else took our place on the server
        self._collection = QuietCollection()
        self._quiet = True  # nothing has come since the last tick

    # What the app tells

    def sign_in(self, asked: LoginScreen.SignIn, room: str | None, source: str = "") -> None:
        """Try it. `room`: where to go first, unless one was in another at the same server.

        `source`: from where the profile takes the password, in words; empty: somebody types it.
        """
        self._asked = asked
        self._password_source = source
        self._shelf.save()
        address, account = (asked.host, asked.port), (asked.user, asked.password)
        if self._was_in is not None:  # back to where one was, if one was there
            room = self._model.room if self._was_in == (*address, asked.user) else None
        everyone = asked.follow_everyone
        self.session.sign_in(
            *address,
            *account,
            room=room,
            follow_everyone=everyone,
            plaintext=asked.plaintext,
        )
        self.catch_up()
        self._log_files.write()  # of whoever was signed in before

    def use(self, settings: Settings) -> None:
        """Other settings are in force from now on."""
        self.attention.use(settings)
        self._log_files.write()
        self._log_files.folder = settings.log_folder
        self._draw(
            partial(self.screen.draw, {Pane.ROOMS, Pane.LOG, Pane.COMPOSER})
        )  # they name keys

    def cancel(self) -> None:
        """Give up what is under way, or sign out."""
        self.session.cancel()
        self.catch_up()

    def take_in(self) -> bool:
        """Take in what arrived, a bounded part of it, and draw each changed pane once.

        True where there is more: to be called again soon.
        """
        more = self.session.pump()
        self.catch_up()
        self._quiet = False
        return more

    def tick(self, *, whole_process: bool) -> None:
        """Time has passed. `whole_process`: it is ours, its garbage collection included."""
        self.session.tick()
        self.catch_up()
        if whole_process:
            quiet = self._quiet and self.screen.is_mounted
            self._collection.tick(time.monotonic(), quiet=quiet)
        self._quiet = True
        self._shelf.tick()
        self._log_files.write()
        self.attention.show_title()
        self._draw(self.screen.draw_attention)

    def leave(self) -> None:
        """Sign out for good. What waits to be sent goes back to the composer first, and is kept."""
        self.cancel()
        with suppress(NoMatches):  # never shown so far
            self.screen.turn_to_draft()
        self._shelf.save()
        self.session.close()

    def end(self) -> None:
        """Whatever ended the app: no thread of the session outlives it, nor our title."""
        self._shelf.save()
        self.session.close()
        self._log_files.write()
        self.attention.bring_back_title()

    # What the app asks

    def help(self, asked: Account, log_path: str) -> Screen[None]:
        """The page about keys and signs. `log_path`: of a server that was started here."""
        at, pane = self.session.connected_to, self.screen.focused_pane
        command = guessed_by_hand(asked) if at is None else by_hand(at)
        return HelpScreen(Situation(command, self._model.commands, log_path, pane))

    def wire(self, asked: Account) -> Screen[None]:
        """What really goes over the wire."""
        at, fingerprint = self.session.connected_to or asked, self.session.fingerprint
        return WireScreen(self._model, Server(at.host, at.port, at.user, fingerprint))

    def others_are_on(self, server: LocalServer | None) -> bool:
        """Whether somebody else is on a server that ends with this window."""
        if server is None or server.joined_existing:
            return False
        if self._model.connection.state in (
            events.ConnectionState.WAITING,
            events.ConnectionState.RETRYING,
        ):
            return False  # it is gone
        members = sum(room.members or 0 for room in self._model.rooms.listed())
        return members + self._ousted > 1

    # What the session and the screen tell

    def catch_up(self) -> None:
        """The session was told something, or has learned something: act upon it, and draw it."""
        for notice in self.session.take_notices():
            self._act_upon(notice)
        self.attention.attend(focused=self._around.is_focused(), at_end=self.screen.at_end)
        changes = self._model.take_changes()
        if changes:
            self._draw(partial(self.screen.draw, changes))

    def _draw(self, draw: Callable[[], None]) -> None:
        # Panes that are just being made draw themselves when they are there; of those that are
        # being taken away there is nothing left to see.
        if self.screen.is_mounted:
            with suppress(NoMatches):
                draw()

    def _act_upon(self, notice: events.Event) -> None:
        asked = self._asked
        match notice:
            case events.SignedIn() if asked is not None:
                self._signed_in(asked)
            case events.SignInRefused(reason, retry, untrusted=untrusted):
                self.screen.close_password_form()
                words = wording.untrusted(reason) if untrusted else wording.refusal(reason)
                self._around.show_form(words, not (retry or untrusted))
            case events.KeyUnknown():
                self._around.ask(TrustScreen(notice), self._trust)
            case events.KeyChanged():
                self.screen.close_password_form()
                self._around.show_form(wording.key_changed(notice), False)
                self._around.ask(ChangedKeyScreen(notice), lambda _: None)
            case events.SignedOut(reason, by_request):
                self._ousted = not by_request
                self.screen.close_password_form()
                user = "" if asked is None else asked.user
                self._around.show_form(wording.ending(reason, user, asked=by_request), True)
            case events.PasswordChanged() | events.PasswordRefused() | events.PasswordUnknown():
                self.screen.password_answered(notice, self._password_source)
            case events.TextReturned():
                self.screen.take_back(notice)

    def _signed_in(self, asked: LoginScreen.SignIn) -> None:
        where = (asked.host, asked.port, asked.user)
        self._state.signed_in(*where, asked.follow_everyone, asked.profile)
        self._was_in, self._ousted = where, False
        at = self.session.connected_to
        port = asked.port if at is None else at.port
        if places := self._shelf.open(asked.host, port, asked.user):
            words = f"not sent and kept, or not confirmed: {', '.join(places)}"
            self._model.apply(events.ServerLine(words, "notice"))
        self._around.show_chat()

    def _trust(self, answer: Trust | None) -> None:
        self.session.trust(answer or Trust.NO)
        self.catch_up()

    def _sign_out(self) -> None:
        self.cancel()
        self._around.show_form(wording.SIGNED_OUT, True)
