"""WireScreen: the lines that really go over the wire, and the last action as netcat would do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Label, Static

from chat_tui.input import PASSWORD_VARIABLE, LastAction, netcat_line
from chat_tui.model import ChatModel
from chat_tui.ui.screens.dialog import Dialog
from chat_tui.ui.terminal import CopyRequested
from chat_tui.ui.widgets import WireLines

_POLL_SECONDS: Final = 0.25
"""Seconds between two looks at what has come."""

_NOTHING_DONE: Final = (
    "Send a message, go to a room or follow somebody: here stands the same for a shell."
)


@dataclass(frozen=True, slots=True)
class NetcatTarget:
    """Whom netcat has to talk to, and as whom."""

    host: str
    port: int
    user: str
    fingerprint: str = ""
    """Of its key; empty: nothing is encrypted."""


class WireScreen(Dialog[None]):
    """Over whatever screen; it goes on while one looks."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close", id="wire.close"),
        Binding("c,ctrl+c", "copy_netcat", "Copy as netcat", id="wire.copy"),
    ]

    def __init__(self, model: ChatModel, target: NetcatTarget) -> None:
        super().__init__()
        self._model = model
        self._target = target
        self._drawn: LastAction | None = None

    def compose(self) -> ComposeResult:
        """The lines; below them the last action."""
        with Vertical(id="wire-page") as page:
            page.border_title = f"The wire · {self._model.server}" if self._model.server else "Wire"
            page.border_subtitle = "Esc closes · C copy as netcat · End newest"
            yield WireLines(self._model.wire, id="wire-lines")
            yield Label("THE LAST ACTION BY HAND", classes="heading")
            yield Static(_NOTHING_DONE, markup=False, id="wire-netcat")

    def on_mount(self) -> None:
        """Look now, and again and again."""
        self._poll()
        self.set_interval(_POLL_SECONDS, self._poll)

    def action_copy_netcat(self) -> None:
        """Put the last action into the clipboard, as a shell line."""
        line = self._netcat()
        if line is None:
            self.app.notify(_NOTHING_DONE, severity="warning")
            return
        note = (
            f"The shell needs the password in {PASSWORD_VARIABLE}; it signs in as "
            f"{self._target.user}, which ends your session here."
        )
        self.app.post_message(CopyRequested(line, note))

    def _poll(self) -> None:
        self.query_one(WireLines).update()
        if self._model.wire.last_action != self._drawn:
            self._drawn = self._model.wire.last_action
            self.query_one("#wire-netcat", Static).update(self._netcat() or _NOTHING_DONE)

    def _netcat(self) -> str | None:
        action = self._model.wire.last_action
        if action is None:
            return None
        server = self._target
        return netcat_line(
            server.host,
            server.port,
            server.user,
            action,
            one_at_a_time=not self._model.capabilities.pipelining,
            fingerprint=server.fingerprint,
        )
