"""The talk with a server once it took us in, without sockets, threads or a clock of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from chat_server.wire import (
    LOBBY,
    Action,
    ErrorReply,
    Message,
    PrivateMessage,
    Reply,
    ServerLine,
    TextLine,
    canonical_name,
    operator_replies,
    published_form,
    replies,
    split_words,
)
from chat_tui import events
from chat_tui.events import Event
from chat_tui.input import CommandInput, ServerCapabilities, Submission, redact
from chat_tui.protocol.intent_queue import ActionIntent, Intent, IntentQueue, JoinIntent
from chat_tui.protocol.own_messages import OwnMessages
from chat_tui.protocol.password_change import PasswordChange
from chat_tui.protocol.pending_requests import (
    Notice,
    ParsedReply,
    Request,
    RequestKind,
    RequestOrigin,
    is_shown,
    make_request,
    parse_error,
    parse_notice,
    parse_reply,
)
from chat_tui.protocol.poller import Poller
from chat_tui.protocol.private_messages import PrivateIntent, PrivateMessages
from chat_tui.protocol.restore_target import RestoreTarget
from chat_tui.protocol.send_queue import SendQueue
from chat_tui.protocol.submission import resolve_submission
from chat_tui.protocol.subscriptions import SubscriptionSync
from chat_tui.protocol.unsent import UnsentText

_LineKind = Literal["reply", "error", "notice"]


class ChatPhase:
    """What is said and asked on one connection, from `Login successful` to its end.

    What the person wants stands in one queue, in the order in which it was wanted (`_queue`). It
    stops behind every change of room until the server has answered, so that nothing can be said
    in a room other than the one that it was meant for. Times are of one monotonic clock.
    """

    def __init__(
        self,
        name: str,
        commands: tuple[str, ...],
        target: RestoreTarget,
        own_ids: Iterator[int],
        emit: Callable[[Event], None],
        now: float,
    ) -> None:
        """`name` signed in just now. `tell` takes what is learned."""
        self._emit = emit
        self._room = LOBBY
        self._queue = IntentQueue()
        self._unsent = UnsentText(self._queue, emit)
        self._subscriptions = SubscriptionSync(target.subscriptions)
        self._capabilities = ServerCapabilities.from_commands(commands)
        self._sender = SendQueue(self._capabilities, now)
        self._poller = Poller(self._sender, now)
        self._own_messages = OwnMessages(name, self._sender, own_ids, emit)
        self._private_messages = PrivateMessages(self._sender, own_ids, emit)
        self._password_change = PasswordChange(self._sender, emit)
        self.final_message = ""
        """What the server said about why it is going to hang up."""
        self.goodbye: events.SignedOut | None = None
        """Set once the server has ended the session for good."""

        emit(events.SignedIn(name, commands))
        # First of all: no text may be said before it is known whether it comes back.
        self._own_messages.subscribe_to_self(now)
        self._sender.ask("/presence", "on", now=now)
        self._restore(target, now)
        if self._sender.ask("/subs", now=now) is None:
            self._subscriptions.list_unavailable()
        self._advance(now)

    def _restore(self, target: RestoreTarget, now: float) -> None:
        goes = target.room not in (None, LOBBY) and self._capabilities.rooms
        if goes and not target.is_reconnect:
            self._emit(events.Joined(LOBBY))
        if not (goes and target.room and self._sender.ask("/join", target.room, now=now)):
            self._entered(LOBBY, now)

    # What the person wants.

    @property
    def restore_target(self) -> RestoreTarget:
        """What the next connection has to bring back if this one is lost now."""
        goals = [self._target_room, *self._queue.target_rooms()]
        possible = [goal for goal in goals if canonical_name(goal)]
        room = possible[-1] if possible else self._room
        follow = set(self._subscriptions.desired)
        for request in self._sender.requests():
            if request.kind is RequestKind.SUBSCRIBE and request.subject not in (
                "",
                self._own_messages.name,
            ):
                follow.add(request.subject)
            elif request.kind is RequestKind.UNSUBSCRIBE:
                follow.discard(request.subject)
        return RestoreTarget(room, frozenset(follow), is_reconnect=True)

    @property
    def _target_room(self) -> str:
        """The room that we are on the way to, else the one that we are in."""
        goals = [
            request.subject
            for request in self._sender.requests()
            if request.kind is RequestKind.JOIN
        ]
        return goals[-1] if goals else self._room

    def submit(self, submission: Submission, now: float) -> None:
        """Enter in the composer gave `text`: one line or several. All of it is sent or nothing.

        `to`: whom alone it is for; empty: it is for the room.
        """
        lines, problem = resolve_submission(submission, self._sender)
        if problem is None:
            self._queue.add(lines)
            self._advance(now)
        else:
            self._emit(events.TextReturned(submission.text, problem, submission.place))

    def join(self, room: str, now: float) -> None:
        """Go to a room."""
        name = canonical_name(room.strip())
        if (
            name is None
            and not self._capabilities.pipelining
            and split_words(room) == [published_form(room)]
        ):
            name = room  # the first servers have no rule for names
        if name is None:
            self._emit(events.JoinFailed(room, replies.invalid_room(room)))
        elif not self._capabilities.rooms:
            self._emit(events.JoinFailed(room, "This server has one room only"))
        else:
            self._queue.add([JoinIntent(name)])
            self._advance(now)

    def toggle_follow(self, name: str, now: float) -> str | None:
        """Follow somebody ("*": everyone), or no longer: the contrary of what was last wanted.

        Gives back the command that was asked for, None where there is none for it.
        """
        follow = name not in self._subscriptions.current
        for request in self._sender.requests():
            if (
                request.kind in (RequestKind.SUBSCRIBE, RequestKind.UNSUBSCRIBE)
                and request.subject == name
            ):
                follow = request.kind is RequestKind.UNSUBSCRIBE
        if name == self._own_messages.name:
            return None
        word = "/subscribe" if follow else "/unsubscribe"
        request_made = self._sender.ask(word, name, origin=RequestOrigin.UI, now=now)
        return None if request_made is None else request_made.line

    def change_password(self, old: str, new: str, now: float) -> None:
        """Ask for another password; what comes of it is told."""
        self._password_change.request(old, new, now)

    def settle(self) -> None:
        """The connection is over: say what has become of all that was under way."""
        self._own_messages.settle()
        self._private_messages.settle()
        self._password_change.settle()
        self._unsent.settle(self._target_room)

    @property
    def is_in_room(self) -> bool:
        """Whether what is said now is said in the room that was last entered, and at once."""
        return self._own_messages.ready and not self._queue and not self._is_changing_room()

    @property
    def is_restored(self) -> bool:
        """Whether the wish has come true with which we signed in, or is known not to."""
        return self.is_in_room and self._subscriptions.is_restored

    @property
    def is_quitting(self) -> bool:
        """Whether the person has asked the server to end the session."""
        return any(request.kind is RequestKind.QUIT for request in self._sender.requests())

    def take_lines(self) -> list[bytes]:
        """What has to be sent since the last call, each with its LF."""
        return self._sender.take_lines()

    # What comes from outside.

    def receive(self, line: ServerLine, now: float) -> None:
        """The server sent a line."""
        match line:
            case Message() | Action() | PrivateMessage():
                if not self._own_messages.match_echo(line, now):
                    self._emit(events.MessageArrived(self._room, line))
            case Reply(text):
                self._handle_reply(text, now)
            case ErrorReply(text):
                self._handle_error(text, now)
            case _ if line.text:
                self._emit_notice(line.text, "reply")
        self._advance(now)

    def bytes_received(self, now: float) -> None:
        """The newest bytes came then, if only part of a line."""
        self._poller.bytes_received(now)

    def tick(self, now: float) -> bool:
        """Time has passed; False where the server is dead."""
        if not self._poller.tick(now):
            return False
        for request in self._sender.expire(now):
            self._request_unanswered(request, now)
        self._advance(now)
        return True

    def _handle_reply(self, text: str, now: float) -> None:
        notice = parse_notice(text)
        announced = operator_replies.parse_announcement(text)
        if replies.is_logged_out(text):
            self.goodbye = events.SignedOut(text)
        elif announced is not None:
            self._handle_announcement(*announced, now)
        elif text == replies.SHUTTING_DOWN:
            self.final_message = text
            self._emit_notice(text, "notice")
        elif notice is not None:
            self._handle_notice(notice, now)
        else:
            self._handle_answer(text, parse_reply(text), "reply", now)

    def _handle_announcement(self, author: str, text: str, now: float) -> None:
        oldest = self._sender.oldest
        if (
            oldest is not None
            and oldest.subject == "/announce"
            and author == self._own_messages.name
        ):
            self._sender.answer_oldest(now)  # our own: it may be all that answers the command
        self._emit(events.AnnouncementReceived(author, text))

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
        answer = parse_error(text)
        oldest = self._sender.oldest
        if (
            answer is None
            and oldest is not None
            and oldest.kind in (RequestKind.JOIN, RequestKind.PASSWORD)
        ):
            # In words that are not known here, as the rules for passwords are. Were it none of the
            # join's, then the room will follow its answer all the same, and what waits for it is
            # safe in the composer.
            answer = ParsedReply(oldest.kind, None, failed=True)
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
        request, passed = self._sender.match(answer, now)
        for other in passed:
            self._request_unanswered(other, now)
        if request is not None:
            if request.alone and not request.listed:
                self._emit(events.LatencyMeasured(now - request.sent_at))
            request.take(answer)
            if answer.failed:
                self._request_rejected(request, text, now)
        if not answer.failed and not answer.more:
            self._apply_answer(answer, request, now)
        # Last: what answers a /join stands in the new room.
        if not self._sender.was_given_up(answer) if request is None else is_shown(answer, request):
            self._emit_notice(text, kind)

    def _apply_answer(self, answer: ParsedReply, request: Request | None, now: float) -> None:
        subject = answer.subject or ""
        match answer.kind:
            case RequestKind.JOIN:
                self._entered(subject, now)
            case RequestKind.SUBSCRIBE if self._own_messages.answered(request, subject):
                pass
            case RequestKind.SUBSCRIBE if subject != self._own_messages.name:
                self._subscriptions.subscribed(subject)
                self._emit(events.Followed(subject))
            case RequestKind.UNSUBSCRIBE if subject != self._own_messages.name:
                self._subscriptions.unsubscribed(subject)
                self._emit(events.Unfollowed(subject))
            case RequestKind.PRESENCE:
                self._poller.presence = subject == "on"
            case RequestKind.PRIVATE:
                self._private_messages.delivered(request)
            case RequestKind.PASSWORD:
                self._password_change.succeeded(request)
            case RequestKind.QUIT if request is not None:
                self.goodbye = events.SignedOut(replies.GOODBYE, requested=True)
        if request is None:
            return
        match answer.kind:
            case RequestKind.ROOMS:
                self._emit(events.RoomsListed(tuple(request.result(answer).items())))
            case RequestKind.WHO:
                self._emit(events.MembersListed(subject, tuple(request.result(answer))))
            case RequestKind.SUBS:
                followed = [
                    name for name in request.result(answer) if name != self._own_messages.name
                ]
                self._subscriptions.listed(followed)
                self._emit(events.SubscriptionsListed(tuple(followed)))

    def _request_rejected(self, request: Request, reason: str, now: float) -> None:
        """A request came to nothing."""
        if request.kind is RequestKind.JOIN:
            self._join_failed(request, reason, now)
        elif request.kind is RequestKind.PRIVATE:
            self._private_messages.rejected(request, reason)
        elif request.kind is RequestKind.PASSWORD:
            self._password_change.rejected(request, reason)
        elif request.kind is RequestKind.SUBSCRIBE and not self._own_messages.answered(
            request, None
        ):
            self._subscriptions.rejected(request.subject)
        elif request.kind is RequestKind.SUBS:
            self._subscriptions.list_unavailable()

    def _request_unanswered(self, request: Request, now: float) -> None:
        """A request has got no answer that could be understood, and will get none any more."""
        if request.origin is RequestOrigin.TYPED and request.kind not in (
            RequestKind.JOIN,
            RequestKind.OTHER,
        ):
            self._emit_notice(f"No answer to {redact(request.line)}", "error")
        self._private_messages.unanswered(request)
        self._password_change.unanswered(request)
        self._request_rejected(request, "The server did not answer", now)

    def _join_failed(self, request: Request, reason: str, now: float) -> None:
        if (
            request.origin is RequestOrigin.INTERNAL
        ):  # on the way back to where we were before: it ends here
            self._entered(self._room, now)
        self._emit(events.JoinFailed(request.subject, reason))
        for intent in self._unsent.join_failed(reason):
            self._perform(intent, now)

    def _entered(self, room: str, now: float) -> None:
        self._room = room
        self._emit(events.Joined(room))
        self._poller.room_entered(now)

    # What goes out.

    def _advance(self, now: float) -> None:
        """Do what may be done now."""
        while self._queue and self._own_messages.ready and not self._is_changing_room():
            self._perform(self._queue.take(), now)
        for name in self._subscriptions.to_restore():
            if self._sender.ask("/subscribe", name, now=now) is None:
                self._subscriptions.rejected(name)
        refused = self._subscriptions.take_rejected()
        if refused:
            self._emit_notice(
                f"No longer following {', '.join(refused)}: the server refuses it", "error"
            )
        self._sender.advance(now)
        self._unsent.report_queued(self._target_room)

    def _is_changing_room(self) -> bool:
        return any(request.kind is RequestKind.JOIN for request in self._sender.requests())

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
                    self._sender.ask("/join", room, origin=RequestOrigin.UI, now=now)
            case CommandInput():
                self._command(intent, now)

    def _command(self, line: CommandInput, now: float) -> None:
        request = make_request(line, RequestOrigin.TYPED)
        if request.kind is RequestKind.QUIT and not self._capabilities.ordered_quit:
            self.goodbye = events.SignedOut(replies.GOODBYE, requested=True)
            return
        self._sender.send(request, now)
        self._own_messages.unsubscribed(request, now)
        self._password_change.command_sent(request, line.arguments)

    def _emit_notice(self, text: str, kind: _LineKind) -> None:
        self._emit(events.LogNotice(text, kind))
