"""LoginScreen: the form to sign in. What is typed in it stays, whatever the server says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import HorizontalGroup, VerticalGroup, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Button, Footer, Label, Static
from textual.widgets.input import Selection

from chat_tui.account import Account, is_this_machine, make_account
from chat_tui.config import Configuration, Profile
from chat_tui.launch import LaunchOptions
from chat_tui.ui.screens.local_server_task import (
    LocalServerFailed,
    LocalServerStarted,
    local_server_hint,
    start_in_thread,
)
from chat_tui.ui.screens.password_task import PasswordFetched, fetch_in_thread
from chat_tui.ui.widgets import Checkbox, ProfilePicker, SafeInput

_PLAINTEXT_WARNING: Final = "unencrypted: all on the way may read it, the password too"


class FollowCheckbox(Checkbox):
    """Enter signs in, as everywhere in the form."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "screen.sign_in", "Sign in")]


class FormField(SafeInput):
    """Enter signs in; the footer says so."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "submit", "Sign in")]


class LoginScreen(Screen[None]):
    """Server, port, user, password, a tick. Posts `SignInRequested`; is told what came of it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority: what is typed right behind it, a password perhaps, is for the next field.
        Binding("tab", "app.focus_next", "Next field", priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
        Binding("f1", "app.help", "Help"),
        Binding("escape", "cancel", "Cancel"),
    ]

    @dataclass
    class SignInRequested(Message):
        """The form is filled in; what is in it may still be wrong."""

        host: str
        port: int
        user: str
        password: str = field(repr=False)
        follow_everyone: bool
        profile: str = ""
        """The name of the profile that they are from, where they are from one."""
        plaintext: bool = False
        """Whether nothing is to be encrypted, wherever that is."""

        @property
        def account(self) -> Account:
            """Who wants to sign in, without the password."""
            return make_account(self.host, self.port, self.user, "", plaintext=self.plaintext)

    @dataclass
    class Cancelled(Message):
        """Somebody does not want to wait for the server any longer."""

    def __init__(self, options: LaunchOptions, follow_default: Callable[[str, int], bool]) -> None:
        """`start`: what stands in the form at first. `ticked_for` tells the tick's state for a
        server.
        """
        super().__init__()
        self._host = options.host
        self._port = options.port
        self._user = options.user
        self._configuration = options.configuration
        self._profile_name = options.profile or ""  # the profile that was asked for or chosen
        self._start_local = options.start_local
        self._plaintext_at = (options.host, options.port) if options.plaintext else None
        self._follow_default = follow_default
        self._hint = Content("")
        self._message: Content | None = None
        self._waiting = False  # something is under way
        self._cancellable = False  # and can be given up
        self._fetch_number = 0  # which fetching of a password is waited for

    def compose(self) -> ComposeResult:
        """The form."""
        with VerticalScroll(id="login", can_focus=False), VerticalGroup(id="form"):
            yield Label("L O B B Y", id="title")
            with HorizontalGroup(id="profile-row"):
                yield Label("Profile", classes="what")
                yield ProfilePicker((), 0, id="profile")
            with HorizontalGroup():
                yield Label("Server", classes="what")
                yield FormField(self._host, id="host", compact=True, placeholder="127.0.0.1")
                yield Label("Port", classes="what", id="port-label")
                yield FormField(str(self._port), id="port", compact=True, max_length=5)
            yield Static(_PLAINTEXT_WARNING, id="in-the-clear", markup=False)
            with HorizontalGroup():
                yield Label("User", classes="what")
                yield FormField(self._user, id="user", compact=True)
            with HorizontalGroup():
                yield Label("Password", classes="what")
                yield FormField(id="password", compact=True, password=True)
            with HorizontalGroup():
                yield Label(classes="what")
                ticked = self._follow_default(self._host, self._port)
                yield FollowCheckbox("Follow everyone here", ticked, id="everyone")
                yield Button("Sign in ⏎", id="go", variant="primary", compact=True)
            yield Static(id="said", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Put the cursor where something is missing; start the server that is to be there."""
        self._draw()
        self.set_configuration(self._configuration)
        if self._start_local is not None:
            self.show_progress("Starting a server of your own…", cancellable=False)
            start_in_thread(self._start_local, self)
        self.query_one("#password" if self._user else "#user").focus()

    @on(LocalServerStarted)
    def _local_server_started(self, event: LocalServerStarted) -> None:
        host, port = self._host, self._port = event.server.host, event.server.port
        self._plaintext_at = host, port  # what we have started ourselves does not encrypt
        self.query_one("#host", SafeInput).value = host
        self.query_one("#port", SafeInput).value = str(port)
        self.query_one(FollowCheckbox).value = self._follow_default(host, port)
        self.show_hint(local_server_hint(event.server))

    @on(LocalServerFailed)
    def _local_server_failed(self, event: LocalServerFailed) -> None:
        self.show_message(f"No server could be started here: {event.reason}")

    # What the app tells

    def set_configuration(self, configuration: Configuration) -> None:
        """Offer these profiles; where there is but one, there is nothing to choose."""
        self._configuration = configuration
        if not self.query("#profile"):
            return
        profiles = configuration.profiles
        chosen = self._profile() or configuration.profile(self._profile_name)
        index = profiles.index(chosen) if chosen in profiles else 0
        several = len(profiles) > 1 and self._start_local is None
        self.query_one("#profile-row").display = several
        self.query_one(ProfilePicker).set_profiles([profile.name for profile in profiles], index)
        self._account_changed()

    def show_hint(self, hint: str) -> None:
        """What stands under the form where nothing else has to be said; the form is free again."""
        self._hint = Content(hint)
        self._message = None
        self._waiting = self._cancellable = False
        self._draw()

    def show_message(self, message: str, *, ask_again: bool = False) -> None:
        """Something failed or happened: say it in the place of the hint; the form is free again.

        `ask_again`: it was the user or the password; what is typed next replaces the latter.
        """
        self._message = Content(message)
        self._waiting = self._cancellable = False
        self._draw()
        if ask_again:
            password = self.query_one("#password", SafeInput)
            password.focus()
            password.selection = Selection(0, len(password.value))

    def show_progress(self, message: str, *, cancellable: bool = True) -> None:
        """Something is under way: say so, and let it be cancelled."""
        self._message = Content(message)
        self._waiting = True
        self._cancellable = cancellable
        self._draw()

    def forget_password(self) -> None:
        """It has served: nobody who comes back to the form finds it there."""
        self.query_one("#password", SafeInput).value = ""
        self._message = None
        self._waiting = self._cancellable = False
        self._draw()

    # Keys and clicks

    @on(SafeInput.Submitted)
    def action_sign_in(self) -> None:
        """Look at the fields; if nothing is missing, ask for the sign-in."""
        if self._waiting:
            return
        host = self.query_one("#host", SafeInput).value.strip()
        port = self.query_one("#port", SafeInput).value.strip()
        user = self.query_one("#user", SafeInput).value.strip()
        password = self.query_one("#password", SafeInput).value
        if not host:
            self._focus_field("#host", "Which server? Type its name or address.")
        elif not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            self._focus_field("#port", "The port is a number from 1 to 65535; 9001 is usual.")
        elif not user or " " in user:
            self._focus_field("#user", "Who are you? Type a user name, without spaces.")
        elif not password and (profile := self._profile()) is not None and profile.source:
            self._fetch_password(profile)
        elif not password or " " in password:
            self._focus_field("#password", "Type your password; there are no spaces in one here.")
        else:
            self._sign_in_with(password)

    def _sign_in_with(self, password: str) -> None:
        host, port, user = self._field_values()
        tick = self.query_one(FollowCheckbox).value
        name = profile.name if (profile := self._profile()) is not None else ""
        clear = self._is_plaintext()
        self.post_message(self.SignInRequested(host, int(port), user, password, tick, name, clear))

    def _field_values(self) -> tuple[str, str, str]:
        """Host, port and user as they stand in the form."""
        host, port, user = (
            self.query_one(f"#{n}", SafeInput).value for n in ("host", "port", "user")
        )
        return host.strip(), port.strip(), user.strip()

    # Profiles

    def _profile(self) -> Profile | None:
        """The profile of whom the form would sign in, also where it was typed by hand."""
        host, port, user = self._field_values()
        if not (port.isascii() and port.isdigit()):
            return None
        return self._configuration.profile_for(host, int(port), user, self._profile_name)

    def _is_plaintext(self) -> bool:
        """Whether nothing is to be encrypted: asked for, for just this server."""
        host, port, _ = self._field_values()
        profile = self._profile()
        if profile is not None and profile.plaintext:
            return True
        return self._plaintext_at is not None and (host, port) == (
            self._plaintext_at[0],
            str(self._plaintext_at[1]),
        )

    @on(ProfilePicker.ProfilePicked)
    def _profile_picked(self, event: ProfilePicker.ProfilePicked) -> None:
        profile = self._configuration.profiles[event.index]
        self._profile_name = profile.name
        self.query_one("#host", SafeInput).value = self._host = profile.host
        self.query_one("#port", SafeInput).value = str(profile.port)
        self.query_one("#user", SafeInput).value = profile.user
        self.query_one("#password", SafeInput).value = ""
        self._port = profile.port
        self.query_one(FollowCheckbox).value = self._follow_default(profile.host, profile.port)
        self._update_password_field()

    @on(SafeInput.Changed, "#host, #port, #user")
    def _account_changed(self) -> None:
        warn = self._is_plaintext() and not is_this_machine(self._field_values()[0])
        self.query_one("#in-the-clear").display = warn
        self._update_password_field()

    def _update_password_field(self) -> None:
        profile = self._profile()
        source = profile.source if profile is not None else ""
        self.query_one("#password", SafeInput).placeholder = f"from {source}" if source else ""

    def _fetch_password(self, profile: Profile) -> None:
        self.show_progress(f"Fetching the password from {profile.source}… Esc cancels.")
        self._fetch_number = fetch_in_thread(profile, self)

    @on(PasswordFetched)
    def _password_fetched(self, event: PasswordFetched) -> None:
        if event.number != self._fetch_number or not self._waiting:
            return  # it was cancelled
        self._fetch_number = 0
        if event.password is None:
            self.show_message(
                f"No password: {event.problem}. You can type it, too.", ask_again=True
            )
        else:
            self._sign_in_with(event.password)

    def action_cancel(self) -> None:
        """Stop waiting."""
        if self._cancellable:
            self._fetch_number = 0
            self.show_message("Cancelled. Nothing in the form was lost.")
            self.post_message(self.Cancelled())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer Esc only while there is something to cancel."""
        if action == "cancel":
            return self._cancellable
        return True

    @on(Button.Pressed, "#go")
    def _pressed(self) -> None:
        if self._waiting:
            self.action_cancel()
        else:
            self.action_sign_in()

    @on(SafeInput.Blurred, "#host, #port")
    def _server_changed(self) -> None:
        """The tick is remembered for each server."""
        host = self.query_one("#host", SafeInput).value.strip()
        port = self.query_one("#port", SafeInput).value.strip()
        if (host, port) != (self._host, str(self._port)) and port.isascii() and port.isdigit():
            self._host, self._port = host, int(port)
            self.query_one(FollowCheckbox).value = self._follow_default(host, int(port))

    def _focus_field(self, field: str, message: str) -> None:
        self._message = Content(message)
        self._draw()
        self.query_one(field).focus()

    def _draw(self) -> None:
        if not self.query("#go"):
            return  # told before the form was there, which shows all this once it is
        said = self.query_one("#said", Static)
        said.update(self._hint if self._message is None else self._message)
        said.set_class(self._message is not None and not self._waiting, "-trouble")
        if self._message is not None:
            self.call_after_refresh(said.scroll_visible, animate=False)
        go = self.query_one("#go", Button)
        go.label = Content("Cancel" if self._cancellable else "Sign in ⏎")
        go.variant = "default" if self._waiting else "primary"
        self.refresh_bindings()
