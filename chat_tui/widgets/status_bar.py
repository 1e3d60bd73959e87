"""StatusBar: how things stand with the server, in one line, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from textual.content import Content
from textual.widget import Widget

from chat_tui.events import ConnectionState

_SIGNS: Final = {
    ConnectionState.OFFLINE: ("○", "signed out", "$foreground 60%"),
    ConnectionState.CONNECTING: ("◌", "connecting", "$text-warning"),
    ConnectionState.ONLINE: ("●", "connected", "$text-success"),
    ConnectionState.WAITING: ("✕", "connection lost", "$text-error"),
    ConnectionState.RETRYING: ("◌", "reconnecting", "$text-warning"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What the bar tells. `round_trip` in seconds, None where it was not measured."""

    state: ConnectionState
    user: str
    server: str
    room: str
    round_trip: float | None
    unconfirmed: int = 0
    """Own messages that may not have arrived."""


class StatusBar(Widget):
    """One row. What has no room is left out, the least wanted first; nothing is cut in half."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._standing = Standing(ConnectionState.OFFLINE, "", "", "", None)

    def show(self, standing: Standing) -> None:
        """Draw this."""
        if standing != self._standing:
            self._standing = standing
            self.refresh(layout=True)

    def render(self) -> Content:
        """Called by Textual."""
        width = self.size.width or 80
        lines = self._from_long_to_short()
        return next((line for line in lines if line.cell_length <= width), lines[-1])

    def get_content_width(self, container: object, viewport: object) -> int:
        """Called by Textual where the width is "auto": all of it."""
        return self._from_long_to_short()[0].cell_length

    def _from_long_to_short(self) -> list[Content]:
        standing = self._standing
        sign, words, color = _SIGNS[standing.state]
        state = Content.assemble((f" {sign} {words}", color))
        where = Content(f"{standing.user}@{standing.server}") if standing.user else Content("")
        user, room = Content(standing.user), Content(standing.room)
        speed = trouble = Content("")
        if standing.round_trip is not None and standing.state is ConnectionState.ONLINE:
            speed = Content.assemble((_milliseconds(standing.round_trip), "$foreground 60%"))
        if standing.unconfirmed:
            trouble = Content.assemble((f"! {standing.unconfirmed} not confirmed", "$text-warning"))
        return [
            _joined(state, trouble, where, room, speed),
            _joined(state, trouble, where, room),
            _joined(state, trouble, user, room),
            _joined(state, trouble, room),
            _joined(state, trouble),
            state,
        ]


def _joined(*parts: Content) -> Content:
    return Content("   ").join([part for part in parts if part.plain])


def _milliseconds(seconds: float) -> str:
    milliseconds = seconds * 1000
    return "<1 ms" if milliseconds < 1 else f"{milliseconds:.0f} ms"
