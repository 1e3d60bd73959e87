"""The talk with a server once it took us in, without sockets, threads or a clock of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from chat_server.wire import replies
from chat_server.wire.protocol import (
    LOBBY,
    Action,
    Failure,
    Message,
    Private,
    Reply,
    ServerLine,
    Text,
    canonical_name,
    published_form,
    words,
)
from chat_tui import events
from chat_tui.events import Event
from chat_tui.input.parser import CommandLine
from chat_tui.input.redaction import masked
from chat_tui.protocol.intent_queue import Deed, Held, Move, Wanted
from chat_tui.protocol.own_messages import OwnWords
from chat_tui.protocol.password_change import PasswordChange
from chat_tui.protocol.pending_requests import (
    Answer,
    Kind,
    Notice,
    Origin,
    Request,
    is_shown,
    read_failure,
    read_notice,
    read_reply,
    request,
)
from chat_tui.protocol.poller import Lookout
from chat_tui.protocol.private_messages import Privately, PrivateWords
from chat_tui.protocol.restore_target import Wish
from chat_tui.protocol.send_queue import Outbound
from chat_tui.protocol.submission import lines_of
from chat_tui.protocol.subscriptions import Following
from chat_tui.protocol.unsent import Unsaid

_Shown = Literal["reply", "error", "notice"]


class Conversation:
    """What is said and asked on one connection, from `Login successful` to its end.

    What the person wants stands in one queue, in the order in which it was wanted (`_held`). It
    stops behind every change of room until the server has answered, so that nothing can be said
    in a room other than the one that it was meant for. Times are of one monotonic clock.
    """

    def __init__(
        self,
        name: str,
        commands: tuple[str, ...],
        wish: Wish,
        own_ids: Iterator[int],
        tell: Callable[[Event], None],
        now: float,
    ) -> None:
        """`name` signed in just now. `tell` takes what is learned."""
        self._tell = tell
        self._room = LOBBY
        self._held = Held()
        self._unsaid = Unsaid(self._held, tell)
        self._following = Following(wish.follow)
        self._out = Outbound(commands, now)
        self._lookout = Lookout(self._out, now)
        self._own = OwnWords(name, self._out, own_ids, tell)
        self._private = PrivateWords(self._out, own_ids, tell)
        self._password = PasswordChange(self._out, tell)
        self.last_words = ""
        """What the server said about why it is going to hang up."""
        self.goodbye: events.SignedOut | None = None
        """Set once the server has ended the session for good."""

        tell(events.SignedIn(name, commands))
        # First of all: no text may be said before it is known whether it comes back.
        self._own.listen(now)
        self._out.ask("/presence", "on", now=now)
        self._start_in(wish, now)
        if self._out.ask("/subs", now=now) is None:
            self._following.not_listed()
        self._go_on(now)

    def _start_in(self, wish: Wish, now: float) -> None:
        goes = wish.room not in (None, LOBBY) and "/join" in self._out.commands
        if goes and not wish.again:
            self._tell(events.Joined(LOBBY))
        if not (goes and wish.room and self._out.ask("/join", wish.room, now=now)):
            self._entered(LOBBY, now)

    # What the person wants.

    @property
    def wish(self) -> Wish:
        """What the next connection has to bring back if this one is lost now."""
        goals = [self._goal, *self._held.rooms()]
        possible = [goal for goal in goals if canonical_name(goal)]
        room = possible[-1] if possible else self._room
        follow = set(self._following.wanted)
        for asked in self._out.requests():
            if asked.kind is Kind.SUBSCRIBE and asked.subject not in ("", self._own.name):
                follow.add(asked.subject)
            elif asked.kind is Kind.UNSUBSCRIBE:
                follow.discard(asked.subject)
        return Wish(room, frozenset(follow), again=True)

    @property
    def _goal(self) -> str:
        """The room that we are on the way to, else the one that we are in."""
        goals = [asked.subject for asked in self._out.requests() if asked.kind is Kind.JOIN]
        return goals[-1] if goals else self._room

    def submit(self, text: str, now: float, to: str = "") -> None:
        """Enter in the composer gave `text`: one line or several. All of it is sent or nothing.

        `to`: whom alone it is for; empty: it is for the room.
        """
        lines, problem = lines_of(text, to, self._out)
        if problem is None:
            self._held.add(lines)
            self._go_on(now)
        else:
            self._tell(events.TextReturned(text, problem, f"@{to}" if to else ""))

    def join(self, room: str, now: float) -> None:
        """Go to a room."""
        name = canonical_name(room.strip())
        if name is None and self._out.one_at_a_time and words(room) == [published_form(room)]:
            name = room  # the first servers have no rule for names
        if name is None:
            self._tell(events.JoinFailed(room, replies.invalid_room(room)))
        elif "/join" not in self._out.commands:
            self._tell(events.JoinFailed(room, "This server has one room only"))
        else:
            self._held.add([Move(name)])
            self._go_on(now)

    def toggle_follow(self, name: str, now: float) -> str | None:
        """Follow somebody ("*": everyone), or no longer: the contrary of what was last wanted.

        Gives back the command that was asked for, None where there is none for it.
        """
        follow = name not in self._following.followed
        for asked in self._out.requests():
            if asked.kind in (Kind.SUBSCRIBE, Kind.UNSUBSCRIBE) and asked.subject == name:
                follow = asked.kind is Kind.UNSUBSCRIBE
        if name == self._own.name:
            return None
        word = "/subscribe" if follow else "/unsubscribe"
        request_made = self._out.ask(word, name, origin=Origin.CLICKED, now=now)
        return None if request_made is None else request_made.line

    def change_password(self, old: str, new: str, now: float) -> None:
        """Ask for another password; what comes of it is told."""
        self._password.ask(old, new, now)

    def settle(self) -> None:
        """The connection is over: say what has become of all that was under way."""
        self._own.settle()
        self._private.settle()
        self._password.settle()
        self._unsaid.settle(self._goal)

    @property
    def is_settled(self) -> bool:
        """Whether what is said now is said in the room that was last entered, and at once."""
        return self._own.may_speak and not self._held and not self._is_on_the_move()

    @property
    def is_back(self) -> bool:
        """Whether the wish has come true with which we signed in, or is known not to."""
        return self.is_settled and self._following.is_back

    @property
    def is_quitting(self) -> bool:
        """Whether the person has asked the server to end the session."""
        return any(asked.kind is Kind.QUIT for asked in self._out.requests())

    def take_lines(self) -> list[bytes]:
        """What has to be sent since the last call, each with its LF."""
        return self._out.take_lines()

    # What comes from outside.

    def receive(self, line: ServerLine, now: float) -> None:
        """The server sent a line."""
        match line:
            case Message() | Action() | Private():
                if not self._own.heard(line, now):
                    self._tell(events.MessageArrived(self._room, line))
            case Reply(text):
                self._replied(text, now)
            case Failure(text):
                self._failed(text, now)
            case _ if line.text:
                self._show(line.text, "reply")
        self._go_on(now)

    def heard(self, now: float) -> None:
        """The newest bytes came then, if only part of a line."""
        self._lookout.heard(now)

    def tick(self, now: float) -> bool:
        """Time has passed; False where the server is dead."""
        if not self._lookout.tick(now):
            return False
        for asked in self._out.give_up(now):
            self._unanswered(asked, now)
        self._go_on(now)
        return True

    def _replied(self, text: str, now: float) -> None:
        notice = read_notice(text)
        announced = replies.parse_announcement(text)
        if replies.is_logged_out(text):
            self.goodbye = events.SignedOut(text)
        elif announced is not None:
            self._announced(*announced, now)
        elif text == replies.SHUTTING_DOWN:
            self.last_words = text
            self._show(text, "notice")
        elif notice is not None:
            self._noticed(notice, now)
        else:
            self._answered(text, read_reply(text), "reply", now)

    def _announced(self, author: str, text: str, now: float) -> None:
        oldest = self._out.oldest
        if oldest is not None and oldest.subject == "/announce" and author == self._own.name:
            self._out.take_oldest(now)  # our own: it may be all that answers the command
        self._tell(events.Announced(author, text))

    def _noticed(self, notice: Notice, now: float) -> None:
        oldest = self._out.oldest
        if oldest is not None and oldest.listed:
            oldest.notices.append(notice)
        self._lookout.people_moved(now)
        if not (
            isinstance(notice, events.PersonJoined | events.PersonLeft)
            and notice.name == self._own.name
        ):
            self._tell(notice)

    def _failed(self, text: str, now: float) -> None:
        answer = read_failure(text)
        oldest = self._out.oldest
        if answer is None and oldest is not None and oldest.kind in (Kind.JOIN, Kind.PASSWORD):
            # In words that are not known here, as the rules for passwords are. Were it none of the
            # join's, then the room will follow its answer all the same, and what waits for it is
            # safe in the composer.
            answer = Answer(oldest.kind, None, failed=True)
        self._answered(text, answer, "error", now)

    def _answered(self, text: str, answer: Answer | None, kind: _Shown, now: float) -> None:
        if answer is None:
            oldest = self._out.oldest
            if oldest is not None and (oldest.kind is Kind.OTHER or self._out.one_at_a_time):
                self._out.take_oldest(now)
                self._refused(oldest, text, now)
            self._show(text, kind)
            return
        asked, passed = self._out.match(answer, now)
        for other in passed:
            self._unanswered(other, now)
        if asked is not None:
            if asked.alone and not asked.listed:
                self._tell(events.RoundTrip(now - asked.asked_at))
            asked.take(answer)
            if answer.failed:
                self._refused(asked, text, now)
        if not answer.failed and not answer.more:
            self._learn(answer, asked, now)
        # Last: what answers a /join stands in the new room.
        if not self._out.was_given_up(answer) if asked is None else is_shown(answer, asked):
            self._show(text, kind)

    def _learn(self, answer: Answer, asked: Request | None, now: float) -> None:
        subject = answer.subject or ""
        match answer.kind:
            case Kind.JOIN:
                self._entered(subject, now)
            case Kind.SUBSCRIBE if self._own.answered(asked, subject):
                pass
            case Kind.SUBSCRIBE if subject != self._own.name:
                self._following.follows(subject)
                self._tell(events.Followed(subject))
            case Kind.UNSUBSCRIBE if subject != self._own.name:
                self._following.follows_not(subject)
                self._tell(events.Unfollowed(subject))
            case Kind.PRESENCE:
                self._lookout.presence = subject == "on"
            case Kind.PRIVATE:
                self._private.delivered(asked)
            case Kind.PASSWORD:
                self._password.granted(asked)
            case Kind.QUIT if asked is not None:
                self.goodbye = events.SignedOut(replies.GOODBYE, asked=True)
        if asked is None:
            return
        match answer.kind:
            case Kind.ROOMS:
                self._tell(events.RoomsListed(tuple(asked.result(answer).items())))
            case Kind.WHO:
                self._tell(events.MembersListed(subject, tuple(asked.result(answer))))
            case Kind.SUBS:
                followed = [name for name in asked.result(answer) if name != self._own.name]
                self._following.listed(followed)
                self._tell(events.SubscriptionsListed(tuple(followed)))

    def _refused(self, asked: Request, reason: str, now: float) -> None:
        """A request came to nothing."""
        if asked.kind is Kind.JOIN:
            self._join_failed(asked, reason, now)
        elif asked.kind is Kind.PRIVATE:
            self._private.refused(asked, reason)
        elif asked.kind is Kind.PASSWORD:
            self._password.refused(asked, reason)
        elif asked.kind is Kind.SUBSCRIBE and not self._own.answered(asked, None):
            self._following.refused(asked.subject)
        elif asked.kind is Kind.SUBS:
            self._following.not_listed()

    def _unanswered(self, asked: Request, now: float) -> None:
        """A request has got no answer that could be understood, and will get none any more."""
        if asked.origin is Origin.TYPED and asked.kind not in (Kind.JOIN, Kind.OTHER):
            self._show(f"No answer to {masked(asked.line)}", "error")
        self._private.unanswered(asked)
        self._password.unanswered(asked)
        self._refused(asked, "The server did not answer", now)

    def _join_failed(self, asked: Request, reason: str, now: float) -> None:
        if asked.origin is Origin.OWN:  # on the way back to where we were before: it ends here
            self._entered(self._room, now)
        self._tell(events.JoinFailed(asked.subject, reason))
        for wanted in self._unsaid.move_failed(reason):
            self._perform(wanted, now)

    def _entered(self, room: str, now: float) -> None:
        self._room = room
        self._tell(events.Joined(room))
        self._lookout.entered(now)

    # What goes out.

    def _go_on(self, now: float) -> None:
        """Do what may be done now."""
        while self._held and self._own.may_speak and not self._is_on_the_move():
            self._perform(self._held.take(), now)
        for name in self._following.to_restore():
            if self._out.ask("/subscribe", name, now=now) is None:
                self._following.refused(name)
        refused = self._following.take_refused()
        if refused:
            self._show(f"No longer following {', '.join(refused)}: the server refuses it", "error")
        self._out.advance(now)
        self._unsaid.tell_what_waits(self._goal)

    def _is_on_the_move(self) -> bool:
        return any(asked.kind is Kind.JOIN for asked in self._out.requests())

    def _perform(self, wanted: Wanted, now: float) -> None:
        match wanted:
            case Text(text):
                self._own.say(text, self._room, now)
            case Deed(text):
                self._own.say(text, self._room, now, is_action=True)
            case Privately():
                self._private.say(wanted, now)
            case Move(room):
                if room == self._room:
                    self._tell(events.Joined(room))
                else:
                    self._out.ask("/join", room, origin=Origin.CLICKED, now=now)
            case CommandLine():
                self._command(wanted, now)

    def _command(self, line: CommandLine, now: float) -> None:
        asked = request(line, Origin.TYPED)
        if asked.kind is Kind.QUIT and line.word not in self._out.commands:
            self.goodbye = events.SignedOut(replies.GOODBYE, asked=True)
            return
        self._out.send(asked, now)
        self._own.unsubscribed(asked, now)
        self._password.typed(asked, line.arguments)

    def _show(self, text: str, kind: _Shown) -> None:
        self._tell(events.ServerLine(text, kind))
