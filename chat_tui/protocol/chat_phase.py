"""ChatPhase: the session on one connection, from the accepted login to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Literal

from chat_server.wire import (
    EVERYONE,
    LOBBY,
    Action,
    ErrorReply,
    Message,
    PrivateMessage,
    Reply,
    ServerLine,
    TextLine,
    canonical_name,
    cluster_replies,
    history_replies,
    operator_replies,
    replies,
)
from chat_tui import events
from chat_tui.events import Event, PageKind
from chat_tui.input import CommandInput, ServerCapabilities, Submission, redact
from chat_tui.protocol.history_sync import HistorySync
from chat_tui.protocol.intent_queue import ActionIntent, Intent, IntentQueue, JoinIntent
from chat_tui.protocol.own_messages import OwnMessages
from chat_tui.protocol.page_reader import Page
from chat_tui.protocol.password_change import PasswordChange
from chat_tui.protocol.pending_requests import (
    Notice,
    ParsedReply,
    Request,
    RequestKind,
    RequestOrigin,
    is_shown,
    is_silence_shown,
    make_request,
    parse_error,
    parse_notice,
    parse_reply,
    rejection_by_unknown_text,
)
from chat_tui.protocol.phase import Ended, EndReason, Phase, ProtocolState
from chat_tui.protocol.poller import Poller
from chat_tui.protocol.private_messages import PrivateIntent, PrivateMessages, with_advice
from chat_tui.protocol.restore_target import RestoreTarget
from chat_tui.protocol.send_queue import SendQueue
from chat_tui.protocol.submission import resolve_join, resolve_submission
from chat_tui.protocol.subscriptions import SubscriptionSync
from chat_tui.protocol.timelines import Timelines, Unconfirmed
from chat_tui.protocol.unsent import UnsentText

_LineKind = Literal["reply", "error", "notice"]


class ChatPhase(Phase):
    """The session on one connection.

    All intents of the user go through one queue (`_queue`), in their order. The queue stops after
    each room change until the server has answered it. So no text can be sent to a room other than
    the one that it was typed for.
    """

    state = ProtocolState.CHAT

    def __init__(
        self,
        name: str,
        commands: tuple[str, ...],
        target: RestoreTarget,
        timelines: Timelines,
        own_ids: Iterator[int],
        emit: Callable[[Event], None],
        now: float,
    ) -> None:
        """Start the session of `name`, who signed in just now, and request what restores `target`.

        `own_ids` generates the ids of own messages. `emit` takes each event for the model.
        """
        super().__init__(emit)
        self._target = target
        self._room = LOBBY
        self._queue = IntentQueue()
        self._unsent = UnsentText(self._queue, emit)
        self._subscriptions = SubscriptionSync(target.subscriptions)
        self._capabilities = ServerCapabilities.from_commands(commands)
        self._sender = SendQueue(self._capabilities, now)
        self._poller = Poller(self._sender, now)
        self._own_messages = OwnMessages(
            name, self._sender, timelines, own_ids, self._emit_own_message
        )
        self._private_messages = PrivateMessages(
            self._sender, timelines, own_ids, self._emit_own_message
        )
        self._history = HistorySync(
            name, self._sender, timelines, self._resend, emit, is_wanted=target.uses_history
        )
        if target.since:
            self._history.starts[target.room or LOBBY] = target.since
        # Subscriptions to single users are requested after the server has listed those there are.
        self._restores_names = not (target.is_reconnect or target.subscriptions <= {EVERYONE})
        self._password_change = PasswordChange(self._sender, emit)
        self._shutdown_notice = ""
        self._servers_connected = True

        emit(events.SignedIn(name, commands))
        # First of all: no text may be sent before it is known whether the server echoes it.
        self._own_messages.subscribe_to_self(now)
        self._sender.request("/presence", "on", now=now)
        self._begin_history(target, now)
        self._restore_room(target, now)
        self._history.list_unread(now)
        if self._sender.request("/subs", now=now) is None:
            self._subscriptions.restore_without_list()
        self._advance(now)

    @property
    def can_send_now(self) -> bool:
        """True if a text typed now would be sent at once, to the room joined last."""
        return (
            self._own_messages.ready
            and not self._queue
            and not self._is_changing_room()
            and not self._history.holds_texts
        )

    @property
    def is_restored(self) -> bool:
        """True once the restore target is reached, or the server has rejected parts of it."""
        return self.can_send_now and self._subscriptions.is_restored

    @property
    def restore_target(self) -> RestoreTarget:
        """State for the next connection to restore if this one is lost now."""
        rooms = [self._target_room, *self._queue.target_rooms()]
        valid = [room for room in rooms if canonical_name(room)]
        room = valid[-1] if valid else self._room
        follow = self._subscriptions.desired_after(self._sender.requests())
        return replace(
            self._target,
            room=room,
            subscriptions=frozenset(follow - {self._own_messages.name}),
            is_reconnect=True,
        )

    @property
    def _target_room(self) -> str:
        """The room of the last requested room change, or the current room."""
        return [self._room, *self._sender.requested_rooms()][-1]

    def take_lines(self) -> list[bytes]:
        """Return the lines to send since the last call, each with its LF."""
        return self._sender.take_lines()

    # Requests of the user

    def submit(self, submission: Submission, now: float) -> None:
        """Queue all lines of a submission, or return it to the composer if one cannot be sent."""
        intents, problem = resolve_submission(submission, self._capabilities)
        if problem is None:
            self._queue.add(intents)
            self._advance(now)
        else:
            self._emit(events.TextReturned(submission.text, problem, submission.location))

    def join(self, room: str, now: float) -> None:
        """Queue a room change."""
        intent = resolve_join(room, self._capabilities)
        if isinstance(intent, JoinIntent):
            self._queue.add([intent])
            self._advance(now)
        else:
            self._emit(events.JoinFailed(room, intent))

    def toggle_follow(self, name: str, now: float) -> str | None:
        """Reverse the subscription to a user ("*": everyone), as last requested.

        Return the command, or None if there is none: for the user's own name, or if the server
        does not have it.
        """
        if name == self._own_messages.name:
            return None
        word = self._subscriptions.toggle_command(name, self._sender.requests())
        request = self._sender.request(word, name, origin=RequestOrigin.UI, now=now)
        return None if request is None else request.line

    def follow(self, name: str, now: float) -> str | None:
        """Subscribe to a user ("*": everyone). Return the command, None if it is not needed."""
        word = self._subscriptions.toggle_command(name, self._sender.requests())
        return self.toggle_follow(name, now) if word == "/subscribe" else None

    def change_password(self, old: str, new: str, now: float) -> None:
        """Request a password change. The outcome is an event."""
        self._password_change.request(old, new, now)

    def request_page(self, location: str, kind: PageKind, subject: str, now: float) -> bool:
        """Request a page of past messages. Return False if it cannot be requested now."""
        return self._history.request_page(self._room, location, kind, subject, now)

    def read_private(self, partner: str, now: float) -> None:
        """The user reads a private conversation."""
        self._history.read_private(partner, now)

    # Input from the connection

    def receive(self, line: ServerLine, now: float) -> None:
        """Handle a line from the server."""
        page = self._history.receive(line)
        if isinstance(page, Page):
            self._handle_page(page, now)
        elif not page:
            self._handle_line(line, now)
        self._advance(now)

    def _handle_line(self, line: ServerLine, now: float) -> None:
        match line:
            case Message() | Action() | PrivateMessage():
                self._handle_message(line, now)
            case Reply(text):
                self._handle_reply(text, now)
            case ErrorReply(text):
                self._handle_error(text, now)
            case _ if line.text:
                self._emit_notice(line.text, "reply")

    def bytes_received(self, now: float) -> None:
        """Record the time of the newest byte, even if it was not the end of a line."""
        self._poller.bytes_received(now)

    def tick(self, now: float) -> None:
        """Handle timeouts."""
        if not self._servers_connected:
            # The server takes no command before the messages in front of it are delivered, so
            # silence proves nothing. TCP keepalive ends a connection whose server has vanished.
            self._sender.made_progress(now)
            self._poller.bytes_received(now)
        if not self._poller.tick(now):
            self.connection_lost("The server does not answer any more")
            return
        for request in self._sender.expire(now):
            self._request_unanswered(request, now)
        self._history.tick(now)
        self._advance(now)

    def connection_lost(self, reason: str) -> None:
        """End the session: signed out if the user has typed `/quit`, lost otherwise."""
        if any(request.kind is RequestKind.QUIT for request in self._sender.requests()):
            self._signed_out(replies.GOODBYE, requested=True)
        else:
            self.outcome = Ended(EndReason.LOST, message=self._shutdown_notice or reason)

    def abandon_pending(self) -> None:
        """Report what became of everything pending: the session has ended."""
        self._own_messages.abandon_pending()
        self._private_messages.abandon_pending()
        self._password_change.abandon_pending()
        self._unsent.return_all(self._target_room)

    def _handle_message(self, message: Message | Action | PrivateMessage, now: float) -> None:
        if self._history.is_active and message.past:  # a stamp does not make it past
            message = replace(message, past=False)
        own = self._own_messages.match_echo(message, now)
        if own is not None:
            self._history.echoed(own, message.time)
            return
        if isinstance(message, PrivateMessage) and message.author != self._own_messages.name:
            self._private_messages.partner_is_back(f"@{message.author}")
        self._history.live(self._room, message, now)

    def _handle_page(self, page: Page, now: float) -> None:
        kind = RequestKind.SEARCH if page.is_search else RequestKind.HISTORY
        request, skipped = self._sender.match(ParsedReply(kind, page.place), now)
        for other in skipped:
            self._request_unanswered(other, now)
        is_ours = self._history.page_received(request, page, now)
        if request is not None and not is_ours:
            for text in page.texts():
                self._emit_notice(text, "reply")

    def _handle_reply(self, text: str, now: float) -> None:
        notice = parse_notice(text)
        servers_connected = replies.parse_servers_notice(text)
        unread = history_replies.parse_unread(text) if self._history.is_active else None
        announcement = operator_replies.parse_announcement(text)
        if replies.is_logged_out(text):
            self._signed_out(text, requested=False)
        elif announcement is not None:
            self._handle_announcement(*announcement, now)
        elif cluster_replies.parse_messages_unsent(text) is not None:
            self._emit_notice(text, "notice")
        elif text == replies.SHUTTING_DOWN:
            self._shutdown_notice = text
            self._emit_notice(text, "notice")
        elif servers_connected is not None:
            self._servers_connected = servers_connected
            self._emit(events.ServersConnectionChanged(servers_connected))
            self._emit_notice(text, "notice")
        elif notice is not None:
            self._handle_notice(notice, now)
        elif unread is not None:
            self._handle_unread(text, *unread, now)
        else:
            self._handle_answer(text, parse_reply(text), "reply", now)

    def _handle_announcement(self, author: str, text: str, now: float) -> None:
        oldest = self._sender.oldest
        if (
            oldest is not None
            and oldest.subject == "/announce"
            and author == self._own_messages.name
        ):
            self._sender.answer_oldest(now)  # our own: it may be the only answer to the command
        self._emit(events.AnnouncementReceived(author, text))

    def _handle_unread(
        self, text: str, places: list[history_replies.UnreadPlace], more: bool, now: float
    ) -> None:
        answer = ParsedReply(RequestKind.UNREAD, None, more=more)
        is_asked = any(request.kind is RequestKind.UNREAD for request in self._sender.requests())
        request, _ = self._sender.match(answer, now) if is_asked else (None, [])
        self._history.unread_listed(places, more=more)
        if request is not None and is_shown(answer, request):
            self._emit_notice(text, "reply")

    def _handle_notice(self, notice: Notice, now: float) -> None:
        oldest = self._sender.oldest
        if oldest is not None and oldest.listed:
            oldest.notices.append(notice)
        self._poller.presence_changed(now)
        if not (
            isinstance(notice, events.PersonJoined | events.PersonLeft)
            and notice.name == self._own_messages.name
        ):
            self._emit(notice)

    def _handle_error(self, text: str, now: float) -> None:
        answer = parse_error(text) or rejection_by_unknown_text(self._sender.oldest)
        self._handle_answer(text, answer, "error", now)

    def _handle_answer(
        self, text: str, answer: ParsedReply | None, kind: _LineKind, now: float
    ) -> None:
        if answer is None:
            oldest = self._sender.oldest
            if oldest is not None and (
                oldest.kind is RequestKind.OTHER or not self._capabilities.pipelining
            ):
                self._sender.answer_oldest(now)
                self._request_rejected(oldest, text, now)
            self._emit_notice(text, kind)
            return
        request, skipped = self._sender.match(answer, now)
        for other in skipped:
            self._request_unanswered(other, now)
        if request is not None:
            if request.measures_latency and not request.listed:
                self._emit(events.LatencyMeasured(now - request.sent_at))
            request.add_items(answer)
            if answer.failed:
                self._request_rejected(request, text, now)
        if not answer.failed and not answer.more:
            kept = history_replies.parse_kept_for(text) is not None
            self._apply_answer(answer, request, now, kept=kept)
        if request is None:
            visible = not self._sender.consume_late_internal_reply(answer)
        else:
            visible = is_shown(answer, request)
        if visible:  # last: the log shows the answer to a /join in the new room
            self._emit_notice(with_advice(text), kind)

    def _apply_answer(
        self, answer: ParsedReply, request: Request | None, now: float, *, kept: bool
    ) -> None:
        subject, own_name = answer.subject or "", self._own_messages.name
        match answer.kind:
            case RequestKind.JOIN:
                self._entered(subject, now)
            case RequestKind.SUBSCRIBE if self._own_messages.subscription_answered(
                request, subject
            ):
                pass
            case RequestKind.SUBSCRIBE if subject != own_name:
                self._subscriptions.subscribed(subject)
                self._emit(events.Followed(subject))
            case RequestKind.UNSUBSCRIBE if subject != own_name:
                self._subscriptions.unsubscribed(subject)
                self._emit(events.Unfollowed(subject))
            case RequestKind.PRESENCE:
                self._poller.presence = subject == "on"
            case RequestKind.PRIVATE:
                if kept:
                    self._private_messages.kept(request)
                else:
                    self._private_messages.delivered(request)
            case RequestKind.STAMPS:
                self._history.stamps_changed(on=subject == "on", now=now)
            case RequestKind.PASSWORD:
                self._password_change.succeeded(request)
            case RequestKind.QUIT if request is not None:
                self._signed_out(replies.GOODBYE, requested=True)
        if request is None:
            return
        match answer.kind:
            case RequestKind.ROOMS:
                self._emit(events.RoomsListed(tuple(request.apply_notices(answer).items())))
            case RequestKind.WHO:
                self._emit(events.MembersListed(subject, tuple(request.apply_notices(answer))))
            case RequestKind.SUBS:
                followed = [name for name in request.apply_notices(answer) if name != own_name]
                self._subscriptions.listed(followed)
                self._emit(events.SubscriptionsListed(tuple(followed)))

    def _request_rejected(self, request: Request, reason: str, now: float) -> None:
        self._history.request_failed(request, reason, now)
        if request.kind is RequestKind.JOIN:
            self._join_failed(request, reason, now)
        elif request.kind is RequestKind.PRIVATE:
            self._private_messages.rejected(request, reason)
        elif request.kind is RequestKind.PASSWORD:
            self._password_change.rejected(request, reason)
        elif request.kind is RequestKind.SUBSCRIBE:
            if not self._own_messages.subscription_answered(request, None):
                self._subscriptions.rejected(request.subject)
        elif request.kind is RequestKind.SUBS:
            self._subscriptions.restore_without_list()

    def _request_unanswered(self, request: Request, now: float) -> None:
        """Handle a request that will not be answered."""
        if is_silence_shown(request):
            self._emit_notice(f"No answer to {redact(request.line)}", "error")
        self._private_messages.unanswered(request)
        self._password_change.unanswered(request)
        self._request_rejected(request, "The server did not answer", now)

    def _join_failed(self, request: Request, reason: str, now: float) -> None:
        if request.origin is RequestOrigin.INTERNAL:  # the room to restore cannot be joined
            self._entered(self._room, now)
        self._emit(events.JoinFailed(request.subject, reason))
        for intent in self._unsent.join_failed(reason):
            self._perform(intent, now)

    # Output

    def _begin_history(self, target: RestoreTarget, now: float) -> None:
        if not self._history.is_active:
            return
        self._history.waits_for_subscriptions = self._restores_names
        if EVERYONE in target.subscriptions:  # a page needs it; the server may have it already
            self._sender.request("/subscribe", EVERYONE, now=now)
        self._history.begin(LOBBY, stays=target.room in (None, LOBBY), now=now)

    def _resend(self, message: Unconfirmed, now: float) -> None:
        """Send a message again that has not arrived. The user is in its room."""
        if message.place.startswith("@"):
            name = message.place.removeprefix("@")
            self._private_messages.send(PrivateIntent(name, message.text, typed=False), now)
        else:
            self._own_messages.send(message.text, message.place, now, is_action=message.is_action)

    def _restore_room(self, target: RestoreTarget, now: float) -> None:
        has_room = target.room not in (None, LOBBY) and self._capabilities.rooms
        if has_room and not target.is_reconnect:
            self._emit(events.Joined(LOBBY))
        if not (has_room and target.room and self._sender.request("/join", target.room, now=now)):
            self._entered(LOBBY, now)

    def _entered(self, room: str, now: float) -> None:
        self._room = room
        self._emit(events.Joined(room))
        self._history.entered(room, now)
        self._poller.room_entered(now)

    def _signed_out(self, text: str, *, requested: bool) -> None:
        self.outcome = Ended(EndReason.SIGNED_OUT, events.SignedOut(text, requested=requested))

    def _advance(self, now: float) -> None:
        """Send everything that may be sent now."""
        self._restore_subscriptions(now)
        self._history.waits_for_subscriptions = (
            self._restores_names and not self._subscriptions.are_requested
        )
        self._history.advance(now)
        while self._queue and self._own_messages.ready and not self._is_changing_room():
            if self._must_wait(self._queue.next, now):
                break
            self._perform(self._queue.take(), now)
        self._sender.advance(now)
        self._unsent.report_queued(self._target_room)

    def _restore_subscriptions(self, now: float) -> None:
        for name in self._subscriptions.take_due():
            if self._sender.request("/subscribe", name, now=now) is None:
                self._subscriptions.rejected(name)
        if rejected := self._subscriptions.take_rejected():
            names = ", ".join(rejected)
            self._emit_notice(f"No longer following {names}: the server rejects it", "error")
            self._emit(events.SubscriptionsRejected(tuple(rejected)))

    def _must_wait(self, intent: Intent, now: float) -> bool:
        """Return True if an intent waits until the log that it belongs to is complete."""
        if isinstance(intent, PrivateIntent):
            return self._history.holds_private(intent.location, now)
        return isinstance(intent, TextLine | ActionIntent) and self._history.holds_texts

    def _is_changing_room(self) -> bool:
        return bool(self._sender.requested_rooms())

    def _perform(self, intent: Intent, now: float) -> None:
        match intent:
            case TextLine(text):
                self._own_messages.send(text, self._room, now)
            case ActionIntent(text):
                self._own_messages.send(text, self._room, now, is_action=True)
            case PrivateIntent():
                self._private_messages.send(intent, now)
            case JoinIntent(room):
                if room == self._room:
                    self._emit(events.Joined(room))
                else:
                    self._sender.request("/join", room, origin=RequestOrigin.UI, now=now)
            case CommandInput():
                self._send_command(intent, now)

    def _send_command(self, command: CommandInput, now: float) -> None:
        request = make_request(command, RequestOrigin.TYPED)
        if request.kind is RequestKind.QUIT and not self._capabilities.supports(command.word):
            self._signed_out(replies.GOODBYE, requested=True)
            return
        self._sender.send(request, now)
        self._own_messages.command_sent(request, now)
        self._password_change.command_sent(request, command.arguments)

    def _emit_own_message(self, event: Event) -> None:
        if isinstance(event, events.MessagePending):
            self._history.own_sent(event.id)
        self._emit(event)

    def _emit_notice(self, text: str, kind: _LineKind) -> None:
        self._emit(events.LogNotice(text, kind))
