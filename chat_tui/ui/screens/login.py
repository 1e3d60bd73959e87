"""LoginScreen: the login form. It keeps what the user typed, whatever the server replies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, HorizontalGroup, VerticalGroup, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Label, Static
from textual.widgets.input import Selection

from chat_tui.account import Account, Address, is_this_machine, make_account, server_text
from chat_tui.config import Configuration, Profile
from chat_tui.launch import LaunchOptions
from chat_tui.ui.screens.fresh_screen import FreshScreen
from chat_tui.ui.screens.local_server_task import (
    DemoAccountsFound,
    LocalServerFailed,
    LocalServerStart,
    LocalServerStarted,
)
from chat_tui.ui.screens.password_task import PasswordFetched, fetch_in_thread
from chat_tui.ui.widgets import Checkbox, KeyFooter, NoticeBar, ProfilePicker, SafeInput

if TYPE_CHECKING:
    from chat_tui.ui.base_app import BaseApp

_Fields = tuple[str, str, str, str]
"""Host, port, user and password."""

_PLAINTEXT_WARNING: Final = "Unencrypted: others on the network can read it, the password too."


class FollowCheckbox(Checkbox):
    """The checkbox of the form. Enter signs in, as in the fields."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "screen.sign_in", "Sign in")]


class FormField(SafeInput):
    """A field of the form. Enter signs in, and the footer says so."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "submit", "Sign in")]


class LoginScreen(FreshScreen):
    """Server, port, user, password and a checkbox.

    The form posts `SignInRequested`. The app calls `show_progress`, `show_message` and
    `forget_password` with the outcome.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority: text typed right after Tab, perhaps a password, is for the next field.
        Binding("tab", "app.focus_next", "Next field", priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
        Binding("f1", "app.help", "Help"),
        Binding("escape", "cancel", "Cancel"),
    ]

    @dataclass
    class SignInRequested(Message):
        """The user submitted a complete form. The server may still reject it."""

        host: str
        port: int
        user: str
        password: str = field(repr=False)
        follow_everyone: bool
        profile: str = ""
        """The name of the profile that the values come from, empty if they come from none."""
        plaintext: bool = False
        """Never encrypt, even if the server is on another machine."""
        others: tuple[Address, ...] = ()
        """The other servers of the same chat."""

        @property
        def account(self) -> Account:
            """The account without its password."""
            return make_account(
                self.host, self.port, self.user, "", plaintext=self.plaintext, others=self.others
            )

    @dataclass
    class Cancelled(Message):
        """The user does not want to wait for the server any longer."""

    def __init__(self, options: LaunchOptions, follow_default: Callable[[str, int], bool]) -> None:
        """`options` fill the form. `follow_default(host, port)` checks the checkbox."""
        super().__init__()
        self._host = options.host
        self._port = options.port
        self._user = options.user
        self._configuration = options.configuration
        self._profile_name = options.profile or ""  # given as an option, or picked in the form
        self._local = LocalServerStart(options.start_local, options.local_accounts)
        self._plaintext_at = (options.host, options.port) if options.plaintext else None
        self._others_at = (options.host, options.port) if options.others else None
        self._other_servers = options.others
        self._follow_default = follow_default
        self._hint = Content("")
        self._message: Content | None = None
        self._message_fields: _Fields | None = None  # as they were when an error was shown
        self._waiting = False  # for the server, a password or the local server
        self._cancellable = False  # Esc ends the waiting
        self._fetch_number = 0  # of the password fetch whose result is awaited

    def compose(self) -> ComposeResult:
        """Yield the form."""
        with VerticalScroll(id="login", can_focus=False), VerticalGroup(id="form"):
            yield Label("L O B B Y", id="title")
            with HorizontalGroup(id="profile-row"):
                yield Label("Profile", classes="label")
                yield ProfilePicker((), 0, id="profile")
            with HorizontalGroup():
                yield Label("Server", classes="label")
                yield FormField(self._host, id="host", compact=True, placeholder="127.0.0.1")
                yield Label("Port", classes="label", id="port-label")
                yield FormField(str(self._port), id="port", compact=True, max_length=5)
            yield Static(id="others", markup=False)
            yield Static(_PLAINTEXT_WARNING, id="plaintext-warning", markup=False)
            with HorizontalGroup():
                yield Label("User", classes="label")
                yield FormField(self._user, id="user", compact=True)
            with HorizontalGroup():
                yield Label("Password", classes="label")
                yield FormField(id="password", compact=True, password=True)
            with HorizontalGroup():
                yield Label(classes="label")
                follow = self._follow_default(self._host, self._port)
                yield FollowCheckbox("Follow everyone here", follow, id="everyone")
                yield Button("Sign in ⏎", id="sign-in", variant="primary", compact=True)
            yield Static(id="message", markup=False)
        with Container(id="bottom"):
            app = cast("BaseApp", self.app)
            bar = NoticeBar(app.notices, rule=" ")
            bar.set_more_key(app.key_of("notices", "Alt+N"))
            yield bar
            yield KeyFooter()

    def on_mount(self) -> None:
        """Focus the first empty field and start the local server if one was asked for."""
        self._draw()
        self.set_configuration(self._configuration)
        if self._local.is_wanted:
            self._local.begin(self)
            self.show_hint(self._local.hint())
        self.query_one("#password" if self._user else "#user").focus()

    # The server of `--local`

    @on(LocalServerStarted)
    def _local_server_started(self, event: LocalServerStarted) -> None:
        is_queued = self._local.started(event.server)
        host, port = event.server.host, event.server.port
        self._plaintext_at = host, port  # the local server does not encrypt
        if self._is_for_local_server():  # otherwise the user has typed another server
            if not is_queued:
                self.query_one(FollowCheckbox).value = self._follow_default(host, port)
            self._host, self._port = host, port
            self.query_one("#host", SafeInput).value = host
            self.query_one("#port", SafeInput).value = str(port)
        self._show_local_hint()
        if is_queued:
            self.action_sign_in()

    @on(DemoAccountsFound)
    def _show_local_hint(self) -> None:
        self._hint = Content(self._local.hint())
        self._draw()

    @on(LocalServerFailed)
    def _local_server_failed(self, event: LocalServerFailed) -> None:
        self._local.failed()
        self._hint = Content("")
        self.show_message(f"Could not start a local server: {event.reason}")

    def _is_for_local_server(self) -> bool:
        """Return True if the form is for the server of `--local`, and not for another one."""
        is_unchanged = self._account_fields()[:2] == (self._host, str(self._port))
        return self._local.is_wanted and is_unchanged

    def _queue_sign_in(self) -> None:
        """Sign in once the local server runs, unless the user changes a field before."""
        self._message = None
        self._local.begin(self)
        self._local.queue(self._fields())
        self._show_local_hint()

    @on(SafeInput.Changed)
    def _field_changed(self) -> None:
        """Forget a queued sign-in and an error after the user has changed a field."""
        fields = self._fields()
        if self._local.fields_changed(fields):
            self._show_local_hint()
        if not self._waiting and self._message_fields not in (None, fields):
            self._message = self._message_fields = None
            self._draw()

    def _fields(self) -> _Fields:
        password = self.query_one("#password", SafeInput).value
        return *self._account_fields(), password

    # Calls of the app

    def set_configuration(self, configuration: Configuration) -> None:
        """Offer the profiles of `configuration` if there are several."""
        self._configuration = configuration
        if not self.query("#profile"):
            return
        profiles = configuration.profiles
        current = self._profile() or configuration.profile(self._profile_name)
        index = profiles.index(current) if current in profiles else 0
        has_choice = len(profiles) > 1 and not self._local.is_wanted
        self.query_one("#profile-row").display = has_choice
        self.query_one(ProfilePicker).set_profiles([profile.name for profile in profiles], index)
        self._account_changed()

    def show_hint(self, hint: str) -> None:
        """Show `hint` whenever there is no message, and stop waiting."""
        self._hint = Content(hint)
        self._message = self._message_fields = None
        self._waiting = self._cancellable = False
        self._draw()

    def show_message(self, message: str, *, ask_again: bool = False) -> None:
        """Show what failed or happened in place of the hint, and stop waiting.

        `ask_again`: user or password were wrong, so what the user types replaces the password.
        """
        self._message = Content(message)
        self._message_fields = self._fields() if self.query("#password") else None
        self._waiting = self._cancellable = False
        self._draw()
        if ask_again:
            password = self.query_one("#password", SafeInput)
            password.focus()
            password.selection = Selection(0, len(password.value))

    def show_progress(self, message: str, *, cancellable: bool = True) -> None:
        """Show what the form waits for. It accepts no sign-in until then."""
        self._message = Content(message)
        self._waiting = True
        self._cancellable = cancellable
        self._draw()

    def forget_password(self) -> None:
        """Clear the password after a sign-in, so that it is not in the form when it comes back."""
        self.query_one("#password", SafeInput).value = ""
        self._message = self._message_fields = None
        self._waiting = self._cancellable = False
        self._draw()

    # Signing in

    @on(SafeInput.Submitted)
    def action_sign_in(self) -> None:
        """Check the fields; post `SignInRequested` if they are complete.

        While the local server starts, the request waits for it.
        """
        if self._waiting or self._local.is_queued:
            return
        host, port, user = self._account_fields()
        password = self.query_one("#password", SafeInput).value
        if not host:
            self._reject_field("#host", "Type the name or address of the server.")
        elif not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            self._reject_field("#port", "The port is a number from 1 to 65535, usually 9001.")
        elif not user or " " in user:
            self._reject_field("#user", "Type your user name, without spaces.")
        elif (
            password
            and " " not in password
            and (self._is_for_local_server() and self._local.must_wait)
        ):
            self._queue_sign_in()
        elif not password and (profile := self._profile()) is not None and profile.source:
            self._fetch_password(profile)
        elif not password or " " in password:
            self._reject_field("#password", "Type your password. It has no spaces.")
        else:
            self._sign_in_with(password)

    def _sign_in_with(self, password: str) -> None:
        host, port, user = self._account_fields()
        profile = self._profile()
        self.post_message(
            self.SignInRequested(
                host,
                int(port),
                user,
                password,
                self.query_one(FollowCheckbox).value,
                profile.name if profile is not None else "",
                self._is_plaintext(),
                self._others(),
            )
        )

    def _account_fields(self) -> tuple[str, str, str]:
        """Return host, port and user as they are in the form."""
        host, port, user = (
            self.query_one(f"#{n}", SafeInput).value for n in ("host", "port", "user")
        )
        return host.strip(), port.strip(), user.strip()

    def _reject_field(self, field_id: str, message: str) -> None:
        self._message = Content(message)
        self._message_fields = self._fields()
        self._draw()
        self.query_one(field_id).focus()

    # Profiles

    def _profile(self) -> Profile | None:
        """Return the profile of the account in the form, even if the user typed the account."""
        host, port, user = self._account_fields()
        if not (port.isascii() and port.isdigit()):
            return None
        return self._configuration.profile_for(host, int(port), user, self._profile_name)

    def _is_plaintext(self) -> bool:
        """Return True if an option or the profile turns encryption off for this server."""
        profile = self._profile()
        return (profile is not None and profile.plaintext) or self._is_at(self._plaintext_at)

    def _others(self) -> tuple[Address, ...]:
        """Return the other servers of the chat, as an option or the profile names them."""
        if self._is_at(self._others_at):
            return self._other_servers
        profile = self._profile()
        return () if profile is None else profile.others

    def _is_at(self, address: Address | None) -> bool:
        """Return True if the form has this server."""
        host, port, _ = self._account_fields()
        return address is not None and (host, port) == (address[0], str(address[1]))

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
        warn = self._is_plaintext() and not is_this_machine(self._account_fields()[0])
        self.query_one("#plaintext-warning").display = warn
        others = self._others()
        row = self.query_one("#others", Static)
        row.update(f"or {', '.join(map(server_text, others))}")
        row.display = bool(others)
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
            return  # cancelled
        self._fetch_number = 0
        if event.password is None:
            self.show_message(f"No password: {event.problem}. Type it instead.", ask_again=True)
        else:
            self._sign_in_with(event.password)

    # Other actions

    def action_cancel(self) -> None:
        """Stop waiting."""
        if self._local.is_queued:
            self._local.cancel()
            self._show_local_hint()
        elif self._cancellable:
            self._fetch_number = 0
            self.show_message("Cancelled.")
            self.post_message(self.Cancelled())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer Esc only while there is something to cancel. Called by Textual."""
        if action == "cancel":
            return self._cancellable or self._local.is_queued
        return True

    @on(Button.Pressed, "#sign-in")
    def _button_pressed(self) -> None:
        if self._waiting or self._local.is_queued:
            self.action_cancel()
        else:
            self.action_sign_in()

    @on(SafeInput.Blurred, "#host, #port")
    def _server_changed(self) -> None:
        """Set the checkbox as it was at the last sign-in to this server."""
        host, port, _ = self._account_fields()
        if (host, port) != (self._host, str(self._port)) and port.isascii() and port.isdigit():
            self._host, self._port = host, int(port)
            self.query_one(FollowCheckbox).value = self._follow_default(host, int(port))

    def _draw(self) -> None:
        if not self.query("#sign-in"):
            return  # not composed yet; `on_mount` draws
        message = self.query_one("#message", Static)
        message.update(self._hint if self._message is None else self._message)
        message.set_class(self._message is not None and not self._waiting, "-error")
        if self._message is not None or self._local.is_queued:
            self.call_after_refresh(message.scroll_visible, animate=False)
        button = self.query_one("#sign-in", Button)
        can_cancel = self._cancellable or self._local.is_queued
        button.label = Content("Cancel" if can_cancel else "Sign in ⏎")
        button.variant = "default" if self._waiting or can_cancel else "primary"
        self.refresh_bindings()
