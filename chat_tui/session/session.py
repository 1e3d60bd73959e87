"""ChatSession: one person at one server, from signing in to leaving, lost connections included."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from itertools import count
from typing import Final

from chat_server.wire.protocol import EVERYONE, LOBBY
from chat_tui import events
from chat_tui.account import Account, account
from chat_tui.events import ConnectionChanged, ConnectionState, Event, Trust
from chat_tui.input.parser import typed_lines, wire_form
from chat_tui.model.chat_model import ChatModel
from chat_tui.protocol import NOT_CONNECTED, Dialogue, Ending
from chat_tui.protocol.restore_target import Wish
from chat_tui.session.connector import Approach, really
from chat_tui.session.credentials import NOT_CHANGED, Outcome, after, old_one_is_left
from chat_tui.session.model_feed import Continuity
from chat_tui.session.pump import take_in
from chat_tui.session.reconnect import Reconnecting
from chat_tui.storage.known_servers import KnownServers
from chat_tui.transport.backoff import Backoff
from chat_tui.transport.connection import Connection
from chat_tui.transport.outcome import Reached
from chat_tui.transport.wakeup import Bell

_STOPPED: Final = 5.0
"""Seconds between two ticks that tell that the whole program stood still (Ctrl+Z, a closed lid):
the silence of that time says nothing about the server."""


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
        known: KnownServers,
        *,
        clock: Callable[[], float] = time.monotonic,
        backoff: Backoff | None = None,
    ) -> None:
        """Nothing is connected yet.

        `start_reader` runs the function it is given in a thread and returns at once; that function
        blocks in `recv` and ends by itself soon after the connection is over. `wake` may be called
        from any thread; it asks the screen's thread to call `pump` soon, and is not called again
        before that. `known`: the servers whose keys are trusted.
        """
        self.model = model
        self._start_reader = start_reader
        self._bell = Bell(wake)
        self._clock = clock
        self._approach = Approach(known, self._bell.ring)
        self._reconnecting = Reconnecting(model, clock, backoff or Backoff())
        self._continuity = Continuity(model)
        self._own_ids = count(1)
        self._notices: list[Event] = []
        self._account: Account | None = None  # None: nothing is being tried
        self.connected_to: Account | None = None
        """Where the connection that is or was last really leads (`really`), and for whom."""
        self.fingerprint = ""
        """Of the server's key there; empty: unencrypted."""
        self._wish = Wish()
        self._connection: Connection | None = None
        self._dialogue: Dialogue | None = None
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
        plaintext: bool = False,
    ) -> None:
        """Look up, dial and log in; whatever was connected before is left.

        The outcome is a `SignedIn` or a `SignInRefused` in `take_notices`, or a `KeyUnknown` that
        wants an answer (`trust`) before anything is sent. `room`: go there at once.
        `follow_everyone`: subscribe to "*"; `follow`: to these. `plaintext`: do not encrypt. The
        model is emptied once we are in, unless the same user came back to the same server.
        """
        self.cancel()
        asked = account(host, port, user, password, plaintext=plaintext)
        if asked.problem is not None:
            self._notices.append(events.SignInRefused(asked.problem, retry=False))
            return
        self._account = asked
        everyone = (EVERYONE,) if follow_everyone else ()
        self._wish = Wish(room, frozenset((*follow, *everyone)))
        self._reconnecting.begin()
        self._dial(asked, ConnectionState.CONNECTING)

    def trust(self, answer: Trust) -> None:
        """The answer to a `KeyUnknown`: sign in if the server still has that key, or do not."""
        if (refused := self._approach.trust(answer)) is not None:
            self._not_in(refused)

    def cancel(self) -> None:
        """Give up what is under way, or sign out: offline at once. `sign_in` may follow.

        No `SignedOut` comes of it.
        """
        if self._dialogue is not None and self._dialogue.is_online:
            self._dialogue.lost("", self._clock())
            self._continuity.session_ended()
            for event in self._dialogue.take_events():
                self._learn(event)
        self._drop()
        if self._account is not None:
            self._go_offline("")

    def close(self) -> None:
        """Leave for good: every thread ends soon, none is waited for. May be called twice."""
        self._drop()
        self._account = None
        self._reconnecting.give_up()

    def retry_now(self) -> None:
        """While a connection is lost: try at once instead of when the pause is over."""
        if self._account is not None and self._reconnecting.is_waiting:
            self._reconnecting.end_pause()
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

    # What the screen asks for.

    def pump(self, max_events: int = 500, max_seconds: float = 0.008) -> bool:
        """Take in what arrived, at most so much; True where more is waiting: call again soon.

        While it returned True, `wake` does not fire.
        """
        self._bell.answer()
        self._look_at_approach()
        connection, dialogue = self._connection, self._dialogue
        if connection is None or dialogue is None:
            return False

        def goes_on() -> bool:
            self._talk()
            return self._connection is connection

        wire, clock = self.model.wire, self._clock
        if not take_in(connection.inbox, dialogue, wire, clock, goes_on, max_events, max_seconds):
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
        self._look_at_approach()
        if self._dialogue is not None and self._connection is not None:
            if stood_still:  # what has come meanwhile is still to be read
                self._dialogue.heard(now)
                return
            waiting = len(self._connection.inbox) > 0
            self._dialogue.heard(now if waiting else self._connection.heard_at)
            self._dialogue.tick(now)
            self._talk()
        elif self._reconnecting.is_due(now):
            self.retry_now()

    def take_notices(self) -> list[Event]:
        """What the screen has to act upon since the last call, in order.

        `SignedIn`: the chat may be shown. `KeyUnknown`: ask, and tell the answer to `trust`.
        `SignInRefused`, `KeyChanged`: back to the form, and why (also when a reconnect fails for
        good). `SignedOut`: it will not be retried; say why and offer to sign in again, or leave
        where it was `asked` for by /quit. `TextReturned`: put it back into the composer, say why.
        `PasswordChanged`, `PasswordRefused`, `PasswordUnknown`: what became of a change, also of
        one that was typed; of the last, one of the others tells more once we are back.
        """
        taken, self._notices = self._notices, []
        return taken

    # Behind the scenes.

    def _dial(self, account: Account, state: ConnectionState) -> None:
        why = self.model.connection.reason if state is ConnectionState.RETRYING else ""
        self.model.apply(ConnectionChanged(state, why))
        if (refused := self._approach.dial(account)) is not None:
            self._not_in(refused)

    def _look_at_approach(self) -> None:
        account, outcome = self._account, self._approach.outcome()
        match outcome:
            case Reached() if account is not None:
                self._connected(outcome, account)
            case events.SignInRefused(reason):
                self.model.wire.note(reason)  # coming back goes on, and this may be a wall
                self._not_in(outcome)
            case events.KeyUnknown():
                self._notices.append(outcome)
            case events.KeyChanged():
                self._go_offline(f"The key of {outcome.server} has changed")
                self._notices.append(outcome)

    def _connected(self, reached: Reached, account: Account) -> None:
        try:
            self._connection = Connection(reached.stream, self._bell, self._clock)
        except RuntimeError as problem:
            self._not_in(events.SignInRefused(f"No thread to write with: {problem}", retry=True))
            return
        self.connected_to, self.fingerprint = really(account, reached), reached.fingerprint
        how = f"encrypted, key {reached.fingerprint}" if reached.fingerprint else "unencrypted"
        self.model.wire.note(f"Connected to {self.connected_to.server}, {how}")
        self._continuity.connected()
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
        arrived = dialogue.is_back or (dialogue.is_online and self._reconnecting.is_overdue)
        if arrived and self.model.connection.state is not ConnectionState.ONLINE:
            encrypted = bool(self.fingerprint)
            self.model.apply(ConnectionChanged(ConnectionState.ONLINE, encrypted=encrypted))
        if dialogue.ending is Ending.LOST:
            self._wish = dialogue.wish
            self._continuity.session_ended()
            self._reconnecting.lost(dialogue.last_words)

    def _acted(self, lines: list[str]) -> None:
        """The person asks for this, in the room that we are in or on the way to."""
        if self._dialogue is not None:
            self.model.wire.acted(self._dialogue.wish.room or LOBBY, lines)

    def _learn(self, event: Event) -> None:
        match event:
            case events.SignedIn():
                self._signed_in(event)
            case events.SignInRefused():
                self._not_in(event)
            case events.SignedOut():
                self.model.apply(event)
                self._continuity.session_ended()
                self._go_offline(event.reason)
                self._notices.append(event)
            case events.PasswordChanged() | events.PasswordRefused() | events.PasswordUnknown():
                self._password_answered(event)
            case events.TextReturned():
                self._notices.append(event)
            case _:
                self._continuity.learned(event)

    def _password_answered(self, outcome: Outcome) -> None:
        if self._account is not None:
            self._account, told = after(self._account, outcome)
            if told is not None:
                self.model.apply(told)
        self._notices.append(outcome)

    def _signed_in(self, event: events.SignedIn) -> None:
        account = self._account
        if account is None:
            return
        self._continuity.signed_in(event, account, (self.connected_to or account).server)
        if not self._reconnecting.was_in:
            self._notices.append(event)
        elif account.before:
            self._password_answered(events.PasswordChanged(account.password))
        self._reconnecting.signed_in()

    def _not_in(self, refused: events.SignInRefused) -> None:
        """A try came to nothing: a session that was lost goes on trying, a first one does not."""
        was_in = self._reconnecting.was_in
        if was_in and refused.retry:
            self._reconnecting.wait(refused.reason, at_least=refused.after)
        elif was_in and self._account and old_one_is_left(self._account, refused):
            self._password_answered(events.PasswordRefused(NOT_CHANGED))
            self._dial(self._account, ConnectionState.RETRYING)
        else:
            self._go_offline(refused.reason)
            self._notices.append(refused)

    def _go_offline(self, reason: str) -> None:
        self._account = None
        self._reconnecting.give_up()
        self.model.apply(ConnectionChanged(ConnectionState.OFFLINE, reason))

    def _drop(self) -> None:
        """Let go of what is connected or being tried."""
        self._approach.cancel()
        if self._connection is not None:
            self._connection.close()
        self._connection = self._dialogue = None
