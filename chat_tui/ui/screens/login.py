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

from chat_tui.account import Account, account, stays_here
from chat_tui.config import Configuration, Profile
from chat_tui.launch import Start
from chat_tui.ui.screens.local_server_task import (
    LocalServerFailed,
    LocalServerUp,
    hint_about,
    start_in_a_thread,
)
from chat_tui.ui.screens.password_task import PasswordFetched, fetch_in_a_thread
from chat_tui.ui.widgets.checkbox import Tick
from chat_tui.ui.widgets.profile_picker import ProfilePick
from chat_tui.ui.widgets.text_input import Field

_IN_THE_CLEAR: Final = "unencrypted: all on the way may read it, the password too"


class FollowTick(Tick):
    """Enter signs in, as everywhere in the form."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "screen.sign_in", "Sign in")]


class FormField(Field):
    """Enter signs in; the footer says so."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "submit", "Sign in")]


class LoginScreen(Screen[None]):
    """Server, port, user, password, a tick. Posts `SignIn`; is told what came of it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority: what is typed right behind it, a password perhaps, is for the next field.
        Binding("tab", "app.focus_next", "Next field", priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
        Binding("f1", "app.help", "Help"),
        Binding("escape", "cancel", "Cancel"),
    ]

    @dataclass
    class SignIn(Message):
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
            return account(self.host, self.port, self.user, "", plaintext=self.plaintext)

    @dataclass
    class Cancelled(Message):
        """Somebody does not want to wait for the server any longer."""

    def __init__(self, start: Start, ticked_for: Callable[[str, int], bool]) -> None:
        """`start`: what stands in the form at first. `ticked_for` tells the tick's state for a
        server.
        """
        super().__init__()
        self._host = start.host
        self._port = start.port
        self._user = start.user
        self._configuration = start.configuration
        self._named = start.profile or ""  # the profile that was asked for or chosen
        self._start_local = start.start_local
        self._plaintext_at = (start.host, start.port) if start.plaintext else None
        self._ticked_for = ticked_for
        self._hint = Content("")
        self._said: Content | None = None
        self._waiting = False  # something is under way
        self._cancellable = False  # and can be given up
        self._fetched = 0  # which fetching of a password is waited for

    def compose(self) -> ComposeResult:
        """The form."""
        with VerticalScroll(id="login", can_focus=False), VerticalGroup(id="form"):
            yield Label("L O B B Y", id="title")
            with HorizontalGroup(id="profile-row"):
                yield Label("Profile", classes="what")
                yield ProfilePick((), 0, id="profile")
            with HorizontalGroup():
                yield Label("Server", classes="what")
                yield FormField(self._host, id="host", compact=True, placeholder="127.0.0.1")
                yield Label("Port", classes="what", id="port-label")
                yield FormField(str(self._port), id="port", compact=True, max_length=5)
            yield Static(_IN_THE_CLEAR, id="in-the-clear", markup=False)
            with HorizontalGroup():
                yield Label("User", classes="what")
                yield FormField(self._user, id="user", compact=True)
            with HorizontalGroup():
                yield Label("Password", classes="what")
                yield FormField(id="password", compact=True, password=True)
            with HorizontalGroup():
                yield Label(classes="what")
                ticked = self._ticked_for(self._host, self._port)
                yield FollowTick("Follow everyone here", ticked, id="everyone")
                yield Button("Sign in ⏎", id="go", variant="primary", compact=True)
            yield Static(id="said", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Put the cursor where something is missing; start the server that is to be there."""
        self._show()
        self.offer(self._configuration)
        if self._start_local is not None:
            self.wait("Starting a server of your own…", cancellable=False)
            start_in_a_thread(self._start_local, self)
        self.query_one("#password" if self._user else "#user").focus()

    @on(LocalServerUp)
    def _local_server_up(self, event: LocalServerUp) -> None:
        host, port = self._host, self._port = event.server.host, event.server.port
        self._plaintext_at = host, port  # what we have started ourselves does not encrypt
        self.query_one("#host", Field).value = host
        self.query_one("#port", Field).value = str(port)
        self.query_one(FollowTick).value = self._ticked_for(host, port)
        self.hint(hint_about(event.server))

    @on(LocalServerFailed)
    def _local_server_failed(self, event: LocalServerFailed) -> None:
        self.say(f"No server could be started here: {event.reason}")

    # What the app tells

    def offer(self, configuration: Configuration) -> None:
        """Offer these profiles; where there is but one, there is nothing to choose."""
        self._configuration = configuration
        if not self.query("#profile"):
            return
        profiles = configuration.profiles
        chosen = self._profile() or configuration.profile(self._named)
        index = profiles.index(chosen) if chosen in profiles else 0
        several = len(profiles) > 1 and self._start_local is None
        self.query_one("#profile-row").display = several
        self.query_one(ProfilePick).offer([profile.name for profile in profiles], index)
        self._another_account()

    def hint(self, hint: str) -> None:
        """What stands under the form where nothing else has to be said; the form is free again."""
        self._hint = Content(hint)
        self._said = None
        self._waiting = self._cancellable = False
        self._show()

    def say(self, words: str, *, ask_again: bool = False) -> None:
        """Something failed or happened: say it in the place of the hint; the form is free again.

        `ask_again`: it was the user or the password; what is typed next replaces the latter.
        """
        self._said = Content(words)
        self._waiting = self._cancellable = False
        self._show()
        if ask_again:
            password = self.query_one("#password", Field)
            password.focus()
            password.selection = Selection(0, len(password.value))

    def wait(self, words: str, *, cancellable: bool = True) -> None:
        """Something is under way: say so, and let it be cancelled."""
        self._said = Content(words)
        self._waiting = True
        self._cancellable = cancellable
        self._show()

    def forget_password(self) -> None:
        """It has served: nobody who comes back to the form finds it there."""
        self.query_one("#password", Field).value = ""
        self._said = None
        self._waiting = self._cancellable = False
        self._show()

    # Keys and clicks

    @on(Field.Submitted)
    def action_sign_in(self) -> None:
        """Look at the fields; if nothing is missing, ask for the sign-in."""
        if self._waiting:
            return
        host = self.query_one("#host", Field).value.strip()
        port = self.query_one("#port", Field).value.strip()
        user = self.query_one("#user", Field).value.strip()
        password = self.query_one("#password", Field).value
        if not host:
            self._ask_for("#host", "Which server? Type its name or address.")
        elif not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            self._ask_for("#port", "The port is a number from 1 to 65535; 9001 is usual.")
        elif not user or " " in user:
            self._ask_for("#user", "Who are you? Type a user name, without spaces.")
        elif not password and (profile := self._profile()) is not None and profile.source:
            self._fetch_password(profile)
        elif not password or " " in password:
            self._ask_for("#password", "Type your password; there are no spaces in one here.")
        else:
            self._sign_in_with(password)

    def _sign_in_with(self, password: str) -> None:
        host, port, user = self._typed()
        tick = self.query_one(FollowTick).value
        name = profile.name if (profile := self._profile()) is not None else ""
        clear = self._in_the_clear()
        self.post_message(self.SignIn(host, int(port), user, password, tick, name, clear))

    def _typed(self) -> tuple[str, str, str]:
        """Host, port and user as they stand in the form."""
        host, port, user = (self.query_one(f"#{n}", Field).value for n in ("host", "port", "user"))
        return host.strip(), port.strip(), user.strip()

    # Profiles

    def _profile(self) -> Profile | None:
        """The profile of whom the form would sign in, also where it was typed by hand."""
        host, port, user = self._typed()
        if not (port.isascii() and port.isdigit()):
            return None
        return self._configuration.profile_for(host, int(port), user, self._named)

    def _in_the_clear(self) -> bool:
        """Whether nothing is to be encrypted: asked for, for just this server."""
        host, port, _ = self._typed()
        profile = self._profile()
        if profile is not None and profile.plaintext:
            return True
        return self._plaintext_at is not None and (host, port) == (
            self._plaintext_at[0],
            str(self._plaintext_at[1]),
        )

    @on(ProfilePick.Picked)
    def _picked(self, event: ProfilePick.Picked) -> None:
        profile = self._configuration.profiles[event.index]
        self._named = profile.name
        self.query_one("#host", Field).value = self._host = profile.host
        self.query_one("#port", Field).value = str(profile.port)
        self.query_one("#user", Field).value = profile.user
        self.query_one("#password", Field).value = ""
        self._port = profile.port
        self.query_one(FollowTick).value = self._ticked_for(profile.host, profile.port)
        self._say_where_the_password_is()

    @on(Field.Changed, "#host, #port, #user")
    def _another_account(self) -> None:
        warn = self._in_the_clear() and not stays_here(self._typed()[0])
        self.query_one("#in-the-clear").display = warn
        self._say_where_the_password_is()

    def _say_where_the_password_is(self) -> None:
        profile = self._profile()
        source = profile.source if profile is not None else ""
        self.query_one("#password", Field).placeholder = f"from {source}" if source else ""

    def _fetch_password(self, profile: Profile) -> None:
        self.wait(f"Fetching the password from {profile.source}… Esc cancels.")
        self._fetched = fetch_in_a_thread(profile, self)

    @on(PasswordFetched)
    def _password_fetched(self, event: PasswordFetched) -> None:
        if event.number != self._fetched or not self._waiting:
            return  # it was cancelled
        self._fetched = 0
        if event.password is None:
            self.say(f"No password: {event.problem}. You can type it, too.", ask_again=True)
        else:
            self._sign_in_with(event.password)

    def action_cancel(self) -> None:
        """Stop waiting."""
        if self._cancellable:
            self._fetched = 0
            self.say("Cancelled. Nothing in the form was lost.")
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

    @on(Field.Blurred, "#host, #port")
    def _another_server(self) -> None:
        """The tick is remembered for each server."""
        host = self.query_one("#host", Field).value.strip()
        port = self.query_one("#port", Field).value.strip()
        if (host, port) != (self._host, str(self._port)) and port.isascii() and port.isdigit():
            self._host, self._port = host, int(port)
            self.query_one(FollowTick).value = self._ticked_for(host, int(port))

    def _ask_for(self, field: str, words: str) -> None:
        self._said = Content(words)
        self._show()
        self.query_one(field).focus()

    def _show(self) -> None:
        if not self.query("#go"):
            return  # told before the form was there, which shows all this once it is
        said = self.query_one("#said", Static)
        said.update(self._hint if self._said is None else self._said)
        said.set_class(self._said is not None and not self._waiting, "-trouble")
        if self._said is not None:
            self.call_after_refresh(said.scroll_visible, animate=False)
        go = self.query_one("#go", Button)
        go.label = Content("Cancel" if self._cancellable else "Sign in ⏎")
        go.variant = "default" if self._waiting else "primary"
        self.refresh_bindings()
