"""WireScreen: the raw lines of the connection and the last action as a netcat command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Label, Static

from chat_tui.input import PASSWORD_VARIABLE, LastAction, netcat_line
from chat_tui.model import ChatModel
from chat_tui.ui.screens.dialog import Dialog
from chat_tui.ui.terminal import CopyRequested
from chat_tui.ui.widgets import NoticeBar, WireLines

if TYPE_CHECKING:
    from chat_tui.ui.base_app import BaseApp

_POLL_SECONDS: Final = 0.25
"""Seconds between two updates of the lines."""

_NO_ACTION: Final = (
    "Send a message, join a room or follow a person to see the same as a shell command."
)


@dataclass(frozen=True, slots=True)
class NetcatTarget:
    """The server and the user for a netcat command."""

    host: str
    port: int
    user: str
    fingerprint: str = ""
    """The fingerprint of the server's key, empty if the connection is not encrypted."""


class WireScreen(Dialog[None]):
    """The wire log over any screen. It updates while it is open."""

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
        """Yield the lines and the last action."""
        with Vertical(id="wire-page") as page:
            page.border_title = (
                f"Wire log · {self._model.server}" if self._model.server else "Wire log"
            )
            page.border_subtitle = "C Copy · End Newest · Esc Close"
            yield WireLines(self._model.wire, id="wire-lines")
            yield Label("LAST ACTION AS A SHELL COMMAND", classes="heading")
            yield Static(_NO_ACTION, markup=False, id="wire-netcat")
            yield Static(self._note, markup=False, id="wire-note")
            yield NoticeBar(cast("BaseApp", self.app).notices, rule=" ")

    def on_mount(self) -> None:
        """Update now and regularly."""
        self.query_one("#wire-note").display = False
        self._poll()
        self.set_interval(_POLL_SECONDS, self._poll)

    def action_copy_netcat(self) -> None:
        """Copy the last action as a shell command."""
        line = self._netcat()
        if line is None:
            self.app.notify("There is no command to copy yet.", severity="warning")
            return
        self.app.post_message(CopyRequested(line))

    @property
    def _note(self) -> str:
        return (
            f"It takes the password from {PASSWORD_VARIABLE}. It signs in as {self._target.user}, "
            "which ends your session here."
        )

    def _poll(self) -> None:
        self.query_one(WireLines).update()
        if self._model.wire.last_action != self._drawn:
            self._drawn = self._model.wire.last_action
            self.query_one("#wire-note").display = self._drawn is not None
            self.query_one("#wire-netcat", Static).update(self._netcat() or _NO_ACTION)

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
            pipelining=self._model.capabilities.pipelining,
            fingerprint=server.fingerprint,
        )
