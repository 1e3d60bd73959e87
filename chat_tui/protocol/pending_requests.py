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

from chat_server.wire import LOBBY, canonical_name, echoed, replies
from chat_tui.events import PersonJoined, PersonLeft, RoomClosed, RoomOpened
from chat_tui.input import PASSWD, CommandInput

REQUEST_TIMEOUT: Final = 30.0
"""Seconds without any progress after which a request is given up."""

_MAX_LATE: Final = 50
"""Given-up requests of our own whose late answers would still be kept from the log."""


Notice = PersonJoined | PersonLeft | RoomOpened | RoomClosed
"""What a list that is being read may be out of date about."""


class RequestKind(Enum):
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
    "/join": RequestKind.JOIN,
    "/leave": RequestKind.JOIN,
    "/rooms": RequestKind.ROOMS,
    "/subscribe": RequestKind.SUBSCRIBE,
    "/unsubscribe": RequestKind.UNSUBSCRIBE,
    "/subs": RequestKind.SUBS,
    "/who": RequestKind.WHO,
    "/presence": RequestKind.PRESENCE,
    "/quit": RequestKind.QUIT,
    "/msg": RequestKind.PRIVATE,
    PASSWD: RequestKind.PASSWORD,
}


class RequestOrigin(Enum):
    """Who wanted it: how much of the answer is shown."""

    TYPED = auto()
    """The person typed the command: the answer is shown."""
    UI = auto()
    """The person asked for it by other means: only a refusal is shown."""
    INTERNAL = auto()
    """The client wants to know: nothing is shown."""


@dataclass(frozen=True, slots=True)
class ParsedReply:
    """A line that answers a request of some kind; `subject` is None where it does not tell."""

    kind: RequestKind
    subject: str | None
    items: tuple[str, ...] = ()
    counts: tuple[int | None, ...] = ()
    more: bool = False
    failed: bool = False


@dataclass(slots=True)
class Request:
    """A command on its way. `subject`: the room or name that it is about, "" where any fits."""

    line: str = field(repr=False)
    kind: RequestKind
    subject: str
    origin: RequestOrigin
    sent_at: float = 0.0
    alone: bool = False
    """Nothing else was on its way, and it takes no time to answer: that time is the round trip."""
    listed: dict[str, int | None] = field(default_factory=dict)
    """What the lines of a list brought so far, and for rooms their numbers of members."""
    notices: list[Notice] = field(default_factory=list)
    """What came between the lines of the list: newer than what any of them says."""

    def take(self, answer: ParsedReply) -> None:
        """A line of its list has come."""
        self.listed.update(zip(answer.items, answer.counts or repeat(None), strict=False))

    def result(self, answer: ParsedReply) -> dict[str, int | None]:
        """The whole list, as it is once its last line, `answer`, has come."""
        for notice in self.notices:
            match notice:
                case PersonJoined(name, room) if (
                    self.kind is RequestKind.WHO and room == answer.subject
                ):
                    self.listed.setdefault(name, None)
                case PersonLeft(name, room) if (
                    self.kind is RequestKind.WHO and room == answer.subject
                ):
                    self.listed.pop(name, None)
                case RoomOpened(room) if self.kind is RequestKind.ROOMS:
                    self.listed.setdefault(room, None)
                case RoomClosed(room) if self.kind is RequestKind.ROOMS:
                    self.listed.pop(room, None)
        return self.listed

    def is_about(self, name: str | None) -> bool:
        """Whether an answer about `name` (None: it does not tell) is about this request."""
        if name is None or not self.subject:
            return True
        canonical = canonical_name(self.subject) or self.subject
        return name in (self.subject, canonical, echoed(self.subject), echoed(canonical))


def make_request(command: CommandInput, origin: RequestOrigin) -> Request:
    """The request that a command makes."""
    kind = _KINDS.get(command.word, RequestKind.OTHER)
    subject = command.arguments[0] if len(command.arguments) == 1 else ""
    if kind is RequestKind.PRIVATE and command.arguments:
        subject = command.arguments[0]
    if kind is RequestKind.PASSWORD:
        subject = ""
    elif command.word == "/leave":
        subject = "" if command.arguments else LOBBY
    elif kind is RequestKind.OTHER:
        subject = command.word
    return Request(command.line, kind, subject, origin)


