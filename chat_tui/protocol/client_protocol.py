"""The client's side of the protocol, without sockets, threads or a clock of its own.

Lines of the server and wishes of the person go in, each with the time; events for the model and
lines for the server come out. One Dialogue is one connection: first the talk that signs in
(signing_in.py), then the conversation (conversation.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto

from chat_server.wire import replies
from chat_server.wire.protocol import CLIENT_ACCEPTS, canonical_name, parse_server_line
from chat_tui import events
from chat_tui.events import Event
from chat_tui.protocol.chat_phase import Conversation
from chat_tui.protocol.login_phase import SigningIn
from chat_tui.protocol.restore_target import Wish

NOT_CONNECTED = "Not connected: it was not sent"


class Ending(Enum):
    """Why a connection is of no more use."""

    REFUSED = auto()
    """The server did not take us in; a `SignInRefused` says why."""
    SIGNED_OUT = auto()
    """The session is over for good; a `SignedOut` says why."""
    LOST = auto()
    """The connection broke, or The server does not answer any more; `last_words` says why."""


class Dialogue:
    """The talk with a server over one connection. Times are of one monotonic clock, in seconds."""

    def __init__(
        self, user: str, password: str, wish: Wish, own_ids: Iterator[int], now: float
    ) -> None:
        """The connection was made just now. `own_ids` gives ids for own messages."""
        self._name = canonical_name(user) or user
        self._signing_in = SigningIn(user, password, now)
        self._conversation: Conversation | None = None
        self._wish = wish
        self._own_ids = own_ids
        self._events: list[Event] = []
        self._lines: list[bytes] = []
        self.ending: Ending | None = None
        """Set once the connection has to be closed."""
        self.last_words = ""
        """Why the connection was lost."""

    @property
    def is_online(self) -> bool:
        """Whether the server took us in, and has not ended the session."""
        return self._conversation is not None and self.ending is None

    @property
    def is_settled(self) -> bool:
        """Whether what is said now is said in the room that was last entered, and at once."""
        return self.is_online and self._conversation is not None and self._conversation.is_settled

    @property
    def is_back(self) -> bool:
        """Whether the wish has come true, or is known not to: in the room, hearing everybody."""
        return self.is_online and self._conversation is not None and self._conversation.is_back

    @property
    def wish(self) -> Wish:
        """What the next connection has to bring back if this one is lost."""
        if self._conversation is None or self.ending is not None:
            return self._wish
        return self._conversation.wish

    def take_events(self) -> list[Event]:
        """What was learned since the last call."""
        taken, self._events = self._events, []
        return taken

    def take_lines(self) -> list[bytes]:
        """What has to be sent since the last call, each with its LF."""
        taken, self._lines = self._lines, []
        return taken if self._conversation is None else taken + self._conversation.take_lines()

    # What the person wants.

    def submit(self, text: str, now: float, to: str = "") -> None:
        """Enter in the composer gave `text`: one line or several; `to`: for whom alone."""
        if self._conversation is None or self.ending is not None:
            place = f"@{to}" if to else ""
            self._events.append(events.TextReturned(text, NOT_CONNECTED, place))
        else:
            self._conversation.submit(text, now, to)
            self._look_at_conversation()

    def join(self, room: str, now: float) -> None:
        """Go to a room."""
        if self._conversation is None or self.ending is not None:
            self._events.append(events.JoinFailed(room, "Not connected"))
        else:
            self._conversation.join(room, now)

    def toggle_follow(self, name: str, now: float) -> str | None:
        """Follow somebody ("*": everyone), or no longer; the command for it. Only while online."""
        if self._conversation is not None and self.ending is None:
            return self._conversation.toggle_follow(name, now)
        return None

    def change_password(self, old: str, new: str, now: float) -> None:
        """Ask for another password; what comes of it is told by an event."""
        if self._conversation is None or self.ending is not None:
            self._events.append(events.PasswordRefused(NOT_CONNECTED))
        else:
            self._conversation.change_password(old, new, now)

    # What comes from outside.

    def receive(self, line: str, now: float) -> None:
        """The server sent a line, here without its line end. Never raises on what it says."""
        if self.ending is not None:
            return
        said = parse_server_line(line)
        if self._conversation is not None:
            self._conversation.heard(now)
            self._conversation.receive(said, now)
            self._look_at_conversation()
            return
        answer = self._signing_in.receive(said, now)
        if isinstance(answer, bytes):
            self._lines.append(answer)
        elif answer is not None:
            self._events.append(answer)
        self._look_at_outcome(now)

    def receive_oversize(self, now: float) -> None:
        """The server sent a line that is longer than what is taken from any server."""
        self.heard(now)
        text = f"A line of more than {CLIENT_ACCEPTS} bytes was left out"
        self._events.append(events.ServerLine(text, "error"))

    def heard(self, now: float) -> None:
        """The newest bytes came then, if only part of a line."""
        if self._conversation is not None:
            self._conversation.heard(now)

    def tick(self, now: float) -> None:
        """Time has passed."""
        if self.ending is not None:
            return
        if self._conversation is None:
            self._signing_in.tick(now)
            self._look_at_outcome(now)
        elif not self._conversation.tick(now):
            self.lost("The server does not answer any more", now)

    def lost(self, reason: str, now: float) -> None:
        """The connection is gone: nothing more will be heard or said."""
        if self.ending is not None:
            return
        if self._conversation is None:
            self._signing_in.lost(reason)
            self._look_at_outcome(now)
        elif self._conversation.is_quitting:
            self._sign_out(self._conversation, events.SignedOut(replies.GOODBYE, asked=True))
        else:
            self.ending = Ending.LOST
            self.last_words = self._conversation.last_words or reason
            self._wish = self._conversation.wish
            self._conversation.settle()

    def _tell(self, event: Event) -> None:
        self._events.append(event)

    def _look_at_outcome(self, now: float) -> None:
        outcome = self._signing_in.outcome
        if isinstance(outcome, events.SignInRefused):
            self.ending = Ending.REFUSED
            self._events.append(outcome)
        elif outcome is not None:
            self._conversation = Conversation(
                self._name, outcome, self._wish, self._own_ids, self._tell, now
            )

    def _look_at_conversation(self) -> None:
        if self._conversation is not None and self._conversation.goodbye is not None:
            self._sign_out(self._conversation, self._conversation.goodbye)

    def _sign_out(self, conversation: Conversation, goodbye: events.SignedOut) -> None:
        self.ending = Ending.SIGNED_OUT
        conversation.settle()
        self._events.append(goodbye)
