"""The client's side of the protocol, without sockets, threads or a clock of its own.

Lines of the server and wishes of the person go in, each with the time; events for the model and
lines for the server come out. One Dialogue is one connection: first the talk that signs in
(signing_in.py), then the conversation (conversation.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto

from chat_server.wire import CLIENT_RECEIVE_LIMIT, canonical_name, parse_server_line, replies
from chat_tui import events
from chat_tui.events import Event
from chat_tui.input import Submission
from chat_tui.protocol.chat_phase import ChatPhase
from chat_tui.protocol.login_phase import LoginPhase
from chat_tui.protocol.restore_target import RestoreTarget

NOT_CONNECTED = "Not connected: it was not sent"


class EndReason(Enum):
    """Why a connection is of no more use."""

    REJECTED = auto()
    """The server did not take us in; a `SignInFailed` says why."""
    SIGNED_OUT = auto()
    """The session is over for good; a `SignedOut` says why."""
    LOST = auto()
    """The connection broke, or The server does not answer any more; `final_message` says why."""


class ClientProtocol:
    """The talk with a server over one connection. Times are of one monotonic clock, in seconds."""

    def __init__(
        self, user: str, password: str, target: RestoreTarget, own_ids: Iterator[int], now: float
    ) -> None:
        """The connection was made just now. `own_ids` gives ids for own messages."""
        self._name = canonical_name(user) or user
        self._login = LoginPhase(user, password, now)
        self._chat: ChatPhase | None = None
        self._target = target
        self._own_ids = own_ids
        self._events: list[Event] = []
        self._lines: list[bytes] = []
        self.end_reason: EndReason | None = None
        """Set once the connection has to be closed."""
        self.final_message = ""
        """Why the connection was lost."""

    @property
    def is_online(self) -> bool:
        """Whether the server took us in, and has not ended the session."""
        return self._chat is not None and self.end_reason is None

    @property
    def is_in_room(self) -> bool:
        """Whether what is said now is said in the room that was last entered, and at once."""
        return self.is_online and self._chat is not None and self._chat.is_in_room

    @property
    def is_restored(self) -> bool:
        """Whether the wish has come true, or is known not to: in the room, hearing everybody."""
        return self.is_online and self._chat is not None and self._chat.is_restored

    @property
    def restore_target(self) -> RestoreTarget:
        """What the next connection has to bring back if this one is lost."""
        if self._chat is None or self.end_reason is not None:
            return self._target
        return self._chat.restore_target

    def take_events(self) -> list[Event]:
        """What was learned since the last call."""
        taken, self._events = self._events, []
        return taken

    def take_lines(self) -> list[bytes]:
        """What has to be sent since the last call, each with its LF."""
        taken, self._lines = self._lines, []
        return taken if self._chat is None else taken + self._chat.take_lines()

    # What the person wants.

    def submit(self, submission: Submission, now: float) -> None:
        """Enter in the composer gave `text`: one line or several; `to`: for whom alone."""
        if self._chat is None or self.end_reason is not None:
            self._events.append(
                events.TextReturned(submission.text, NOT_CONNECTED, submission.place)
            )
        else:
            self._chat.submit(submission, now)
            self._check_chat()

    def join(self, room: str, now: float) -> None:
        """Go to a room."""
        if self._chat is None or self.end_reason is not None:
            self._events.append(events.JoinFailed(room, "Not connected"))
        else:
            self._chat.join(room, now)

    def toggle_follow(self, name: str, now: float) -> str | None:
        """Follow somebody ("*": everyone), or no longer; the command for it. Only while online."""
        if self._chat is not None and self.end_reason is None:
            return self._chat.toggle_follow(name, now)
        return None

    def change_password(self, old: str, new: str, now: float) -> None:
        """Ask for another password; what comes of it is told by an event."""
        if self._chat is None or self.end_reason is not None:
            self._events.append(events.PasswordChangeFailed(NOT_CONNECTED))
        else:
            self._chat.change_password(old, new, now)

    # What comes from outside.

    def receive(self, line: str, now: float) -> None:
        """The server sent a line, here without its line end. Never raises on what it says."""
        if self.end_reason is not None:
            return
        said = parse_server_line(line)
        if self._chat is not None:
            self._chat.bytes_received(now)
            self._chat.receive(said, now)
            self._check_chat()
            return
        answer = self._login.receive(said, now)
        if isinstance(answer, bytes):
            self._lines.append(answer)
        elif answer is not None:
            self._events.append(answer)
        self._check_login(now)

    def receive_oversize(self, now: float) -> None:
        """The server sent a line that is longer than what is taken from any server."""
        self.bytes_received(now)
        text = f"A line of more than {CLIENT_RECEIVE_LIMIT} bytes was left out"
        self._events.append(events.LogNotice(text, "error"))

    def bytes_received(self, now: float) -> None:
        """The newest bytes came then, if only part of a line."""
        if self._chat is not None:
            self._chat.bytes_received(now)

    def tick(self, now: float) -> None:
        """Time has passed."""
        if self.end_reason is not None:
            return
        if self._chat is None:
            self._login.tick(now)
            self._check_login(now)
        elif not self._chat.tick(now):
            self.connection_lost("The server does not answer any more", now)

    def connection_lost(self, reason: str, now: float) -> None:
        """The connection is gone: nothing more will be heard or said."""
        if self.end_reason is not None:
            return
        if self._chat is None:
            self._login.connection_lost(reason)
            self._check_login(now)
        elif self._chat.is_quitting:
            self._sign_out(self._chat, events.SignedOut(replies.GOODBYE, requested=True))
        else:
            self.end_reason = EndReason.LOST
            self.final_message = self._chat.final_message or reason
            self._target = self._chat.restore_target
            self._chat.settle()

    def _emit(self, event: Event) -> None:
        self._events.append(event)

    def _check_login(self, now: float) -> None:
        outcome = self._login.outcome
        if isinstance(outcome, events.SignInFailed):
            self.end_reason = EndReason.REJECTED
            self._events.append(outcome)
        elif outcome is not None:
            self._chat = ChatPhase(
                self._name, outcome, self._target, self._own_ids, self._emit, now
            )

    def _check_chat(self) -> None:
        if self._chat is not None and self._chat.goodbye is not None:
            self._sign_out(self._chat, self._chat.goodbye)

    def _sign_out(self, chat: ChatPhase, goodbye: events.SignedOut) -> None:
        self.end_reason = EndReason.SIGNED_OUT
        chat.settle()
        self._events.append(goodbye)
