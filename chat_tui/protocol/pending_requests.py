"""What was asked of the server and not answered yet, and which line answers which request.

The server answers in the order of the commands on the connection (section 3 of the contract), so
an answer belongs to the oldest request that it fits; one that fits a later request only shows
that the earlier ones will not be answered any more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import repeat
from typing import Final

from chat_server.wire import replies
from chat_server.wire.protocol import LOBBY, canonical_name, echoed
from chat_tui.events import PersonJoined, PersonLeft, RoomClosed, RoomOpened
from chat_tui.input.parser import CommandLine
from chat_tui.input.redaction import PASSWD

UNANSWERED: Final = 30.0
"""Seconds without any progress after which a request is given up."""

_LATE_KEPT: Final = 50
"""Given-up requests of our own whose late answers would still be kept from the log."""


Notice = PersonJoined | PersonLeft | RoomOpened | RoomClosed
"""What a list that is being read may be out of date about."""


class Kind(Enum):
    """What a request asks for: which answers fit it."""

    JOIN = auto()
    ROOMS = auto()
    SUBSCRIBE = auto()
    UNSUBSCRIBE = auto()
    SUBS = auto()
    WHO = auto()
    PRESENCE = auto()
    QUIT = auto()
    PRIVATE = auto()
    PASSWORD = auto()
    OTHER = auto()
    """A command whose answers are not known here."""


_KINDS: Final = {
    "/join": Kind.JOIN,
    "/leave": Kind.JOIN,
    "/rooms": Kind.ROOMS,
    "/subscribe": Kind.SUBSCRIBE,
    "/unsubscribe": Kind.UNSUBSCRIBE,
    "/subs": Kind.SUBS,
    "/who": Kind.WHO,
    "/presence": Kind.PRESENCE,
    "/quit": Kind.QUIT,
    "/msg": Kind.PRIVATE,
    PASSWD: Kind.PASSWORD,
}


class Origin(Enum):
    """Who wanted it: how much of the answer is shown."""

    TYPED = auto()
    """The person typed the command: the answer is shown."""
    CLICKED = auto()
    """The person asked for it by other means: only a refusal is shown."""
    OWN = auto()
    """The client wants to know: nothing is shown."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A line that answers a request of some kind; `subject` is None where it does not tell."""

    kind: Kind
    subject: str | None
    items: tuple[str, ...] = ()
    counts: tuple[int | None, ...] = ()
    more: bool = False
    failed: bool = False


@dataclass(slots=True)
class Request:
    """A command on its way. `subject`: the room or name that it is about, "" where any fits."""

    line: str = field(repr=False)
    kind: Kind
    subject: str
    origin: Origin
    asked_at: float = 0.0
    alone: bool = False
    """Nothing else was on its way, and it takes no time to answer: that time is the round trip."""
    listed: dict[str, int | None] = field(default_factory=dict)
    """What the lines of a list brought so far, and for rooms their numbers of members."""
    notices: list[Notice] = field(default_factory=list)
    """What came between the lines of the list: newer than what any of them says."""

    def take(self, answer: Answer) -> None:
        """A line of its list has come."""
        self.listed.update(zip(answer.items, answer.counts or repeat(None), strict=False))

    def result(self, answer: Answer) -> dict[str, int | None]:
        """The whole list, as it is once its last line, `answer`, has come."""
        for notice in self.notices:
            match notice:
                case PersonJoined(name, room) if self.kind is Kind.WHO and room == answer.subject:
                    self.listed.setdefault(name, None)
                case PersonLeft(name, room) if self.kind is Kind.WHO and room == answer.subject:
                    self.listed.pop(name, None)
                case RoomOpened(room) if self.kind is Kind.ROOMS:
                    self.listed.setdefault(room, None)
                case RoomClosed(room) if self.kind is Kind.ROOMS:
                    self.listed.pop(room, None)
        return self.listed

    def is_about(self, name: str | None) -> bool:
        """Whether an answer about `name` (None: it does not tell) is about this request."""
        if name is None or not self.subject:
            return True
        canonical = canonical_name(self.subject) or self.subject
        return name in (self.subject, canonical, echoed(self.subject), echoed(canonical))


def request(asked: CommandLine, origin: Origin) -> Request:
    """The request that a command makes."""
    kind = _KINDS.get(asked.word, Kind.OTHER)
    subject = asked.arguments[0] if len(asked.arguments) == 1 else ""
    if kind is Kind.PRIVATE and asked.arguments:
        subject = asked.arguments[0]
    if kind is Kind.PASSWORD:
        subject = ""
    elif asked.word == "/leave":
        subject = "" if asked.arguments else LOBBY
    elif kind is Kind.OTHER:
        subject = asked.word
    return Request(asked.line, kind, subject, origin)


def is_shown(answer: Answer, asked: Request) -> bool:
    """Whether the log shows this answer to `asked`."""
    if answer.failed:
        return asked.origin is not Origin.OWN and asked.kind is not Kind.JOIN  # see JoinFailed
    return asked.origin is Origin.TYPED and asked.kind is not Kind.QUIT  # see SignedOut


