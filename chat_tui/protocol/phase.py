"""The phases of a connection: their common interface, and the phase without a session.

A connection goes through the phases in one direction:

    LOGIN (login_phase.py)  ->  CHAT (chat_phase.py)  ->  CLOSED (`ClosedPhase`)
              |                                             ^
              +---------------------------------------------+

`ClientProtocol` replaces the phase as soon as `outcome` is set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import ClassVar, Final

from chat_server.wire import ServerLine
from chat_tui import events
from chat_tui.events import Event, PageKind
from chat_tui.input import Submission
from chat_tui.protocol.restore_target import RestoreTarget

NOT_CONNECTED: Final = "Not connected: it was not sent"


class ProtocolState(Enum):
    """The state of a connection."""

    LOGIN = auto()
    """Connected. The server has not accepted the login yet."""
    CHAT = auto()
    """Signed in."""
    CLOSED = auto()
    """There is no connection, or it has to be closed."""


class EndReason(Enum):
    """Why a connection has to be closed."""

    REJECTED = auto()
    """The login failed. A `SignInFailed` event has the reason."""
    SIGNED_OUT = auto()
    """The session has ended for good. A `SignedOut` event has the reason."""
    LOST = auto()
    """The connection broke or the server stopped answering. `ClientProtocol.final_message` has the
    reason."""


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Outcome of a login: the server accepted it and listed these commands."""

    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """Outcome of a phase after which the connection has to be closed."""

    reason: EndReason
    event: events.SignInFailed | events.SignedOut | None = None
    """The event to emit after everything pending has been settled."""
    message: str = ""
    """Why the connection was lost."""


class Phase:
    """One phase of a connection. The defaults are those of a phase that cannot send anything.

    Times are seconds of one monotonic clock.
    """

    state: ClassVar[ProtocolState]

    def __init__(self, emit: Callable[[Event], None]) -> None:
        """`emit` takes each event for the model."""
        self._emit = emit
        self.outcome: LoggedIn | Ended | None = None
        """Set once, when the phase has ended."""

    @property
    def can_send_now(self) -> bool:
        """See `ClientProtocol.can_send_now`."""
        return False

    @property
    def is_restored(self) -> bool:
        """See `ClientProtocol.is_restored`."""
        return False

    @property
    def is_login_pending(self) -> bool:
        """See `ClientProtocol.is_login_pending`."""
        return False

    @property
    def restore_target(self) -> RestoreTarget | None:
        """State for the next connection to restore. None: the target of this connection."""
        return None

    def take_lines(self) -> list[bytes]:
        """Return the lines to send since the last call, each with its LF."""
        return []

    def submit(self, submission: Submission, _now: float) -> None:
        """Send what the user typed: all lines of it or none."""
        self._emit(events.TextReturned(submission.text, NOT_CONNECTED, submission.location))

    def join(self, room: str, _now: float) -> None:
        """Join a room."""
        self._emit(events.JoinFailed(room, "Not connected"))

    def toggle_follow(self, _name: str, _now: float) -> str | None:
        """Follow or unfollow a user. Return the command sent for it, or None."""
        return None

    def follow(self, _name: str, _now: float) -> str | None:
        """Follow a user. Return the command sent for it, or None."""
        return None

    def change_password(self, _old: str, _new: str, _now: float) -> None:
        """Request a password change."""
        self._emit(events.PasswordChangeFailed(NOT_CONNECTED))

    def request_page(self, _location: str, _kind: PageKind, _subject: str, _now: float) -> bool:
        """Request a page of past messages. Return False if it cannot be requested."""
        return False

    def read_private(self, partner: str, now: float) -> None:
        """The user reads a private conversation."""

    def receive(self, line: ServerLine, now: float) -> None:
        """Handle a line from the server."""

    def bytes_received(self, now: float) -> None:
        """Record the time of the newest byte from the server."""

    def tick(self, now: float) -> None:
        """Handle timeouts."""

    def connection_lost(self, reason: str) -> None:
        """Handle the end of the connection."""

    def abandon_pending(self) -> None:
        """Report what became of everything pending. Called once, when the phase has ended."""


class ClosedPhase(Phase):
    """The phase without a connection."""

    state = ProtocolState.CLOSED
