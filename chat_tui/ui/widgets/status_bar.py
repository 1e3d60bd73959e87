"""StatusBar: the state of the connection, the user, the room and own messages, in one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from textual.content import Content
from textual.widget import Widget

from chat_tui.events import ConnectionState

_STATE_SIGNS: Final = {
    ConnectionState.OFFLINE: ("○", "signed out", "$text-muted"),
    ConnectionState.CONNECTING: ("◌", "connecting", "$text-warning"),
    ConnectionState.ONLINE: ("●", "connected", "$text-success"),
    ConnectionState.WAITING: ("✕", "connection lost", "$text-error"),
    ConnectionState.RETRYING: ("◌", "reconnecting", "$text-warning"),
}

ENCRYPTED: Final = "encrypted"

UNENCRYPTED: Final = "unencrypted"
"""The connection is plain text."""


@dataclass(frozen=True, slots=True)
class StatusInfo:
    """The values that the bar shows. `latency` is in seconds, None if it was not measured."""

    state: ConnectionState
    user: str
    server: str
    room: str
    latency: float | None
    encrypted: bool = False
    members: int | None = None
    """The number of members of the room, None if it is not known."""
    sending: int = 0
    """The number of own messages that the server has not confirmed for some time."""
    unconfirmed: int = 0
    """The number of own messages that may not have arrived."""
    unread: str = ""
    """The number of unread messages in other places, empty if there are none."""


class StatusBar(Widget):
    """One row. Parts that do not fit are dropped, the least important first; no part is cut.

    The encryption state is dropped last: the room and the user are shown elsewhere, too.
    """

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._info = StatusInfo(ConnectionState.OFFLINE, "", "", "", None)
        self._mouse_off = False

    def on_mount(self) -> None:
        """Show when the mouse is left to the terminal."""
        self.watch(self.app, "mouse_on", self._mouse)

    def _mouse(self, on: bool) -> None:
        self._mouse_off = not on
        self._draw()

    def show(self, info: StatusInfo) -> None:
        """Draw these values."""
        if info != self._info:
            self._info = info
            self._draw()

    def _draw(self) -> None:
        """Draw soon. A layout of the screen is needed only if the size depends on the text."""
        self.refresh(layout=self.styles.auto_dimensions)

    def render(self) -> Content:
        """Return the longest form that fits. Textual calls it."""
        width = self.size.width or 80
        lines = self._from_long_to_short()
        return next((line for line in lines if line.cell_length <= width), lines[-1])

    def get_content_width(self, container: object, viewport: object) -> int:
        """Return the width of the longest form. Textual calls it if the width is "auto"."""
        return self._from_long_to_short()[0].cell_length

    def _from_long_to_short(self) -> list[Content]:
        info = self._info
        sign, label, color = _STATE_SIGNS[info.state]
        state = Content.assemble((f" {sign} {label}", color))
        state_sign = Content.assemble((f" {sign}", color))
        account = Content(f"{info.user}@{info.server}") if info.user else Content("")
        user, room = Content(info.user), Content(info.room)
        members = room
        if info.room and info.members is not None:
            members = Content.assemble(room, (f", {info.members} here", "$text-muted"))
        latency = encryption = Content("")
        if info.state is ConnectionState.ONLINE:
            label = ENCRYPTED if info.encrypted else UNENCRYPTED
            encryption = Content.assemble((label, "$text-muted"))
            if info.latency is not None:
                latency = Content.assemble((_milliseconds(info.latency), "$text-muted"))
        unread = Content.assemble(
            (f"{info.unread} unread elsewhere" if info.unread else "", "bold")
        )
        delivery = self._delivery_parts()
        mouse = Content.assemble(("mouse off" if self._mouse_off else "", "$text-muted"))
        attention = _joined(*delivery, mouse)
        with_unread = [
            _joined(state, attention, account, members, latency, encryption),
            _joined(state, attention, user, members, latency, encryption),
            _joined(state, attention, user, members, encryption),
            _joined(state, attention, user, room, encryption),
            _joined(state, attention, room, encryption),
            _joined(state, attention, encryption),
        ]
        return [
            *(self._with_right_end(line, unread) for line in with_unread),
            _joined(state, attention, encryption),
            _joined(state, *delivery, encryption),
            _joined(state_sign, *delivery, encryption),
            _joined(state_sign, *delivery[:1], encryption),
            _joined(state, encryption),
            _joined(state_sign, encryption),
        ]

    def _with_right_end(self, left: Content, right: Content) -> Content:
        """Return both parts, the second one at the right edge."""
        if not right.plain:
            return left
        gap = max(3, self.size.width - left.cell_length - right.cell_length - 1)
        return Content.assemble(left, " " * gap, right)

    def _delivery_parts(self) -> list[Content]:
        """Return the numbers of own messages that need attention."""
        info = self._info
        counts = [(info.unconfirmed, "! {} not confirmed"), (info.sending, "… {} sending")]
        texts = [text.format(count) for count, text in counts if count]
        return [Content.assemble((text, "$text-warning")) for text in texts]


def _joined(*parts: Content) -> Content:
    return Content("   ").join([part for part in parts if part.plain])


def _milliseconds(seconds: float) -> str:
    milliseconds = seconds * 1000
    return "<1 ms" if milliseconds < 1 else f"{milliseconds:.0f} ms"