def read_reply(text: str) -> Answer | None:
    """Which kind of request the text of a `[SERVER]` line answers, or None."""
    for kind, parse in _ANSWERS_WITH_A_NAME:
        name = parse(text)
        if name is not None:
            return Answer(kind, name)
    rooms = replies.parse_active_rooms(text)
    if rooms is not None:
        listed, more = rooms
        names = tuple(name for name, _ in listed)
        return Answer(Kind.ROOMS, None, names, tuple(count for _, count in listed), more)
    followed = replies.parse_subscriptions(text)
    if followed is not None:
        return Answer(Kind.SUBS, None, followed.items, more=followed.more)
    members = replies.parse_members(text)
    if members is not None:
        room, part = members
        return Answer(Kind.WHO, room, part.items, more=part.more)
    if text == replies.PASSWORD_CHANGED:
        return Answer(Kind.PASSWORD, None)
    if text in (replies.presence(True), replies.presence(False)):
        return Answer(Kind.PRESENCE, text.rsplit(" ", 1)[-1])
    return Answer(Kind.QUIT, None) if text == replies.GOODBYE else None


_ANSWERS_WITH_A_NAME: Final[tuple[tuple[Kind, Callable[[str], str | None]], ...]] = (
    (Kind.JOIN, replies.parse_joined),
    (Kind.SUBSCRIBE, replies.parse_subscribed),
    (Kind.UNSUBSCRIBE, replies.parse_unsubscribed),
    (Kind.PRIVATE, replies.parse_sent_to),
)


def read_notice(text: str) -> Notice | None:
    """The presence notice that the text of a `[SERVER]` line is, or None. No answer is one."""
    if (pair := replies.parse_person_joined(text)) is not None:
        return PersonJoined(*pair)
    if (pair := replies.parse_person_left(text)) is not None:
        return PersonLeft(*pair)
    if (room := replies.parse_room_opened(text)) is not None:
        return RoomOpened(room)
    if (room := replies.parse_room_closed(text)) is not None:
        return RoomClosed(room)
    return None


def read_failure(text: str) -> Answer | None:
    """Which kind of request the text of an `[ERROR]` line refuses, or None."""
    for kind, parse in _REFUSALS_WITH_A_NAME:
        name = parse(text)
        if name is not None:
            return Answer(kind, name, failed=True)
    if text == replies.CANNOT_SUBSCRIBE_OF_OLD:
        return Answer(Kind.SUBSCRIBE, None, failed=True)
    if text == replies.WRONG_PASSWORD or replies.parse_retry_after(text) is not None:
        return Answer(Kind.PASSWORD, None, failed=True)
    word = replies.parse_usage(text) or replies.parse_unknown_command(text)
    if word is None:
        return None
    kind = _KINDS.get(word, Kind.OTHER)
    return Answer(kind, word if kind is Kind.OTHER else None, failed=True)


_REFUSALS_WITH_A_NAME: Final[tuple[tuple[Kind, Callable[[str], str | None]], ...]] = (
    (Kind.JOIN, replies.parse_invalid_room),
    (Kind.WHO, replies.parse_no_such_room),
    (Kind.SUBSCRIBE, replies.parse_no_such_user),
    (Kind.PRIVATE, replies.parse_not_delivered),
)


class Outstanding:
    """The requests that were sent and not answered yet, oldest first."""

    def __init__(self) -> None:
        self._requests: deque[Request] = deque()
        self._late: deque[Request] = deque(maxlen=_LATE_KEPT)

    def __len__(self) -> int:
        return len(self._requests)

    def __iter__(self) -> Iterator[Request]:
        return iter(self._requests)

    @property
    def oldest(self) -> Request | None:
        """The request whose answer comes next."""
        return self._requests[0] if self._requests else None

    def add(self, request: Request) -> None:
        """A request goes out."""
        self._requests.append(request)

    def match(self, answer: Answer) -> tuple[Request | None, list[Request]]:
        """The request that `answer` answers, and those that it shows to be given up.

        None where it answers nothing that was asked. The request is taken out unless its list
        goes on.
        """
        index = self._index_of(answer)
        if index is None:
            return None, []
        passed = [self._requests.popleft() for _ in range(index)]
        self._late.extend(passed)
        found = self._requests[0]
        if not answer.more:
            self._requests.popleft()
        return found, passed

    def take_oldest(self) -> Request | None:
        """The oldest request has got an answer, in words that are not known here."""
        return self._requests.popleft() if self._requests else None

    def give_up(self, since: float) -> list[Request]:
        """Give up the oldest requests that were asked at `since` or before."""
        given_up = []
        while self._requests and self._requests[0].asked_at <= since:
            given_up.append(self._requests.popleft())
        self._late.extend(given_up)
        return given_up

    def was_given_up(self, answer: Answer) -> bool:
        """Whether this is the late answer to a given-up request of the client's own."""
        for late in self._late:
            if late.kind is answer.kind and late.origin is Origin.OWN:
                if not answer.more:
                    self._late.remove(late)
                return True
        return False

    def _index_of(self, answer: Answer) -> int | None:
        of_its_kind = None
        for index, request in enumerate(self._requests):
            if request.kind is answer.kind:
                if request.is_about(answer.subject):
                    return index
                if of_its_kind is None:
                    of_its_kind = index
        return of_its_kind
