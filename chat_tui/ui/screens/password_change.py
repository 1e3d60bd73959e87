"""PasswordChange: the user's change of password, from the form to the server's reply."""

from __future__ import annotations

from typing import Final

from chat_tui.events import (
    ConnectionState,
    PasswordChanged,
    PasswordChangeFailed,
    PasswordChangeUncertain,
)
from chat_tui.sanitize import safe_text
from chat_tui.session import Outcome
from chat_tui.ui.screens import wording
from chat_tui.ui.screens.change_password import ChangePasswordScreen
from chat_tui.ui.screens.chat_context import ChatContext

_LONG_NOTICE_SECONDS: Final = 20
"""Time to read a notice that asks the user to change a profile."""


class PasswordChange:
    """The form, the request to the session that it leads to, and the outcome.

    The chat screen owns it.
    """

    def __init__(self, context: ChatContext) -> None:
        self._context = context
        self._form: ChangePasswordScreen | None = None  # the form that was opened last

    def open_form(self) -> None:
        """Ask for the old and the new password."""
        model, shell = self._context.model, self._context.shell
        if not model.capabilities.password_change:
            shell.notify("This server has no command to change a password.", severity="warning")
        elif model.connection.state is not ConnectionState.ONLINE:
            shell.notify(
                "Not connected: try again when the connection is back.", severity="warning"
            )
        else:
            self._form = ChangePasswordScreen(model.user, self._request)
            shell.show_dialog(self._form, lambda _: None)

    def _request(self, old: str, new: str) -> None:
        self._context.session.change_password(old, new)
        self._context.process_updates()

    def show_outcome(self, outcome: Outcome, source: str) -> None:
        """Show the outcome of a change, including one that was typed as a command.

        `source`: where the profile takes the password from, empty if the user types it.
        """
        form, notify = self._form, self._context.shell.notify
        match outcome:
            case PasswordChanged():
                self.close_form()
                timeout = _LONG_NOTICE_SECONDS if source else None
                notify(wording.password_changed_message(source), timeout=timeout)
            case PasswordChangeFailed(reason) if form is not None and form.is_open:
                form.rejected(reason)
            case PasswordChangeFailed(reason) if form is not None and form.waiting:
                form.waiting = False
                notify(f"{safe_text(reason)}: nothing was changed.", severity="warning")
            case PasswordChangeUncertain() if form is not None:
                form.uncertain()

    def close_form(self) -> None:
        """Close the form and forget it. Do nothing if there is none."""
        if self._form is not None:
            self._form.close_all()
            self._form = None