def is_shown(answer: ParsedReply, request: Request) -> bool:
    """Whether the log shows this answer to `asked`."""
    if answer.failed:
        return (
            request.origin is not RequestOrigin.INTERNAL and request.kind is not RequestKind.JOIN
        )  # see JoinFailed
    return (
        request.origin is RequestOrigin.TYPED and request.kind is not RequestKind.QUIT
    )  # see SignedOut


def parse_reply(text: str) -> ParsedReply | None:
    """Which kind of request the text of a `[SERVER]` line answers, or None."""
    for kind, parse in _NAMED_REPLIES:
        name = parse(text)
        if name is not None:
            return ParsedReply(kind, name)
    rooms = replies.parse_active_rooms(text)
    if rooms is not None:
        listed, more = rooms
        names = tuple(name for name, _ in listed)
        return ParsedReply(
            RequestKind.ROOMS, None, names, tuple(count for _, count in listed), more
        )
    followed = replies.parse_subscriptions(text)
    if followed is not None:
        return ParsedReply(RequestKind.SUBS, None, followed.items, more=followed.more)
    members = replies.parse_members(text)
    if members is not None:
        room, part = members
        return ParsedReply(RequestKind.WHO, room, part.items, more=part.more)
    if text == replies.PASSWORD_CHANGED:
        return ParsedReply(RequestKind.PASSWORD, None)
    if text in (replies.presence(True), replies.presence(False)):
        return ParsedReply(RequestKind.PRESENCE, text.rsplit(" ", 1)[-1])
    return ParsedReply(RequestKind.QUIT, None) if text == replies.GOODBYE else None


_NAMED_REPLIES: Final[tuple[tuple[RequestKind, Callable[[str], str | None]], ...]] = (
    (RequestKind.JOIN, replies.parse_joined),
    (RequestKind.SUBSCRIBE, replies.parse_subscribed),
    (RequestKind.UNSUBSCRIBE, replies.parse_unsubscribed),
    (RequestKind.PRIVATE, replies.parse_sent_to),
)


def parse_notice(text: str) -> Notice | None:
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


def parse_error(text: str) -> ParsedReply | None:
    """Which kind of request the text of an `[ERROR]` line refuses, or None."""
    for kind, parse in _NAMED_ERRORS:
        name = parse(text)
        if name is not None:
            return ParsedReply(kind, name, failed=True)
    if text == replies.LEGACY_CANNOT_SUBSCRIBE:
        return ParsedReply(RequestKind.SUBSCRIBE, None, failed=True)
    if text == replies.WRONG_PASSWORD or replies.parse_retry_after(text) is not None:
        return ParsedReply(RequestKind.PASSWORD, None, failed=True)
    word = replies.parse_usage(text) or replies.parse_unknown_command(text)
    if word is None:
        return None
    kind = _KINDS.get(word, RequestKind.OTHER)
    return ParsedReply(kind, word if kind is RequestKind.OTHER else None, failed=True)


_NAMED_ERRORS: Final[tuple[tuple[RequestKind, Callable[[str], str | None]], ...]] = (
    (RequestKind.JOIN, replies.parse_invalid_room),
    (RequestKind.WHO, replies.parse_no_such_room),
    (RequestKind.SUBSCRIBE, replies.parse_no_such_user),
    (RequestKind.PRIVATE, replies.parse_not_delivered),
)


class PendingRequests:
    """The requests that were sent and not answered yet, oldest first."""

    def __init__(self) -> None:
        self._requests: deque[Request] = deque()
        self._late: deque[Request] = deque(maxlen=_MAX_LATE)

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

    def match(self, answer: ParsedReply) -> tuple[Request | None, list[Request]]:
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

    def expire(self, since: float) -> list[Request]:
        """Give up the oldest requests that were asked at `since` or before."""
        given_up = []
        while self._requests and self._requests[0].sent_at <= since:
            given_up.append(self._requests.popleft())
        self._late.extend(given_up)
        return given_up

    def was_expired(self, answer: ParsedReply) -> bool:
        """Whether this is the late answer to a given-up request of the client's own."""
        for late in self._late:
            if late.kind is answer.kind and late.origin is RequestOrigin.INTERNAL:
                if not answer.more:
                    self._late.remove(late)
                return True
        return False

    def _index_of(self, answer: ParsedReply) -> int | None:
        of_its_kind = None
        for index, request in enumerate(self._requests):
            if request.kind is answer.kind:
                if request.is_about(answer.subject):
                    return index
                if of_its_kind is None:
                    of_its_kind = index
        return of_its_kind
