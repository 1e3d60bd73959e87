"""ClientProtocol: the client's side of the protocol, without sockets, threads or a clock.

Input: lines from the server and requests of the user, each with the time. Output: events for the
model (`take_events`) and lines for the server (`take_lines`). One ClientProtocol is one connection.
Its phases are described in phase.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from chat_server.wire import CLIENT_RECEIVE_LIMIT, canonical_name, parse_server_line
from chat_tui import events
from chat_tui.events import Event, PageKind
from chat_tui.input import Submission
from chat_tui.protocol.chat_phase import ChatPhase
from chat_tui.protocol.login_phase import LoginPhase
from chat_tui.protocol.phase import (
    ClosedPhase,
    Ended,
    EndReason,
    LoggedIn,
    Phase,
    ProtocolState,
)
from chat_tui.protocol.restore_target import RestoreTarget
from chat_tui.protocol.timelines import Timelines


class ClientProtocol:
    """The protocol of one connection. Times are seconds of one monotonic clock.

    In every state all methods may be called. Without a session, what the user requests is answered
    by an event that says so.
    """

    def __init__(
        self,
        user: str,
        password: str,
        target: RestoreTarget,
        own_ids: Iterator[int],
        now: float,
        timelines: Timelines | None = None,
    ) -> None:
        """Start with a new connection. `own_ids` generates the rising ids of own messages.

        `timelines`: what the client has of the history. None: nothing yet.
        """
        self._timelines = Timelines() if timelines is None else timelines
        self._name = canonical_name(user) or user
        self._target = target
        self._own_ids = own_ids
        self._events: list[Event] = []
        self._lines: list[bytes] = []
        self._phase: Phase = LoginPhase(user, password, self._emit, now)
        self.end_reason: EndReason | None = None
        """Set once the connection has to be closed."""
        self.final_message = ""
        """Why the connection was lost."""

    @classmethod
    def closed(cls) -> ClientProtocol:
        """Return a protocol without a connection, in the state CLOSED."""
        protocol = cls("", "", RestoreTarget(), iter(()), 0.0)
        protocol._phase = ClosedPhase(protocol._emit)
        return protocol

    @property
    def state(self) -> ProtocolState:
        """The state of the connection."""
        return self._phase.state

    @property
    def is_online(self) -> bool:
        """True from the accepted login until the session ends."""
        return self.state is ProtocolState.CHAT

    @property
    def can_send_now(self) -> bool:
        """True if a text typed now would be sent at once, to the room joined last."""
        return self._phase.can_send_now

    @property
    def is_restored(self) -> bool:
        """True once the restore target is reached, or the server has rejected parts of it."""
        return self._phase.is_restored

    @property
    def is_login_pending(self) -> bool:
        """True while the server has the LOGIN line and has not answered it."""
        return self._phase.is_login_pending

    @property
    def restore_target(self) -> RestoreTarget:
        """State for the next connection to restore if this one is lost."""
        return self._phase.restore_target or self._target

    def take_events(self) -> list[Event]:
        """Return the events since the last call, in order."""
        taken, self._events = self._events, []
        return taken

    def take_lines(self) -> list[bytes]:
        """Return the lines to send since the last call, each with its LF."""
        taken, self._lines = self._lines + self._phase.take_lines(), []
        return taken

    # Requests of the user

    def submit(self, submission: Submission, now: float) -> None:
        """Send what the user typed. If it cannot be sent, it comes back as `TextReturned`."""
        self._phase.submit(submission, now)
        self._check_outcome(now)

    def join(self, room: str, now: float) -> None:
        """Join a room. The outcome is a `Joined` or `JoinFailed` event."""
        self._phase.join(room, now)
        self._check_outcome(now)

    def toggle_follow(self, name: str, now: float) -> str | None:
        """Follow a user ("*": everyone) or stop following. Return the command sent for it, if any.

        Without a session nothing happens.
        """
        return self._phase.toggle_follow(name, now)

    def follow(self, name: str, now: float) -> str | None:
        """Follow a user ("*": everyone), if that is not so. Return the command sent, if any."""
        return self._phase.follow(name, now)

    def change_password(self, old: str, new: str, now: float) -> None:
        """Request a password change. The outcome is a `PasswordChange...` event."""
        self._phase.change_password(old, new, now)

    def request_page(self, location: str, kind: PageKind, subject: str, now: float) -> bool:
        """Request a page of past messages. Return False if it cannot be requested now.

        `subject`: the stamp that the page is about, or the words to search for (FOUND).
        """
        return self._phase.request_page(location, kind, subject, now)

    def read_private(self, partner: str, now: float) -> None:
        """The user reads the conversation with `partner`: see `ChatSession.read_private`."""
        self._phase.read_private(partner, now)

    # Input from the connection

    def receive(self, line: str, now: float) -> None:
        """Handle a line from the server, without its line end. Never raises on its content."""
        self._phase.bytes_received(now)
        self._phase.receive(parse_server_line(line), now)
        self._check_outcome(now)

    def receive_oversize(self, now: float) -> None:
        """Handle a line that was longer than the receive limit and was discarded."""
        self.bytes_received(now)
        text = f"A line of more than {CLIENT_RECEIVE_LIMIT} bytes was discarded"
        self._emit(events.LogNotice(text, "error"))

    def bytes_received(self, now: float) -> None:
        """Record the time of the newest byte, even if it was not the end of a line."""
        self._phase.bytes_received(now)

    def tick(self, now: float) -> None:
        """Handle timeouts. Called several times a second."""
        self._phase.tick(now)
        self._check_outcome(now)

    def connection_lost(self, reason: str, now: float) -> None:
        """Handle the end of the connection. Later calls have no effect."""
        self._phase.connection_lost(reason)
        self._check_outcome(now)

    def _emit(self, event: Event) -> None:
        self._events.append(event)

    def _check_outcome(self, now: float) -> None:
        """Enter the next phase if this one has ended."""
        match self._phase.outcome:
            case LoggedIn(commands):
                self._lines += self._phase.take_lines()
                self._phase = ChatPhase(
                    self._name,
                    commands,
                    self._target,
                    self._timelines,
                    self._own_ids,
                    self._emit,
                    now,
                )
            case Ended() as ended:
                self._close(ended)

    def _close(self, ended: Ended) -> None:
        phase = self._phase
        if ended.reason is EndReason.LOST:
            self._target = self.restore_target  # before `abandon_pending` empties the queue
        phase.abandon_pending()
        self._lines += phase.take_lines()
        self._phase = ClosedPhase(self._emit)
        self.end_reason, self.final_message = ended.reason, ended.message
        if ended.event is not None:
            self._emit(ended.event)
