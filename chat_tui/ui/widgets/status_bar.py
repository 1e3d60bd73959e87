"""StatusBar: how things stand with the server, in one line, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from textual.content import Content
from textual.widget import Widget

from chat_tui.events import ConnectionState

_STATE_SIGNS: Final = {
    ConnectionState.OFFLINE: ("○", "signed out", "$foreground 60%"),
    ConnectionState.CONNECTING: ("◌", "connecting", "$text-warning"),
    ConnectionState.ONLINE: ("●", "connected", "$text-success"),
    ConnectionState.WAITING: ("✕", "connection lost", "$text-error"),
    ConnectionState.RETRYING: ("◌", "reconnecting", "$text-warning"),
}

ENCRYPTED: Final = "encrypted"

UNENCRYPTED: Final = "unencrypted"
"""What goes over the wire is clear text."""


@dataclass(frozen=True, slots=True)
class StatusInfo:
    """What the bar tells. `latency` in seconds, None where it was not measured."""

    state: ConnectionState
    user: str
    server: str
    room: str
    latency: float | None
    encrypted: bool = False
    members: int | None = None
    """How many are in the room, None where that is not known."""
    sending: int = 0
    """Own messages that the server takes its time with."""
    unconfirmed: int = 0
    """Own messages that may not have arrived."""


class StatusBar(Widget):
    """One row. What has no room is left out, the least wanted first; nothing is cut in half.

    Whether it is encrypted goes last: where one is, and as whom, stands elsewhere, too.
    """

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._info = StatusInfo(ConnectionState.OFFLINE, "", "", "", None)
        self._mouse_off = False

    def on_mount(self) -> None:
        """Say it where the mouse is left to the terminal."""
        self.watch(self.app, "mouse_on", self._mouse)

    def _mouse(self, on: bool) -> None:
        self._mouse_off = not on
        self.refresh(layout=True)

    def show(self, info: StatusInfo) -> None:
        """Draw this."""
        if info != self._info:
            self._info = info
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
        standing = self._info
        sign, words, color = _STATE_SIGNS[standing.state]
        state = Content.assemble((f" {sign} {words}", color))
        sign_alone = Content.assemble((f" {sign}", color))
        where = Content(f"{standing.user}@{standing.server}") if standing.user else Content("")
        user, room = Content(standing.user), Content(standing.room)
        members = room
        if standing.room and standing.members is not None:
            members = Content.assemble(room, (f", {standing.members} here", "$foreground 60%"))
        speed = clear = Content("")
        if standing.state is ConnectionState.ONLINE:
            words = ENCRYPTED if standing.encrypted else UNENCRYPTED
            clear = Content.assemble((words, "$foreground 60%"))
            if standing.latency is not None:
                speed = Content.assemble((_milliseconds(standing.latency), "$foreground 60%"))
        unproved = self._delivery_parts()
        mouse = Content.assemble(("mouse off" if self._mouse_off else "", "$foreground 60%"))
        trouble = _joined(*unproved, mouse)
        return [
            _joined(state, trouble, where, members, speed, clear),
            _joined(state, trouble, user, members, speed, clear),
            _joined(state, trouble, user, members, clear),
            _joined(state, trouble, user, room, clear),
            _joined(state, trouble, room, clear),
            _joined(state, trouble, clear),
            _joined(state, *unproved, clear),
            _joined(sign_alone, *unproved, clear),
            _joined(sign_alone, *unproved[:1], clear),
            _joined(state, clear),
            _joined(sign_alone, clear),
        ]

    def _delivery_parts(self) -> list[Content]:
        """What has become of our messages, where that calls for attention."""
        standing = self._info
        counts = [(standing.unconfirmed, "! {} not confirmed"), (standing.sending, "… {} sending")]
        words = [words.format(count) for count, words in counts if count]
        return [Content.assemble((word, "$text-warning")) for word in words]


def _joined(*parts: Content) -> Content:
    return Content("   ").join([part for part in parts if part.plain])


def _milliseconds(seconds: float) -> str:
    milliseconds = seconds * 1000
    return "<1 ms" if milliseconds < 1 else f"{milliseconds:.0f} ms"
