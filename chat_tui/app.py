"""ChatApp: which screen is shown, in which colours, and who is told what."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import ClassVar, Final

from textual import on
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.message import Message
from textual.screen import ModalScreen, Screen

from chat_tui import events
from chat_tui.attention import Attention
from chat_tui.beside import LocalServerUp, log_path_of, others_are_on
from chat_tui.draft_shelf import DraftShelf
from chat_tui.history_file import HistoryFile
from chat_tui.house_style import HouseStyle
from chat_tui.local_server import LocalServer
from chat_tui.log_files import LogFiles
from chat_tui.model.chat_model import ChatModel
from chat_tui.quiet_collection import QuietCollection
from chat_tui.screens import wording
from chat_tui.screens.chat import ChatScreen
from chat_tui.screens.confirm import ConfirmScreen
from chat_tui.screens.help import HelpScreen, Situation
from chat_tui.screens.login import LoginScreen
from chat_tui.screens.wire import Server, WireScreen
from chat_tui.session import ChatSession
from chat_tui.start import Start as Start
from chat_tui.state import ClientState
from chat_tui.terminal_calls import TerminalCalls
from chat_tui.terminal_watch import end_with_the_terminal

_TICK: Final = 0.25
"""Seconds between two looks at the clock: countdowns, heartbeats."""

_BREATH: Final = 1 / 60
"""Seconds between two turns of taking in a flood, in which keys are heard and rows are drawn."""

MakeSession = Callable[
    [ChatModel, Callable[[Callable[[], None]], None], Callable[[], None]], ChatSession
]


class ChatApp(HouseStyle):
    """The full-screen client. It owns the session; nothing in a screen has to be ended."""

    TITLE = "Lobby"
    CSS_PATH = "chat.tcss"
    DEFAULT_MODE = "login"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "Help", id="help"),
        Binding("f6", "wire", "Wire", show=False, priority=True, id="wire"),
        Binding("ctrl+q", "quit", "Quit", id="quit"),
        Binding("ctrl+p", "command_palette", "Palette", show=False, priority=True, id="palette"),
    ]

    class Woken(Message):
        """The session has something for us. Posted from its threads."""

    def __init__(
        self, start: Start, state: ClientState, make_session: MakeSession = ChatSession
    ) -> None:
        """`make_session`: tests bring a session without a server."""
        super().__init__()
        self._start = start
        self._state = state
        self.session = make_session(ChatModel(), self._start_reader, self._wake)
        sent = HistoryFile(state.folder)
        self.session.model.history.go_on_from(sent.read(), sent.keep)
        self._shelf = DraftShelf(state.folder, self.session.model)
        self._log_files = LogFiles(self.session.model, start.settings.log_folder)
        self.local_server: LocalServer | None = None
        """The server of `--local` once it is up; whoever ran the app stops it."""
        self.login = LoginScreen(start, state.follows_everyone)
        calls = TerminalCalls(self.write_to_terminal)
        self.attention = Attention(self.session.model, state.muted, calls)
        self.attention.use(start.settings)
        self.stand_ins.enabled = start.settings.stand_ins
        self.chat = ChatScreen(self.session, self.attention, self._catch_up)
        self._asked = LoginScreen.SignIn(start.host, start.port, start.user, "", True)
        self._was_in: tuple[str, int, str] | None = None  # host, port, user
        self._collection = QuietCollection()
        self._quiet = True  # nothing has come since the last tick
        self._ousted = False  # somebody else took our place on the server
        self.add_mode("chat", lambda: self.chat)

    def get_default_screen(self) -> LoginScreen:
        """The form, of the mode that the app begins in.

        Not by `add_mode`: from Python 3.12 on, a mode's screen is composed before it is on the
        stack, and its inputs look for it there; the default screen is put on the stack first.
        """
        return self.login

    def on_mount(self) -> None:
        """The clock, and the end of the terminal."""
        self.add_mode("login", self.get_default_screen)
        self.set_interval(_TICK, self._tick)
        if not self.is_headless and sys.__stdin__ is not None:
            end_with_the_terminal(sys.__stdin__.fileno(), self._leave)

    def on_unmount(self) -> None:
        """Whatever ended the app: no thread of the session outlives it, nor our title."""
        self.session.close()
        self._log_files.write()
        self.attention.bring_back_title()

    # The session

    def _start_reader(self, read: Callable[[], None]) -> None:
        self.run_worker(read, "reader", "connection", exit_on_error=False, thread=True)

    def _wake(self) -> None:
        self.post_message(self.Woken())

    @on(Woken)
    def _take_in(self) -> None:
        """Take in what arrived, a bounded part of it, and draw each changed pane once."""
        more = self.session.pump()
        self._catch_up()
        self._quiet = False
        if more:
            self.set_timer(_BREATH, self._take_in)

    def _tick(self) -> None:
        self.session.tick()
        self._catch_up()
        if not self.is_headless:  # it is the whole process that it is about
            self._collection.tick(time.monotonic(), quiet=self._quiet and self.chat.is_mounted)
        self._quiet = True
        self._shelf.tick()
        self._log_files.write()
        self.attention.show_title()
        with suppress(NoMatches):  # see `_catch_up`
            self.chat.draw_attention()

    def _catch_up(self) -> None:
        for notice in self.session.take_notices():
            self._act_upon(notice)
        self.attention.attend(focused=self.app_focus, at_end=self.chat.at_end)
        changes = self.session.model.take_changes()
        if changes and self.chat.is_mounted:
            # Panes that are just being made draw themselves when they are there; of those that
            # are being taken away there is nothing left to see.
            with suppress(NoMatches):
                self.chat.draw(changes)

    def _act_upon(self, notice: events.Event) -> None:
        asked = self._asked
        match notice:
            case events.SignedIn():
                tick = asked.follow_everyone
                self._state.signed_in(asked.host, asked.port, asked.user, tick)
                self._was_in, self._ousted = (asked.host, asked.port, asked.user), False
                if places := self._shelf.open(*self._was_in):
                    words = f"half written, and kept: {', '.join(places)}"
                    self.session.model.apply(events.ServerLine(words, "notice"))
                self.login.forget_password()
                self.switch_mode("chat")
            case events.SignInRefused(reason, retry):
                self._show_form(wording.refusal(reason), ask_again=not retry)
            case events.SignedOut(reason, by_request):
                self._ousted = not by_request
                self._show_form(wording.ending(reason, asked.user, asked=by_request))
            case events.TextReturned():
                self.chat.take_back(notice)

    def _show_form(self, words: str, *, ask_again: bool = True) -> None:
        if self.current_mode != "login":
            self.switch_mode("login")
        self.login.say(words, ask_again=ask_again)

    # The form

    @on(LoginScreen.SignIn)
    def _sign_in(self, asked: LoginScreen.SignIn) -> None:
        self._asked = asked
        self._shelf.save()
        self.login.wait(f"Connecting to {asked.host}, port {asked.port}… Esc cancels.")
        address, account = (asked.host, asked.port), (asked.user, asked.password)
        room, everyone = self._start.room, asked.follow_everyone
        if self._was_in is not None:  # back to where one was, if one was there
            room = self.session.model.room if self._was_in == (*address, asked.user) else None
        self.session.sign_in(*address, *account, room=room, follow_everyone=everyone)
        self._catch_up()
        self._log_files.write()  # of whoever was signed in before

    @on(LoginScreen.Cancelled)
    def _cancel(self) -> None:
        self.session.cancel()
        self._catch_up()

    @on(ChatScreen.SignOut)
    def _sign_out(self) -> None:
        self._cancel()
        self._show_form(wording.SIGNED_OUT)

    @on(LocalServerUp)
    def _local_server_up(self, event: LocalServerUp) -> None:
        self.local_server = event.server

    # Keys and the palette

    def action_help(self) -> None:
        """All keys and signs."""
        asked, commands = self._asked, self.session.model.commands
        log = log_path_of(self.local_server)
        self.push_screen(HelpScreen(Situation(asked.host, asked.port, commands, log)))

    def action_wire(self) -> None:
        """What really goes over the wire."""
        if isinstance(self.screen, WireScreen):
            self.screen.dismiss()
        elif not isinstance(self.screen, ModalScreen):
            asked, model = self._asked, self.session.model
            self.push_screen(WireScreen(model, Server(asked.host, asked.port, asked.user)))

    async def action_quit(self) -> None:
        """Leave at once; with a server of our own, not before those on it were thought of."""
        if others_are_on(self.local_server, self.session.model, ousted=self._ousted):
            question = "Others are on the server of this window. Quitting ends it for them, too."
            self.push_screen(ConfirmScreen(question, "Quit", "Stay"), self._quit_if)
        else:
            self._quit_if(True)

    def _quit_if(self, yes: bool | None) -> None:
        if yes:
            self._leave()

    def _leave(self) -> None:
        """End it. What waits to be sent goes back to the composer first, to be there again."""
        self.session.cancel()
        self._catch_up()
        with suppress(NoMatches):  # never shown so far
            self.chat.turn_to_draft()
        self._shelf.save()
        self.session.close()
        self.exit()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the palette offers everywhere."""
        yield SystemCommand("Theme", "Other colours, dark or light", self.action_change_theme)
        yield SystemCommand("The wire", "F6: the raw lines, both ways", self.action_wire)
        yield SystemCommand("Help", "F1: all keys and signs", self.action_help)
        yield SystemCommand("Quit", "Ctrl+Q", self.action_quit)
