"""ChatSession: one person at one server, from signing in to leaving, lost connections included."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import count
from typing import Final

from chat_server.wire.protocol import EVERYONE, LOBBY, Oversize
from chat_server.wire.stream import Stream
from chat_tui import events
from chat_tui.account import Account, account
from chat_tui.changed_password import NOT_CHANGED, Outcome, after, old_one_is_left
from chat_tui.connection.backoff import Backoff
from chat_tui.connection.bell import Bell
from chat_tui.connection.connection import Connection
from chat_tui.connection.dialling import Dialling
from chat_tui.dialogue import NOT_CONNECTED, Dialogue, Ending
from chat_tui.dialogue.wish import Wish
from chat_tui.events import ConnectionChanged, ConnectionState, Event
from chat_tui.model.chat_model import ChatModel
from chat_tui.typed import typed_lines, wire_form

_BATCH: Final = 16
"""Lines between two looks at the clock while taking in what arrived."""

_STOPPED: Final = 5.0
"""Seconds between two ticks that tell that the whole program stood still (Ctrl+Z, a closed lid):
the silence of that time says nothing about the server."""

_ARRIVING: Final = 5.0
"""Seconds after signing in at which we are there, though not all may be as it was before."""


class ChatSession:
    """Everything between the screens and the wire, without a screen.

    All methods are called by the screen's thread and return at once. What arrives is applied to
    `model`; what needs the screen (see `take_notices`) is left for it.

    The screen calls `pump` when `wake` fired, and `tick` about four times a second.
    """

    def __init__(
        self,
        model: ChatModel,
        start_reader: Callable[[Callable[[], None]], None],
        wake: Callable[[], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        backoff: Backoff | None = None,
    ) -> None:
        """Nothing is connected yet.

        `start_reader` runs the function it is given in a thread and returns at once; that function
        blocks in `recv` and ends by itself soon after the connection is over. `wake` may be called
        from any thread; it asks the screen's thread to call `pump` soon, and is not called again
        before that.
        """
        self.model = model
        self._start_reader = start_reader
        self._bell = Bell(wake)
        self._clock = clock
        self._backoff = backoff or Backoff()
        self._own_ids = count(1)
        self._notices: list[Event] = []
        self._identity: tuple[str, str] | None = None  # whose model it is
        self._account: Account | None = None  # None: nothing is being tried
        self._wish = Wish()
        self._coming_back = False
        self._dialling: Dialling | None = None
        self._connection: Connection | None = None
        self._dialogue: Dialogue | None = None
        self._in_session = False
        self._early: list[Event] = []  # learned before the session began
        self._online_since = 0.0
        self._away_since: datetime | None = None
        self._retry_at: float | None = None
        self._last_tick = clock()

    # Coming and going.

    def sign_in(
        self,
        host: str,
        port: int,
        user: str,
        password: str,
        *,
        room: str | None = None,
        follow_everyone: bool = False,
        follow: Iterable[str] = (),
    ) -> None:
        """Look up, dial and log in; whatever was connected before is left.

        The outcome is a `SignedIn` or a `SignInRefused` in `take_notices`. `room`: go there at
        once. `follow_everyone`: subscribe to "*"; `follow`: to these. The model is emptied once we
        are in, unless the same user came back to the same server.
        """
        self.cancel()
        asked = account(host, port, user, password)
        if asked.problem is not None:
            self._notices.append(events.SignInRefused(asked.problem, retry=False))
            return
        self._account = asked
        everyone = (EVERYONE,) if follow_everyone else ()
        self._wish = Wish(room, frozenset((*follow, *everyone)))
        self._backoff.reset()
        self._dial(asked, ConnectionState.CONNECTING)

    def cancel(self) -> None:
        """Give up what is under way, or sign out: offline at once. `sign_in` may follow.

        No `SignedOut` comes of it.
        """
        if self._dialogue is not None and self._dialogue.is_online:
            self._dialogue.lost("", self._clock())
            self._away_since = self.model.now()
            for event in self._dialogue.take_events():
                self._learn(event)
        self._drop()
        if self._account is not None:
            self._go_offline("")

    def close(self) -> None:
        """Leave for good: every thread ends soon, none is waited for. May be called twice."""
        self._drop()
        self._account = self._retry_at = None

    def retry_now(self) -> None:
        """While a connection is lost: try at once instead of when the pause is over."""
        if self._account is not None and self._retry_at is not None:
            self._retry_at = None
            self._dial(self._account, ConnectionState.RETRYING)

    @property
    def is_settled(self) -> bool:
        """Whether what is said now is said at once, in the room that the model has."""
        return self._dialogue is not None and self._dialogue.is_settled

    # What the person wants.

    def submit(self, text: str, to: str = "") -> None:
        """What Enter in the composer gave: one line or several. Kept in `model.history`.

        A single line that begins with "/" is a command ("//" a text with one "/"); of several
        lines each is sent as text: to the room, or to `to` alone. What can't be sent now comes
        back as `TextReturned`.
        """
        self.model.history.add(text)
        if self._dialogue is not None:
            self._submit(text, to)
        elif text.strip() == "/quit":
            self.cancel()
            self._notices.append(events.SignedOut("Goodbye", asked=True))
        else:
            self._notices.append(events.TextReturned(text, NOT_CONNECTED, f"@{to}" if to else ""))

    def _submit(self, text: str, to: str) -> None:
        if self._dialogue is not None:
            self._acted([wire_form(line, to) for line in typed_lines(text)])
            self._dialogue.submit(text, self._clock(), to)
            self._talk()

    def join(self, room: str) -> None:
        """Go to `room`. What is typed from here on waits for the answer."""
        if self._dialogue is not None:
            self._acted([f"/join {room}"])
            self._dialogue.join(room, self._clock())
            self._talk()
        else:
            self.model.apply(events.JoinFailed(room, "Not connected"))

    def toggle_follow(self, name: str) -> None:
        """Follow `name` ("*": everyone), or no longer. Nothing happens for our own name."""
        if self._dialogue is not None:
            asked = self._dialogue.toggle_follow(name, self._clock())
            self._acted([asked] if asked else [])
            self._talk()

    def change_password(self, old: str, new: str) -> None:
        """Ask the server for another password; neither is kept but to come back with.

        What comes of it is a `PasswordChanged`, `PasswordRefused` or `PasswordUnknown` in
        `take_notices`.
        """
        if self._dialogue is None:
            self._notices.append(events.PasswordRefused(NOT_CONNECTED))
            return
        self._dialogue.change_password(old, new, self._clock())
        self._talk()

    def resend(self, entry_id: int) -> bool:
        """Send an unconfirmed message of the place in view again, as a new entry.

        False, and nothing changes, where it is not unconfirmed, or where we are not in the room:
        not connected, on the way back to it, on the way to another.
        """
        if self._dialogue is None or not self._dialogue.is_settled:
            return False
        text = self.model.mark_resent(entry_id)
        if text is None:
            return False
        self._submit(text, self.model.private_with)
        return True

    def resend_all(self) -> int:
        """Send all unconfirmed messages of the place in view again, in their order; how many."""
        return sum(self.resend(entry.id) for entry in self.model.unconfirmed)

    # What the screen asks for.

    def pump(self, max_events: int = 500, max_seconds: float = 0.008) -> bool:
        """Take in what arrived, at most so much; True where more is waiting: call again soon.

        While it returned True, `wake` does not fire.
        """
        self._bell.answer()
        self._look_at_dialling()
        connection, dialogue = self._connection, self._dialogue
        if connection is None or dialogue is None:
            return False
        deadline = self._clock() + max_seconds
        left = max_events
        while lines := connection.inbox.take(min(left, _BATCH)):
            for line in lines:
                if isinstance(line, Oversize):
                    dialogue.receive_oversize(self._clock())
                else:
                    self.model.wire.received(line)
                    dialogue.receive(line, self._clock())
            left -= len(lines)
            self._talk()
            if left <= 0 or self._clock() >= deadline or self._connection is not connection:
                break
        if self._connection is not connection:
            return False
        ended = connection.inbox.ended
        if ended is not None:
            self.model.wire.note(ended)
            dialogue.lost(ended, self._clock())
            self._talk()
        elif len(connection.inbox):
            self._bell.mute()
            return True
        return False

    def tick(self) -> None:
        """Time has passed: heartbeats, retries, the countdown. About four times a second."""
        now = self._clock()
        stood_still = now - self._last_tick > _STOPPED
        self._last_tick = now
        self._look_at_dialling()
        if self._dialogue is not None and self._connection is not None:
            if stood_still:  # what has come meanwhile is still to be read
                self._dialogue.heard(now)
                return
            waiting = len(self._connection.inbox) > 0
            self._dialogue.heard(now if waiting else self._connection.heard_at)
            self._dialogue.tick(now)
            self._talk()
        elif self._retry_at is not None and now >= self._retry_at:
            self.retry_now()
        elif self._retry_at is not None:
            self._count_down(self._retry_at - now)

    def take_notices(self) -> list[Event]:
        """What the screen has to act upon since the last call, in order.

        `SignedIn`: the chat may be shown. `SignInRefused`: back to the form with the reason (also
        when the server refuses the password during a reconnect). `SignedOut`: it will not be
        retried; say why and offer to sign in again, or leave where it was `asked` for by /quit.
        `TextReturned`: put it back into the composer and say why. `PasswordChanged`,
        `PasswordRefused`, `PasswordUnknown`: what became of a change, also of one that was typed;
        of the last, one of the others tells more once we are back.
        """
        taken, self._notices = self._notices, []
        return taken

    # Behind the scenes.

    def _dial(self, account: Account, state: ConnectionState) -> None:
        why = self.model.connection.reason if state is ConnectionState.RETRYING else ""
        self.model.apply(ConnectionChanged(state, why))
        try:
            self._dialling = Dialling(account.host, account.port, self._bell.ring)
        except RuntimeError as problem:
            self._not_in(events.SignInRefused(f"No thread to dial with: {problem}", retry=True))

    def _look_at_dialling(self) -> None:
        outcome = self._dialling.outcome() if self._dialling is not None else None
        if outcome is None or self._account is None:
            return
        self._dialling = None
        if isinstance(outcome, Stream):
            self._connected(outcome, self._account)
        else:
            self._not_in(events.SignInRefused(outcome, retry=True))

    def _connected(self, stream: Stream, account: Account) -> None:
        try:
            self._connection = Connection(stream, self._bell, self._clock)
        except RuntimeError as problem:
            self._not_in(events.SignInRefused(f"No thread to write with: {problem}", retry=True))
            return
        self.model.wire.note(f"Connected to {account.server}")
        self._in_session = False
        self._early.clear()
        self._dialogue = Dialogue(
            account.user, account.password, self._wish, self._own_ids, self._clock()
        )
        self._start_reader(self._connection.read)

    def _talk(self) -> None:
        """Something was said to the dialogue: take what it learned, send what it wants sent."""
        dialogue, connection = self._dialogue, self._connection
        if dialogue is None or connection is None:
            return
        learned = dialogue.take_events()
        lines = dialogue.take_lines()
        self.model.wire.sent(lines)
        connection.send(lines)
        if dialogue.ending is not None:
            self._drop()
        for event in learned:
            self._learn(event)
        if self.model.connection.state is not ConnectionState.ONLINE and self._has_arrived(
            dialogue
        ):
            self.model.apply(ConnectionChanged(ConnectionState.ONLINE))
        if dialogue.ending is Ending.LOST:
            self._wish = dialogue.wish
            self._away_since = self.model.now()
            self._backoff.session_ended(self._clock() - self._online_since)
            self._wait(dialogue.last_words)

    def _acted(self, lines: list[str]) -> None:
        """The person asks for this, in the room that we are in or on the way to."""
        if self._dialogue is not None:
            self.model.wire.acted(self._dialogue.wish.room or LOBBY, lines)

    def _has_arrived(self, dialogue: Dialogue) -> bool:
        arriving = self._clock() - self._online_since
        return dialogue.is_back or (dialogue.is_online and arriving > _ARRIVING)

    def _learn(self, event: Event) -> None:
        match event:
            case events.SignedIn():
                self._signed_in(event)
            case events.SignInRefused():
                self._not_in(event)
            case events.SignedOut():
                self.model.apply(event)
                self._away_since = self.model.now()
                self._go_offline(event.reason)
                self._notices.append(event)
            case events.PasswordChanged() | events.PasswordRefused() | events.PasswordUnknown():
                self._password_answered(event)
            case events.TextReturned():
                self._notices.append(event)
            case _ if not self._in_session:
                self._early.append(event)
            case _:
                self.model.apply(event)

    def _password_answered(self, outcome: Outcome) -> None:
        if self._account is not None:
            self._account, told = after(self._account, outcome)
            if told is not None:
                self.model.apply(told)
        self._notices.append(outcome)

    def _signed_in(self, event: events.SignedIn) -> None:
        account = self._account
        if account is not None and account.identity != self._identity:
            self._identity = account.identity
            self._away_since = None
            self.model.begin(account.server, account.user)
            self.model.apply(ConnectionChanged(ConnectionState.CONNECTING))
        self.model.apply(event)
        if self._away_since is not None:
            self.model.apply(events.Gap(self._away_since, self.model.now()))
            self._away_since = None
        for early in self._early:
            self.model.apply(early)
        self._in_session = True
        if not self._coming_back:
            self._notices.append(event)
        elif account is not None and account.before:
            self._password_answered(events.PasswordChanged(account.password))
        self._coming_back = True
        self._online_since = self._clock()

    def _not_in(self, refused: events.SignInRefused) -> None:
        """A try came to nothing: a session that was lost goes on trying, a first one does not."""
        if self._coming_back and refused.retry:
            self._wait(refused.reason, at_least=refused.after)
        elif self._coming_back and self._account and old_one_is_left(self._account, refused):
            self._password_answered(events.PasswordRefused(NOT_CHANGED))
            self._dial(self._account, ConnectionState.RETRYING)
        else:
            self._go_offline(refused.reason)
            self._notices.append(refused)

    def _wait(self, reason: str, at_least: float = 0.0) -> None:
        pause = max(self._backoff.next_pause(), at_least)
        self._retry_at = self._clock() + pause
        self.model.apply(
            ConnectionChanged(ConnectionState.WAITING, reason, float(math.ceil(pause)))
        )

    def _count_down(self, left: float) -> None:
        shown = self.model.connection
        seconds = float(math.ceil(left))
        if shown.retry_in != seconds:
            self.model.apply(ConnectionChanged(shown.state, shown.reason, seconds))

    def _go_offline(self, reason: str) -> None:
        self._account = None
        self._coming_back = False
        self._retry_at = None
        self.model.apply(ConnectionChanged(ConnectionState.OFFLINE, reason))

    def _drop(self) -> None:
        """Let go of what is connected or being tried."""
        if self._dialling is not None:
            self._dialling.cancel()
        if self._connection is not None:
            self._connection.close()
        self._dialling = self._connection = self._dialogue = None
