"""AppShell: what the controller and the screens use of the app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from textual.notifications import SeverityLevel
from textual.screen import Screen

from chat_tui.ui.notices import NoticeBoard
from chat_tui.ui.palette_entry import PaletteEntry


class AppShell(Protocol):
    """The interface of the app, as one object. `ChatApp` implements it."""

    @property
    def is_terminal_focused(self) -> bool:
        """True while the terminal has the focus, as far as the terminal reports it."""

    @property
    def notices(self) -> NoticeBoard:
        """The notices, for the bars that show them."""

    @property
    def is_terminal_watched(self) -> bool:
        """True while the user is certainly at the terminal: a mention needs no bell."""

    def start_reader(self, read: Callable[[], None]) -> None:
        """Run `read` in a thread. It blocks until the connection ends."""

    def wake(self) -> None:
        """Ask for a call of `ChatController.pump` soon. Any thread may call this."""

    def write_to_terminal(self, sequence: str) -> None:
        """Write a control sequence that is not part of the picture."""

    def show_chat(self) -> None:
        """Show the chat screen."""

    def show_login(self, message: str, ask_again: bool) -> None:
        """Show the login form with `message`. `ask_again`: the password has to be typed again."""

    def show_sign_in_progress(self, message: str) -> None:
        """Show in the login form what the sign-in waits for."""

    def recover_local_server(self) -> bool:
        """Start the server of `--local` again if it has ended, and sign in then.

        Called after a sign-in that did not reach its server. Return False if this does not apply.
        """

    def show_dialog(self, dialog: Screen[Any], on_result: Callable[[Any], None]) -> None:
        """Push `dialog` over the current screen and pass its result to `on_result`."""

    def notify(
        self, message: str, *, severity: SeverityLevel = "information", timeout: float | None = None
    ) -> None:
        """Show a notice for `timeout` seconds (None: Textual's default)."""

    def second_user(self, user: str) -> str:
        """Return another demo account of the server of `--local`, empty if none is known."""

    def action_help(self) -> None:
        """Show all keys and symbols."""

    def app_entries(self) -> Sequence[PaletteEntry]:
        """Return the palette's entries that every screen offers, the themes last."""

    def choose_theme(self, typed: str) -> None:
        """Use and keep the theme of this name; ask for one if there is none."""

    def end_theme_preview(self) -> None:
        """Use the chosen theme again after previews of others."""

    def key_of(self, action: str, default: str) -> str:
        """Return the key that runs `action`: the configured key, else `default`."""
