"""ChatApp: the full-screen client. It shows the screens and owns the session."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import on
from textual.binding import Binding, BindingType
from textual.events import Event, Key, Paste
from textual.message import Message
from textual.screen import ModalScreen, Screen

from chat_tui.launch import LaunchOptions as LaunchOptions
from chat_tui.storage import ClientState
from chat_tui.ui.base_app import BaseApp
from chat_tui.ui.local_server_supervisor import LocalServerSupervisor
from chat_tui.ui.preload import preload_in_thread
from chat_tui.ui.screens import (
    DemoAccountsFound,
    LocalServerChecked,
    LocalServerStarted,
    LoginScreen,
    local_log_path,
)
from chat_tui.ui.settings_manager import SettingsManager
from chat_tui.ui.terminal import CopyRequested, copy_to_clipboard, exit_on_hangup
from chat_tui.ui.theme_choice import ThemeChoice

if TYPE_CHECKING:
    from chat_tui.config import Settings
    from chat_tui.local_server import LocalServer
    from chat_tui.session import ChatSession
    from chat_tui.ui.controller import ChatController, MakeSession
    from chat_tui.ui.palette_entry import PaletteEntry
    from chat_tui.ui.screens import ChatScreen

_TICK: Final = 0.25
"""Seconds between two ticks of the session: countdowns, heartbeats."""

_TYPING_SECONDS: Final = 2.0
"""Seconds after a key in which the user is at the terminal."""

_FRAME_SECONDS: Final = 1 / 60
"""Seconds between two bounded pumps of a flood. Keys are processed and rows drawn in between."""

_LATE_STYLES: Final = Path(__file__).with_name("chat.tcss")
"""The styles that the login form does not use."""


class ChatApp(BaseApp):
    """The full-screen client. It owns the session, so a screen has nothing to close.

    It implements `AppShell` for the controller and the screens.
    """

    TITLE = "Lobby"
    CSS_PATH = "login.tcss"
    DEFAULT_MODE = "login"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "Help", id="help"),
        Binding("f5", "read_settings", "Settings", show=False, priority=True, id="settings"),
        Binding("f6", "wire", "Wire", show=False, priority=True, id="wire"),
        Binding("alt+n", "notices", "Notices", show=False, priority=True, id="notices"),
        Binding("ctrl+q", "quit", "Quit", id="quit"),
        Binding("ctrl+p", "command_palette", "Palette", show=False, priority=True, id="palette"),
    ]

    class SessionWoken(Message):
        """The session has events to pump. Any thread may post this."""

    def __init__(
        self, options: LaunchOptions, state: ClientState, make_session: MakeSession | None = None
    ) -> None:
        """`make_session` replaces `ChatSession` in tests."""
        super().__init__()
        self._options = options
        self._state = state
        self._make_session = make_session
        self._controller: ChatController | None = None
        self.supervisor = LocalServerSupervisor(self)
        self.login = LoginScreen(options, state.follows_everyone)
        self._settings_manager = SettingsManager(self, options.configuration, state.theme)
        self._theme_choice = ThemeChoice(self, self._settings_manager, state)
        self.set_reactive(BaseApp.mouse_on, options.settings.mouse)
        self._request = LoginScreen.SignInRequested(
            options.host, options.port, options.user, "", True
        )
        self.add_mode("chat", self._new_chat)

    def get_default_screen(self) -> LoginScreen:
        """Return the login form, the screen of the first mode. Called by Textual.

        `add_mode` would be too early: from Python 3.12 on, Textual composes a mode's screen before
        it pushes it, and the inputs of the form look for it on the stack. It pushes the default
        screen first.
        """
        return self.login

    def on_mount(self) -> None:
        """Start the clock and watch for the end of the terminal."""
        self.add_mode("login", self.get_default_screen)
        self.set_interval(_TICK, self._tick)
        if not self.is_headless and sys.__stdin__ is not None:
            exit_on_hangup(sys.__stdin__.fileno(), self._leave)
            self.call_after_refresh(self._preload)
        self.call_after_refresh(self._settings_manager.apply_keys)

    def _preload(self) -> None:
        """Load the rest of the client after the first frame, modules in a thread."""
        preload_in_thread()
        self._read_late_styles()
        self.stylesheet.parse()

    def on_unmount(self) -> None:
        """End the session, however the app ended."""
        if self._controller is not None:
            self._controller.shut_down()

    # Parts

    @property
    def controller(self) -> ChatController:
        """Everything except the login form, created on first use."""
        if self._controller is None:
            from chat_tui.ui.controller import ChatController

            self._controller = ChatController(self, self._state, self.settings, self._make_session)
        return self._controller

    @property
    def local_server(self) -> LocalServer | None:
        """The server of `--local` once it runs. The caller of `run` stops it."""
        return self.supervisor.server

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._settings_manager.configuration.settings

    @property
    def session(self) -> ChatSession:
        """The session of the user at the server."""
        return self.controller.session

    @property
    def chat(self) -> ChatScreen:
        """The chat screen."""
        return self.controller.screen

    def _new_chat(self) -> ChatScreen:
        """Return the chat screen before its first mount.

        Its widgets get the current styles when they mount. Without this mark, Textual would parse
        all styles again, twice, and apply them to the form that is going away.
        """
        self.chat._css_update_count = self._css_update_count
        self.chat.set_size_classes(self.size)
        return self.chat

    def _load_screen_css(self, screen: Screen[Any]) -> None:
        """Read the other styles before any screen but the form is shown. Called by Textual."""
        self._read_late_styles()
        super()._load_screen_css(screen)

    def _read_late_styles(self) -> None:
        """Read the styles that the form does not use. Nothing on the screen changes."""
        if not self.stylesheet.has_source(str(_LATE_STYLES), ""):
            self.stylesheet.read(_LATE_STYLES)

    # AppShell

    @property
    def is_terminal_focused(self) -> bool:
        """True while the terminal has the focus, as far as the terminal reports it."""
        return self.app_focus

    @property
    def is_terminal_watched(self) -> bool:
        """True while the terminal has the focus. If it never reports that: while the user types."""
        if self.focus_is_reported:
            return self.app_focus
        return self.seconds_since_key < _TYPING_SECONDS

    def start_reader(self, read: Callable[[], None]) -> None:
        """Run `read` in a thread."""
        self.run_worker(read, "reader", "connection", exit_on_error=False, thread=True)

    def wake(self) -> None:
        """Pump the session soon. Any thread may call this."""
        self.post_message(self.SessionWoken())

    def show_chat(self) -> None:
        """Show the chat screen."""
        self.login.forget_password()
        self.switch_mode("chat")

    def show_login(self, message: str, ask_again: bool) -> None:
        """Show the login form with `message`. `ask_again`: the password has to be typed again."""
        if self.current_mode != "login":
            self.notices.clear()  # they are about the session that has ended
            self.switch_mode("login")
        self.login.show_message(message, ask_again=ask_again)

    def show_sign_in_progress(self, message: str) -> None:
        """Show in the login form what the sign-in waits for. The user can cancel it."""
        self.login.show_progress(message)

    def show_dialog(self, dialog: Screen[Any], on_result: Callable[[Any], None]) -> None:
        """Push `dialog` over the current screen and pass its result to `on_result`."""
        self.push_screen(dialog, on_result)

    def recover_local_server(self) -> bool:
        """Start the local server again if it was not reachable, and sign in then.

        Return False if this is not possible: another server was meant, or the server was started
        for this sign-in already.
        """
        if not self.supervisor.recover(self._request):
            return False
        self.login.show_progress("Your own server has ended. It is starting again… Esc cancels.")
        return True

    # Input

    async def on_event(self, event: Event) -> None:
        """Let typed text reach the composer, whatever has the focus. Called by Textual."""
        if isinstance(event, Key | Paste) and not event.is_forwarded:
            controller = self._controller
            if controller is not None and self.screen is controller.screen:
                controller.screen.type_ahead.before_input(event)
        await super().on_event(event)

    # The session

    @on(SessionWoken)
    def _pump_session(self) -> None:
        if self.controller.pump():
            self.set_timer(_FRAME_SECONDS, self._pump_session)

    def _tick(self) -> None:
        self.notices.tick()
        if self._controller is not None:
            self._controller.tick(whole_process=not self.is_headless)
            if self._controller.waits_for(self.local_server):
                self.supervisor.check()

    # The server of `--local`

    @on(LocalServerChecked)
    def _local_server_checked(self, event: LocalServerChecked) -> None:
        request, is_new = self.supervisor.record(event)
        if request is not None and event.server is None:
            self.login.show_message(f"Could not start a local server: {event.problem}")
        elif request is not None:
            self._sign_in(request)
        elif is_new and event.server is not None:
            self.controller.local_server_started_again(event.server)

    @on(LocalServerStarted)
    def _local_server_started(self, event: LocalServerStarted) -> None:
        self.supervisor.server = event.server

    @on(DemoAccountsFound)
    def _demo_accounts_found(self, event: DemoAccountsFound) -> None:
        self.supervisor.demo_accounts = event.server.demo_accounts

    def second_user(self, user: str) -> str:
        """Return another demo account of the server of `--local`, empty if none is known."""
        return self.supervisor.second_user(user)

    # Messages of the screens

    @on(LoginScreen.SignInRequested)
    def _sign_in(self, request: LoginScreen.SignInRequested) -> None:
        self._request = request
        self.login.show_progress(f"Connecting to {request.host}, port {request.port}… Esc cancels.")
        profile = self._settings_manager.configuration.profile(request.profile)
        room = self._options.room or (profile.room if profile else None)
        self.controller.sign_in(request, room, profile.source if profile else "")

    @on(LoginScreen.Cancelled)
    def _cancel(self) -> None:
        self.supervisor.cancel()
        self.controller.cancel()

    @on(CopyRequested)
    def _copy(self, request: CopyRequested) -> None:
        copy_to_clipboard(self, request, self._state.folder, os.environ)

    # Keys and the palette

    def action_help(self) -> None:
        """Show all keys and symbols."""
        log = local_log_path(self.local_server)
        self.push_screen(self.controller.help_screen(self._request.account, log))

    def action_read_settings(self) -> None:
        """Read the configuration file again and apply it."""
        mouse = self.settings.mouse
        self._settings_manager.reload()
        if self.settings.mouse is not mouse:  # otherwise keep what F7 has set
            self.mouse_on = self.settings.mouse
        self.login.set_configuration(self._settings_manager.configuration)
        if self._controller is not None:
            self._controller.apply_settings(self.settings)

    def action_wire(self) -> None:
        """Show or close the wire log."""
        from chat_tui.ui.screens import WireScreen

        if isinstance(self.screen, WireScreen):
            self.screen.dismiss()
        elif not isinstance(self.screen, ModalScreen):
            self.push_screen(self.controller.wire_screen(self._request.account))

    def action_notices(self) -> None:
        """Show or close the list of the latest notices."""
        from chat_tui.ui.screens import NoticesScreen

        if isinstance(self.screen, NoticesScreen):
            self.screen.dismiss()
        elif not isinstance(self.screen, ModalScreen):
            self.push_screen(NoticesScreen(self.notices.latest))

    async def action_quit(self) -> None:
        """Quit. Ask first if other users are on the server that ends with this client."""
        if self.local_server is not None and self.controller.has_other_users(self.local_server):
            from chat_tui.ui.screens import ConfirmScreen

            question = "Other users are connected to this window's server. Quitting stops it."
            self.push_screen(ConfirmScreen(question, "Quit", "Cancel"), self._quit_if)
        else:
            self._leave()

    def _quit_if(self, yes: bool | None) -> None:
        if yes:
            self._leave()

    def _leave(self) -> None:
        if self._controller is not None:
            self._controller.sign_out_and_save()
        self.exit()

    def action_command_palette(self) -> None:
        """Show or close the palette of all actions."""
        from chat_tui.ui.screens import PaletteScreen

        if isinstance(self.screen, PaletteScreen):
            self.screen.action_dismiss()
            return
        in_chat = self._controller is not None and self.screen is self._controller.screen
        entries = [*(self.chat.palette_entries() if in_chat else ()), *self.app_entries()]
        self.push_screen(
            PaletteScreen(entries, "An action, a theme…", end_preview=self.end_theme_preview)
        )

    def app_entries(self) -> Sequence[PaletteEntry]:
        """Return the palette's entries that every screen offers, the themes last."""
        from chat_tui.ui.app_entries import app_entries

        path = self._settings_manager.configuration.path
        return [*app_entries(self, path), *self._theme_choice.entries()]

    def choose_theme(self, typed: str) -> None:
        """Use and keep the theme of this name; ask for one if there is none."""
        from chat_tui.ui.screens import PaletteScreen

        if typed in self.available_themes:
            self._theme_choice.keep(typed)
            return
        self.push_screen(
            PaletteScreen(
                self._theme_choice.entries(),
                "A theme…",
                typed=typed,
                end_preview=self.end_theme_preview,
            )
        )

    def end_theme_preview(self) -> None:
        """Use the chosen theme again after previews of others."""
        self._theme_choice.end_preview()
