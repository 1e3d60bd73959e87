"""ChatSession: one user at one server, from sign-in to sign-out, with reconnects."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import count

from chat_server.wire import EVERYONE, LOBBY, replies
from chat_tui import events
from chat_tui.account import Account, Address, make_account
from chat_tui.events import (
    ConnectionChanged,
    ConnectionState,
    Event,
    PageKind,
    TrustDecision,
)
from chat_tui.input import Submission, parse_submission
from chat_tui.model import ChatModel, Location
from chat_tui.protocol import ClientProtocol, EndReason, ProtocolState, RestoreTarget
from chat_tui.session.connector import Connector, open_connection, resolved_account
from chat_tui.session.credentials import (
    NOT_CHANGED,
    Outcome,
    credentials_after,
    should_retry_old_password,
)
from chat_tui.session.history_memory import HistoryMemory
from chat_tui.session.model_feed import ModelFeed
from chat_tui.session.pump import pump_inbox
from chat_tui.session.reconnect import Reconnector
from chat_tui.session.server_rotation import ServerRotation
from chat_tui.session.suspension import SuspensionDetector
from chat_tui.storage import KnownServers, StampStore
from chat_tui.transport import Backoff, Connected, Connection, Wakeup


class ChatSession:
    """Everything between the screens and the wire.

    All methods are called by the screen's thread and return at once. Events are applied to `model`.
    Those that the screen has to act upon are in `take_notices`.

    The screen calls `pump` after each `wake`, and `tick` about four times a second.
    """

    def __init__(
        self,
        model: ChatModel,
        start_reader: Callable[[Callable[[], None]], None],
        wake: Callable[[], None],
        known: KnownServers,
        *,
        stamps: StampStore | None = None,
        clock: Callable[[], float] = time.monotonic,
        backoff: Backoff | None = None,
    ) -> None:
        """Create a session without a connection.

        `start_reader` runs a function in a new thread and returns at once. The function blocks in
        `recv` and ends soon after the connection has ended. `wake` may be called from any thread.
        It asks the screen's thread to call `pump` soon, and is not called again before that.
        `known`: the servers with pinned keys. `stamps`: the store of what the user has read. None:
        that lasts until the process ends.
        """
        self.model = model
        self._start_reader = start_reader
        self._wakeup = Wakeup(wake)
        self._clock = clock
        self._connector = Connector(known, self._wakeup.notify)
        self._reconnector = Reconnector(model, clock, backoff or Backoff())
        self._model_feed = ModelFeed(model)
        self._history = HistoryMemory(model, stamps)
        self.observe: Callable[[Event], None] = lambda event: None
        """Called with each event of a connection, before the model changes."""
        self._own_ids = count(1)
        self._notices: list[Event] = []
        self._account: Account | None = None  # None: offline, and no attempt is under way
        self.connected_to: Account | None = None
        """The resolved account (`resolved_account`) of the current or last connection."""
        self.fingerprint = ""
        """Fingerprint of the server's key; empty without TLS."""
        self._rotation = ServerRotation()
        self._address: Address = ("", 0)  # the server that was tried last
        self._waits_for_servers = False
        self._servers_unreachable = False  # a server of this round has no other servers
        self._target = RestoreTarget()
        self._connection: Connection | None = None
        self._protocol = ClientProtocol.closed()  # of `_connection`; closed if there is none
        self._suspension = SuspensionDetector(clock())

    # Connecting and disconnecting

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
        since: str = "",
        uses_history: bool = True,
        others: Sequence[Address] = (),
        waits_for_servers: bool = False,
    ) -> None:
        """Resolve, connect and log in. An earlier connection is closed.

        The outcome is a `SignedIn` or a `SignInFailed` in `take_notices`, or a `KeyUnknown`: then
        nothing is sent until `trust` is called. `room`: join it at once. `follow_everyone`:
        subscribe to "*". `follow`: subscribe to these users. `plaintext`: do not encrypt.
        `since`: the log of the room begins at this time, as the server reads it. `uses_history`:
        False requests no past messages. `others`: more servers of the same chat. They are tried in
        order, and at random after a lost connection. `waits_for_servers`: True retries as long as
        the servers cannot reach each other, after a `SignInPostponed`. The model is emptied after
        the login, unless the same user came back to the same server.
        """
        self.cancel()
        requested = make_account(host, port, user, password, plaintext=plaintext, others=others)
        if requested.problem is not None:
            self._notices.append(events.SignInFailed(requested.problem, retry=False))
            return
        self._account = requested
        everyone = (EVERYONE,) if follow_everyone else ()
        self._target = RestoreTarget(
            room, frozenset((*follow, *everyone)), since=since, uses_history=uses_history
        )
        self._reconnector.begin()
        self._rotation.begin(requested.addresses)
        self._waits_for_servers, self._servers_unreachable = waits_for_servers, False
        self._dial_next(requested, ConnectionState.CONNECTING)

    def trust(self, decision: TrustDecision) -> None:
        """Answer a `KeyUnknown`: sign in if the server still has that key, or give up."""
        if (failure := self._connector.trust(decision)) is not None:
            self._sign_in_failed(failure)

    def cancel(self) -> None:
        """Cancel the attempt under way, or sign out. Offline at once, without a `SignedOut`."""
        if self._protocol.is_online:
            self._protocol.connection_lost("", self._clock())
            self._model_feed.session_ended()
            for event in self._protocol.take_events():
                self._handle_event(event)
        self._disconnect()
        self._model_feed.disconnected()
        if self._account is not None:
            self._go_offline("")

    def close(self) -> None:
        """Close for good. All threads end soon; the call waits for none. May be called twice."""
        self._history.save()
        self._disconnect()
        self._account = None
        self._reconnector.give_up()

    def retry_now(self) -> None:
        """Reconnect at once instead of after the delay. No effect unless a retry is scheduled."""
        if self._account is not None and self._reconnector.is_waiting:
            self._reconnector.stop_waiting()
            self._dial_next(self._account, ConnectionState.RETRYING)

    @property
    def servers(self) -> tuple[Address, ...]:
        """The servers of the chat. Empty while signed out."""
        return () if self._account is None else self._account.addresses

    @property
    def address(self) -> Address:
        """The server in use, or the one that was tried last."""
        return self._address

    def use_server(self, address: Address) -> None:
        """Reconnect, with `address` first, which is one of `servers`.

        What waits for a confirmation is settled as after a lost connection.
        """
        if self._protocol.is_online:
            self._protocol.connection_lost("Changing the server", self._clock())
            self._flush_protocol()
        if self._reconnector.is_waiting and address in self.servers:
            self._start_round()
            self._rotation.prefer(address)
            self.retry_now()

    @property
    def can_send_now(self) -> bool:
        """True if a text typed now would be sent at once, to the model's current room."""
        return self._protocol.can_send_now

    # Requests of the user

    def submit(self, text: str, recipient: str = "") -> None:
        """Submit the composer's text, and keep it in `model.histories`.

        A single line that begins with "/" is a command ("//" is a text with one "/"). Each
        line of a multi-line text is sent as a message, to the room or to `recipient` alone. What
        cannot be sent comes back as `TextReturned`.
        """
        submission = self._parse_submission(text, recipient)
        if self._connection is None and text.strip() == "/quit":
            self.cancel()
            self._notices.append(events.SignedOut("Goodbye", requested=True))
        else:
            self._send(submission)

    def _parse_submission(self, text: str, recipient: str) -> Submission:
        location = self.model.compose_location
        if recipient:
            location = Location.private(recipient)
        elif location.is_private:  # the user has opened a conversation since
            location = Location(self.model.room)
        self.model.histories.add(text, location)
        submission = parse_submission(text, recipient)
        room = submission.requested_room
        if room is not None and self.model.capabilities.rooms:
            self.model.room_requested(room)
        return submission

    def _send(self, submission: Submission) -> None:
        self._record_last_action(submission.wire_lines)
        self._protocol.submit(submission, self._clock())
        self._flush_protocol()

    def join(self, room: str) -> None:
        """Join a room. Texts typed from now on wait for the server's answer."""
        self._record_last_action([f"/join {room}"])
        self._protocol.join(room, self._clock())
        self._flush_protocol()

    def toggle_follow(self, name: str) -> None:
        """Follow a user ("*": everyone) or stop following. No effect for the user's own name."""
        command = self._protocol.toggle_follow(name, self._clock())
        self._record_last_action([command] if command else [])
        self._flush_protocol()

    def follow(self, name: str) -> None:
        """Follow a user ("*": everyone). No effect if that is so, or is requested already."""
        command = self._protocol.follow(name, self._clock())
        self._record_last_action([command] if command else [])
        self._flush_protocol()

    def change_password(self, old: str, new: str) -> None:
        """Request a password change. The passwords are kept only to reconnect with.

        The outcome is a `PasswordChanged`, `PasswordChangeFailed` or `PasswordChangeUncertain` in
        `take_notices`.
        """
        self._protocol.change_password(old, new, self._clock())
        self._flush_protocol()

    def resend(self, entry_id: int) -> bool:
        """Send an unconfirmed message of the location in view again, as a new entry.

        Return False, and change nothing, if the message is not unconfirmed or the client is not in
        the room: not connected, reconnecting, or changing the room.
        """
        if not self._protocol.can_send_now:
            return False
        text = self.model.mark_resent(entry_id)
        if text is None:
            return False
        self._send(parse_submission(text, self.model.location.partner))
        return True

    # Requests for past messages
    #
    # Each returns False, and nothing happens, if it cannot be sent: the server has no history,
    # there is no session, or the user is not in the room (or is changing the room). After True, a
    # `HistoryPage` or `HistoryRequestFailed` of that place and kind follows in the model, unless
    # the connection is lost. Stamps are texts as the server writes them.

    def request_earlier(self, location: str, before: str) -> bool:
        """Request the messages of a room or conversation before a stamp: a page of kind EARLIER."""
        return self._request_page(location, PageKind.EARLIER, before)

    def request_later(self, location: str, after: str) -> bool:
        """Request the messages of a room or conversation after a stamp: a page of kind LATER."""
        return self._request_page(location, PageKind.LATER, after)

    def request_around(self, location: str, stamp: str) -> bool:
        """Request the message with this stamp and its surroundings: one page of kind AROUND."""
        return self._request_page(location, PageKind.AROUND, stamp)

    def search_history(self, words: str) -> bool:
        """Search the history of the current room: a page of kind FOUND, with at most 20 messages.

        Also False if the server cannot search.
        """
        return self._request_page(self.model.room, PageKind.FOUND, words)

    def read_private(self, partner: str) -> None:
        """Record that the user reads the conversation with `partner` now.

        The server's unread number of it falls to zero, and what the client does not have of the
        conversation is requested: pages of kind FIRST and MISSED, then `CaughtUp`. No effect
        without a session or on servers without history.
        """
        self._protocol.read_private(partner, self._clock())
        self._flush_protocol()

    def _request_page(self, location: str, kind: PageKind, subject: str) -> bool:
        is_sent = self._protocol.request_page(location, kind, subject, self._clock())
        self._flush_protocol()
        return is_sent

    # Calls of the screen's event loop

    def pump(self, max_events: int = 500, max_seconds: float = 0.008) -> bool:
        """Process received lines within these limits. True if more are waiting: call again soon.

        After True, `wake` is not called.
        """
        self._wakeup.clear()
        self._poll_connector()
        connection, protocol = self._connection, self._protocol
        if connection is None:
            return False

        def flush_and_check() -> bool:
            self._flush_protocol()
            return self._connection is connection

        wire, clock = self.model.wire, self._clock
        if not pump_inbox(
            connection.inbox, protocol, wire, clock, flush_and_check, max_events, max_seconds
        ):
            return False
        ended = connection.inbox.ended
        if ended is not None:
            self.model.wire.note(ended)
            protocol.connection_lost(ended, self._clock())
            self._flush_protocol()
        elif len(connection.inbox):
            self._wakeup.suppress()
            return True
        return False

    def tick(self) -> None:
        """Handle heartbeats, retries and the countdown. Called about four times a second."""
        now = self._clock()
        self._history.tick()
        was_suspended = self._suspension.tick(now)
        self._poll_connector()
        if self._connection is not None:
            if was_suspended:  # the bytes that arrived meanwhile have not been read yet
                self._protocol.bytes_received(now)
                return
            waiting = len(self._connection.inbox) > 0
            self._protocol.bytes_received(now if waiting else self._connection.received_at)
            self._protocol.tick(now)
            self._flush_protocol()
        elif self._reconnector.is_due(now):
            self.retry_now()

    def take_notices(self) -> list[Event]:
        """Return the events since the last call that the screen has to act upon, in order.

        `SignedIn`: show the chat. `KeyUnknown`: ask the user and pass the decision to `trust`.
        `PasswordCheckPending`, `SignInPostponed`: show what the first sign-in waits for.
        `SignInFailed`, `KeyChanged`: go back to the login form and show why (also if a reconnect
        fails for good). `SignedOut`: no retry follows; show why and offer to sign in again, or quit
        if it was `requested` by /quit.
        `TextReturned`: put the text back into the composer and show why. `PasswordChanged`,
        `PasswordChangeFailed`, `PasswordChangeUncertain`: the outcome of a change, also of one
        typed as a command. After the last, one of the other two follows once the client has
        reconnected.
        """
        taken, self._notices = self._notices, []
        return taken

    # Internals

    def _dial_next(self, account: Account, state: ConnectionState) -> None:
        self._address = self._rotation.take()
        self._dial(account, state)

    def _start_round(self) -> None:
        self._rotation.start_round(self._address)
        self._servers_unreachable = False

    def _dial(self, account: Account, state: ConnectionState) -> None:
        """Dial the server that was tried last."""
        reason = self.model.connection.reason if state is ConnectionState.RETRYING else ""
        self.model.apply(ConnectionChanged(state, reason))
        siblings = [other for other in account.addresses if other != self._address]
        if (failure := self._connector.dial(account.at(self._address), siblings)) is not None:
            self._sign_in_failed(failure)

    def _poll_connector(self) -> None:
        account, outcome = self._account, self._connector.outcome()
        match outcome:
            case Connected() if account is not None:
                self._connected(outcome, account)
            case events.SignInFailed(reason):
                # A reconnect retries without a message elsewhere, so the wire log needs it.
                self.model.wire.note(reason)
                self._sign_in_failed(outcome)
            case events.KeyUnknown():
                self._notices.append(outcome)
            case events.KeyChanged():
                self._go_offline(f"The key of {outcome.server} has changed")
                self._notices.append(outcome)

    def _connected(self, connected: Connected, account: Account) -> None:
        connection = open_connection(connected, self._wakeup, self._clock)
        if isinstance(connection, events.SignInFailed):
            self._sign_in_failed(connection)
            return
        self._connection = connection
        self.connected_to = resolved_account(account.at(self._address), connected)
        self.fingerprint = connected.fingerprint
        how = f"encrypted, key {connected.fingerprint}" if connected.fingerprint else "unencrypted"
        self.model.wire.note(f"Connected to {self.connected_to.server}, {how}")
        self._model_feed.connected()
        self._protocol = ClientProtocol(
            account.user,
            account.password,
            self._target,
            self._own_ids,
            self._clock(),
            self._history.connecting(account),
        )
        self._start_reader(connection.read)

    def _flush_protocol(self) -> None:
        """Process the protocol's output: send its lines, handle its events, check its state."""
        protocol, connection = self._protocol, self._connection
        learned = protocol.take_events()
        if connection is not None:
            lines = protocol.take_lines()
            self.model.wire.sent(lines)
            connection.send(lines)
        if protocol.end_reason is not None:
            self._disconnect()
        for event in learned:
            self._handle_event(event)
        if protocol.end_reason is not None:
            self._model_feed.disconnected()
        is_ready = protocol.is_restored or (
            protocol.is_online and self._reconnector.is_restore_overdue
        )
        if is_ready and self.model.connection.state is not ConnectionState.ONLINE:
            account, reached = self._account, self.connected_to
            server = reached.server if account and account.others and reached else ""
            online = ConnectionState.ONLINE
            encrypted = bool(self.fingerprint)
            self.model.apply(ConnectionChanged(online, encrypted=encrypted, server=server))
        if protocol.end_reason is EndReason.LOST:
            self._target = protocol.restore_target
            self._model_feed.session_ended()
            self._start_round()
            self._reconnector.lost(protocol.final_message)

    def _record_last_action(self, lines: list[str]) -> None:
        """Record the wire lines of a request, and the room that it is for: also one on the way."""
        if self._protocol.state is not ProtocolState.CLOSED:
            self.model.wire.record_action(self._protocol.restore_target.room or LOBBY, lines)

    def _handle_event(self, event: Event) -> None:
        self.observe(event)
        match event:
            case events.SignedIn():
                self._signed_in(event)
            case events.SignInFailed():
                self._sign_in_failed(event)
            case events.PasswordCheckPending():
                self._password_check_pending(event)
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
            case events.TextReturned() | events.SubscriptionsRejected():
                self._notices.append(event)
            case _:
                self._model_feed.handle_event(event)

    def _password_answered(self, outcome: Outcome) -> None:
        if self._account is not None:
            self._account, notice = credentials_after(self._account, outcome)
            if notice is not None:
                self.model.apply(notice)
        self._notices.append(outcome)

    def _signed_in(self, event: events.SignedIn) -> None:
        account = self._account
        if account is None:
            return
        # With several servers, the first one names the account: its files are kept for all.
        named = account if account.others else self.connected_to or account
        self._model_feed.signed_in(event, account, named.server)
        self._history.signed_in(account)
        if not self._reconnector.was_online:
            self._notices.append(event)
        elif account.previous_password:
            self._password_answered(events.PasswordChanged(account.password))
        self._reconnector.signed_in()

    def _sign_in_failed(self, failure: events.SignInFailed) -> None:
        """Try the next server, or retry if a session was lost. A first sign-in is not retried.

        The delay is between two rounds of all servers, or as long as the server requested.
        """
        was_online, account = self._reconnector.was_online, self._account
        self._servers_unreachable |= replies.is_servers_unreachable(failure.reason)
        can_retry = failure.retry and not failure.untrusted and account is not None
        if can_retry and account and not failure.after and self._rotation.has_untried:
            state = ConnectionState.RETRYING if was_online else ConnectionState.CONNECTING
            self._dial_next(account, state)
        elif can_retry and self._waits_for_servers and self._servers_unreachable and not was_online:
            self._start_round()
            self._reconnector.schedule_retry(failure.reason, min_delay=failure.after)
            self._notices.append(events.SignInPostponed())
        elif was_online and failure.retry:
            self._start_round()
            self._reconnector.schedule_retry(failure.reason, min_delay=failure.after)
        elif was_online and self._account and should_retry_old_password(self._account, failure):
            self._password_answered(events.PasswordChangeFailed(NOT_CHANGED))
            self._dial(self._account, ConnectionState.RETRYING)
        else:
            self._go_offline(failure.reason)
            self._notices.append(failure)

    def _password_check_pending(self, event: events.PasswordCheckPending) -> None:
        self.model.apply(replace(self.model.connection, checking_password=True))
        if not self._reconnector.was_online:
            self._notices.append(event)

    def _go_offline(self, reason: str) -> None:
        self._account = None
        self._reconnector.give_up()
        self.model.apply(ConnectionChanged(ConnectionState.OFFLINE, reason))

    def _disconnect(self) -> None:
        """Close the connection, or cancel the attempt under way."""
        self._connector.cancel()
        if self._connection is not None:
            if self._protocol.is_login_pending:
                # The login must leave the server's queue. If it came to its turn later, it would
                # end the session of a login that the user has made since.
                self._connection.abort()
            else:
                self._connection.close()
        self._connection = None
        self._protocol = ClientProtocol.closed()
