"""ChatSession: one person at one server, from signing in to leaving, lost connections included."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from itertools import count
from typing import Final

from chat_server.wire import EVERYONE, LOBBY
from chat_tui import events
from chat_tui.account import Account, account
from chat_tui.events import ConnectionChanged, ConnectionState, Event, TrustDecision
from chat_tui.input import Submission, parse_submission
from chat_tui.model import ChatModel
from chat_tui.protocol import NOT_CONNECTED, ClientProtocol, EndReason, RestoreTarget
from chat_tui.session.connector import Connector, resolved_account
from chat_tui.session.credentials import (
    NOT_CHANGED,
    Outcome,
    credentials_after,
    should_retry_old_password,
)
from chat_tui.session.model_feed import ModelFeed
from chat_tui.session.pump import pump_inbox
from chat_tui.session.reconnect import Reconnector
from chat_tui.storage import KnownServers
from chat_tui.transport import Backoff, Connected, Connection, Wakeup

_SUSPENDED_SECONDS: Final = 5.0
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
        self._wakeup = Wakeup(wake)
        self._clock = clock
        self._connector = Connector(known, self._wakeup.notify)
        self._reconnector = Reconnector(model, clock, backoff or Backoff())
        self._model_feed = ModelFeed(model)
        self._own_ids = count(1)
        self._notices: list[Event] = []
        self._account: Account | None = None  # None: nothing is being tried
        self.connected_to: Account | None = None
        """Where the connection that is or was last really leads (`really`), and for whom."""
        self.fingerprint = ""
        """Of the server's key there; empty: unencrypted."""
        self._target = RestoreTarget()
        self._connection: Connection | None = None
        self._protocol: ClientProtocol | None = None
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

        The outcome is a `SignedIn` or a `SignInFailed` in `take_notices`, or a `KeyUnknown` that
        wants an answer (`trust`) before anything is sent. `room`: go there at once.
        `follow_everyone`: subscribe to "*"; `follow`: to these. `plaintext`: do not encrypt. The
        model is emptied once we are in, unless the same user came back to the same server.
        """
        self.cancel()
        asked = account(host, port, user, password, plaintext=plaintext)
        if asked.problem is not None:
            self._notices.append(events.SignInFailed(asked.problem, retry=False))
            return
        self._account = asked
        everyone = (EVERYONE,) if follow_everyone else ()
        self._target = RestoreTarget(room, frozenset((*follow, *everyone)))
        self._reconnector.begin()
        self._dial(asked, ConnectionState.CONNECTING)

    def trust(self, decision: TrustDecision) -> None:
        """The answer to a `KeyUnknown`: sign in if the server still has that key, or do not."""
        if (refused := self._connector.trust(decision)) is not None:
            self._sign_in_failed(refused)

    def cancel(self) -> None:
        """Give up what is under way, or sign out: offline at once. `sign_in` may follow.

        No `SignedOut` comes of it.
        """
        if self._protocol is not None and self._protocol.is_online:
            self._protocol.connection_lost("", self._clock())
            self._model_feed.session_ended()
            for event in self._protocol.take_events():
                self._handle_event(event)
        self._disconnect()
        if self._account is not None:
            self._go_offline("")

    def close(self) -> None:
        """Leave for good: every thread ends soon, none is waited for. May be called twice."""
        self._disconnect()
        self._account = None
        self._reconnector.give_up()

    def retry_now(self) -> None:
        """While a connection is lost: try at once instead of when the pause is over."""
        if self._account is not None and self._reconnector.is_waiting:
            self._reconnector.stop_waiting()
            self._dial(self._account, ConnectionState.RETRYING)

    @property
    def is_in_room(self) -> bool:
        """Whether what is said now is said at once, in the room that the model has."""
        return self._protocol is not None and self._protocol.is_in_room

    # What the person wants.

    def submit(self, text: str, recipient: str = "") -> None:
        """What Enter in the composer gave: one line or several. Kept in `model.history`.

        A single line that begins with "/" is a command ("//" a text with one "/"); of several
        lines each is sent as text: to the room, or to `to` alone. What can't be sent now comes
        back as `TextReturned`.
        """
        submission = self._parse_submission(text, recipient)
        if self._protocol is not None:
            self._send(submission)
        elif text.strip() == "/quit":
            self.cancel()
            self._notices.append(events.SignedOut("Goodbye", requested=True))
        else:
            self._notices.append(events.TextReturned(text, NOT_CONNECTED, submission.place))

    def _parse_submission(self, text: str, recipient: str) -> Submission:
        self.model.history.add(text)
        submission = parse_submission(text, recipient)
        room = submission.requested_room
        if room is not None and self.model.capabilities.rooms:
            self.model.room_requested(room)
        return submission

    def _send(self, submission: Submission) -> None:
        if self._protocol is not None:
            self._record_last_action(submission.wire_lines)
            self._protocol.submit(submission, self._clock())
            self._flush_protocol()

    def join(self, room: str) -> None:
        """Go to `room`. What is typed from here on waits for the answer."""
        if self._protocol is not None:
            self._record_last_action([f"/join {room}"])
            self._protocol.join(room, self._clock())
            self._flush_protocol()
        else:
            self.model.apply(events.JoinFailed(room, "Not connected"))

    def toggle_follow(self, name: str) -> None:
        """Follow `name` ("*": everyone), or no longer. Nothing happens for our own name."""
        if self._protocol is not None:
            asked = self._protocol.toggle_follow(name, self._clock())
            self._record_last_action([asked] if asked else [])
            self._flush_protocol()

    def change_password(self, old: str, new: str) -> None:
        """Ask the server for another password; neither is kept but to come back with.

        What comes of it is a `PasswordChanged`, `PasswordChangeFailed` or
        `PasswordChangeUncertain` in
        `take_notices`.
        """
        if self._protocol is None:
            self._notices.append(events.PasswordChangeFailed(NOT_CONNECTED))
            return
        self._protocol.change_password(old, new, self._clock())
        self._flush_protocol()

    def resend(self, entry_id: int) -> bool:
        """Send an unconfirmed message of the place in view again, as a new entry.

        False, and nothing changes, where it is not unconfirmed, or where we are not in the room:
        not connected, on the way back to it, on the way to another.
        """
        if self._protocol is None or not self._protocol.is_in_room:
            return False
        text = self.model.mark_resent(entry_id)
        if text is None:
            return False
        self._send(parse_submission(text, self.model.private_with))
        return True

    # What the screen asks for.

    def pump(self, max_events: int = 500, max_seconds: float = 0.008) -> bool:
        """Take in what arrived, at most so much; True where more is waiting: call again soon.

        While it returned True, `wake` does not fire.
        """
        self._wakeup.clear()
        self._poll_connector()
        connection, dialogue = self._connection, self._protocol
        if connection is None or dialogue is None:
            return False

        def goes_on() -> bool:
            self._flush_protocol()
            return self._connection is connection

        wire, clock = self.model.wire, self._clock
        if not pump_inbox(
            connection.inbox, dialogue, wire, clock, goes_on, max_events, max_seconds
        ):
            return False
        ended = connection.inbox.ended
        if ended is not None:
            self.model.wire.note(ended)
            dialogue.connection_lost(ended, self._clock())
            self._flush_protocol()
        elif len(connection.inbox):
            self._wakeup.suppress()
            return True
        return False

    def tick(self) -> None:
        """Time has passed: heartbeats, retries, the countdown. About four times a second."""
        now = self._clock()
        stood_still = now - self._last_tick > _SUSPENDED_SECONDS
        self._last_tick = now
        self._poll_connector()
        if self._protocol is not None and self._connection is not None:
            if stood_still:  # what has come meanwhile is still to be read
                self._protocol.bytes_received(now)
                return
            waiting = len(self._connection.inbox) > 0
            self._protocol.bytes_received(now if waiting else self._connection.heard_at)
            self._protocol.tick(now)
            self._flush_protocol()
        elif self._reconnector.is_due(now):
            self.retry_now()

    def take_notices(self) -> list[Event]:
        """What the screen has to act upon since the last call, in order.

        `SignedIn`: the chat may be shown. `KeyUnknown`: ask, and tell the answer to `trust`.
        `SignInFailed`, `KeyChanged`: back to the form, and why (also when a reconnect fails for
        good). `SignedOut`: it will not be retried; say why and offer to sign in again, or leave
        where it was `asked` for by /quit. `TextReturned`: put it back into the composer, say why.
        `PasswordChanged`, `PasswordChangeFailed`, `PasswordChangeUncertain`: what became of a
        change, also of
        one that was typed; of the last, one of the others tells more once we are back.
        """
        taken, self._notices = self._notices, []
        return taken

    # Behind the scenes.

    def _dial(self, account: Account, state: ConnectionState) -> None:
        why = self.model.connection.reason if state is ConnectionState.RETRYING else ""
        self.model.apply(ConnectionChanged(state, why))
        if (refused := self._connector.dial(account)) is not None:
            self._sign_in_failed(refused)

    def _poll_connector(self) -> None:
        account, outcome = self._account, self._connector.outcome()
        match outcome:
            case Connected() if account is not None:
                self._connected(outcome, account)
            case events.SignInFailed(reason):
                self.model.wire.note(reason)  # coming back goes on, and this may be a wall
                self._sign_in_failed(outcome)
            case events.KeyUnknown():
                self._notices.append(outcome)
            case events.KeyChanged():
                self._go_offline(f"The key of {outcome.server} has changed")
                self._notices.append(outcome)

    def _connected(self, connected: Connected, account: Account) -> None:
        try:
            self._connection = Connection(connected.stream, self._wakeup, self._clock)
        except RuntimeError as problem:
            self._sign_in_failed(
                events.SignInFailed(f"No thread to write with: {problem}", retry=True)
            )
            return
        self.connected_to, self.fingerprint = (
            resolved_account(account, connected),
            connected.fingerprint,
        )
        how = f"encrypted, key {connected.fingerprint}" if connected.fingerprint else "unencrypted"
        self.model.wire.note(f"Connected to {self.connected_to.server}, {how}")
        self._model_feed.connected()
        self._protocol = ClientProtocol(
            account.user, account.password, self._target, self._own_ids, self._clock()
        )
        self._start_reader(self._connection.read)

    def _flush_protocol(self) -> None:
        """Something was said to the dialogue: take what it learned, send what it wants sent."""
        dialogue, connection = self._protocol, self._connection
        if dialogue is None or connection is None:
            return
        learned = dialogue.take_events()
        lines = dialogue.take_lines()
        self.model.wire.sent(lines)
        connection.send(lines)
        if dialogue.end_reason is not None:
            self._disconnect()
        for event in learned:
            self._handle_event(event)
        arrived = dialogue.is_restored or (
            dialogue.is_online and self._reconnector.is_restore_overdue
        )
        if arrived and self.model.connection.state is not ConnectionState.ONLINE:
            encrypted = bool(self.fingerprint)
            self.model.apply(ConnectionChanged(ConnectionState.ONLINE, encrypted=encrypted))
        if dialogue.end_reason is EndReason.LOST:
            self._target = dialogue.restore_target
            self._model_feed.session_ended()
            self._reconnector.lost(dialogue.final_message)

    def _record_last_action(self, lines: list[str]) -> None:
        """The person asks for this, in the room that we are in or on the way to."""
        if self._protocol is not None:
            self.model.wire.record_action(self._protocol.restore_target.room or LOBBY, lines)

    def _handle_event(self, event: Event) -> None:
        match event:
            case events.SignedIn():
                self._signed_in(event)
            case events.SignInFailed():
                self._sign_in_failed(event)
            case events.SignedOut():
                self.model.apply(event)
                self._model_feed.session_ended()
                self._go_offline(event.reason)
                self._notices.append(event)
            case (
                events.PasswordChanged()
                | events.PasswordChangeFailed()
                | events.PasswordChangeUncertain()
            ):
                self._password_answered(event)
            case events.TextReturned():
                self._notices.append(event)
            case _:
                self._model_feed.handle_event(event)

    def _password_answered(self, outcome: Outcome) -> None:
        if self._account is not None:
            self._account, told = credentials_after(self._account, outcome)
            if told is not None:
                self.model.apply(told)
        self._notices.append(outcome)

    def _signed_in(self, event: events.SignedIn) -> None:
        account = self._account
        if account is None:
            return
        self._model_feed.signed_in(event, account, (self.connected_to or account).server)
        if not self._reconnector.was_online:
            self._notices.append(event)
        elif account.previous_password:
            self._password_answered(events.PasswordChanged(account.password))
        self._reconnector.signed_in()

    def _sign_in_failed(self, failure: events.SignInFailed) -> None:
        """A try came to nothing: a session that was lost goes on trying, a first one does not."""
        was_in = self._reconnector.was_online
        if was_in and failure.retry:
            self._reconnector.schedule_retry(failure.reason, min_delay=failure.after)
        elif was_in and self._account and should_retry_old_password(self._account, failure):
            self._password_answered(events.PasswordChangeFailed(NOT_CHANGED))
            self._dial(self._account, ConnectionState.RETRYING)
        else:
            self._go_offline(failure.reason)
            self._notices.append(failure)

    def _go_offline(self, reason: str) -> None:
        self._account = None
        self._reconnector.give_up()
        self.model.apply(ConnectionChanged(ConnectionState.OFFLINE, reason))

    def _disconnect(self) -> None:
        """Let go of what is connected or being tried."""
        self._connector.cancel()
        if self._connection is not None:
            self._connection.close()
        self._connection = self._protocol = None
