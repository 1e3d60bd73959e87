"""PendingRequests: unanswered requests, and which line from the server answers which request.

The server answers in the order of the commands on the connection (protocol section 3). An answer
therefore belongs to the oldest request that it fits. If it fits a later request only, the earlier
ones will not be answered any more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import repeat
from typing import Final

from chat_server.wire import LOBBY, canonical_name, history_replies, quoted_in_reply, replies
from chat_tui.events import PersonJoined, PersonLeft, RoomClosed, RoomOpened
from chat_tui.input import PASSWD, CommandInput

REQUEST_TIMEOUT: Final = 30.0
"""Seconds without any progress after which a request expires."""

_MAX_EXPIRED: Final = 50
"""Expired requests that are remembered, so that a late answer to one stays out of the log."""


Notice = PersonJoined | PersonLeft | RoomOpened | RoomClosed
"""A presence notice. It is newer than the lines of a list that is being received."""


class RequestKind(Enum):
    """The kind of a request. It decides which answers fit."""

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
    HISTORY = auto()
    SEARCH = auto()
    UNREAD = auto()
    UNREAD_NOTICES = auto()
    STAMPS = auto()
    OTHER = auto()
    """A command whose answers the client does not know."""


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
    "/history": RequestKind.HISTORY,
    "/search": RequestKind.SEARCH,
    "/unread": RequestKind.UNREAD,
    "/stamps": RequestKind.STAMPS,
}

_HISTORY_KINDS: Final = frozenset(
    {RequestKind.HISTORY, RequestKind.SEARCH, RequestKind.UNREAD, RequestKind.STAMPS}
)

_ANY_SUBJECT: Final = _HISTORY_KINDS | {RequestKind.PASSWORD}
"""Requests whose arguments do not name a room or a user."""


class RequestOrigin(Enum):
    """Where a request comes from. It decides whether the log shows the answer."""

    TYPED = auto()
    """The user typed the command: show the answer."""
    UI = auto()
    """The user requested it by a key or the mouse: show only an error."""
    INTERNAL = auto()
    """The client needs the answer: show nothing."""


@dataclass(frozen=True, slots=True)
class ParsedReply:
    """A line that answers a request."""

    kind: RequestKind
    subject: str | None
    """The room or name in the answer, or None if the answer does not name one."""
    items: tuple[str, ...] = ()
    """The items of a list that are in this line."""
    counts: tuple[int | None, ...] = ()
    """For rooms, the member counts of `items`. None: the server does not report them."""
    more: bool = False
    """True if the list continues in another line."""
    failed: bool = False
    other_kinds: frozenset[RequestKind] = frozenset()
    """More kinds of requests that it may answer."""

    def fits(self, kind: RequestKind) -> bool:
        """Return True if it may answer a request of this kind."""
        return kind is self.kind or kind in self.other_kinds


@dataclass(slots=True)
class Request:
    """A command on its way. No `repr` shows its line, which may hold a password."""

    line: str = field(repr=False)
    kind: RequestKind
    subject: str
    """The room or name that the command is about. Empty: any answer of its kind fits."""
    origin: RequestOrigin
    sent_at: float = 0.0
    measures_latency: bool = False
    """True if no other line was on its way and the server answers at once. The time until the
    answer is then the round trip time."""
    listed: dict[str, int | None] = field(default_factory=dict)
    """The items of a list received so far. For rooms, with their member counts."""
    notices: list[Notice] = field(default_factory=list)
    """Notices that arrived between the lines of the list. They are newer than all of its lines."""

    def add_items(self, answer: ParsedReply) -> None:
        """Add the items of one line of the list."""
        self.listed.update(zip(answer.items, answer.counts or repeat(None), strict=False))

    def apply_notices(self, answer: ParsedReply) -> dict[str, int | None]:
        """Apply the notices to the list and return it. `answer` is its last line."""
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
        """Return True if an answer that names `name` (None: no name) fits this request."""
        if name is None or not self.subject:
            return True
        canonical = canonical_name(self.subject) or self.subject
        return f"@{name}" == self.subject or name in (
            self.subject,
            canonical,
            quoted_in_reply(self.subject),
            quoted_in_reply(canonical),
        )


def make_request(command: CommandInput, origin: RequestOrigin) -> Request:
    """Return the request for a command."""
    kind = _KINDS.get(command.word, RequestKind.OTHER)
    subject = command.arguments[0] if len(command.arguments) == 1 else ""
    if kind is RequestKind.PRIVATE and command.arguments:
        subject = command.arguments[0]
    if command.word == "/unread" and command.arguments:
        kind = RequestKind.UNREAD_NOTICES
    if kind in _ANY_SUBJECT:
        subject = ""
    elif command.word == "/leave":
        subject = "" if command.arguments else LOBBY
    elif kind is RequestKind.OTHER:
        subject = command.word
    return Request(command.line, kind, subject, origin)


def is_shown(answer: ParsedReply, request: Request) -> bool:
    """Return True if the log shows this answer to the request."""
    if answer.failed:  # a failed join is shown by `JoinFailed`
        return request.origin is not RequestOrigin.INTERNAL and request.kind is not RequestKind.JOIN
    # The end of the session is shown by `SignedOut`.
    return request.origin is RequestOrigin.TYPED and request.kind is not RequestKind.QUIT


def is_silence_shown(request: Request) -> bool:
    """Return True if the log shows that this request was not answered.

    A failed join is shown by `JoinFailed`. To a command of kind OTHER, any line may be the answer.
    """
    return request.origin is RequestOrigin.TYPED and request.kind not in (
        RequestKind.JOIN,
        RequestKind.OTHER,
    )


def parse_reply(text: str) -> ParsedReply | None:
    """Parse the text of a `[SERVER]` line. Return None if it does not answer a request."""
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
    if (on := history_replies.parse_stamps(text)) is not None:
        return ParsedReply(RequestKind.STAMPS, "on" if on else "off")
    if history_replies.parse_unread_notices(text) is not None:
        return ParsedReply(RequestKind.UNREAD_NOTICES, None)
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
    (RequestKind.PRIVATE, history_replies.parse_kept_for),
)


def parse_notice(text: str) -> Notice | None:
    """Parse the text of a `[SERVER]` line. Return None if it is not a presence notice.

    The texts of notices and of answers are disjoint.
    """
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
    """Parse the text of an `[ERROR]` line. Return None if it does not answer a known request."""
    for kind, parse in _NAMED_ERRORS:
        name = parse(text)
        if name is not None:
            also = _USER_KINDS if kind is RequestKind.SUBSCRIBE else frozenset()
            return ParsedReply(kind, name, failed=True, other_kinds=also)
    if text in _HISTORY_ERRORS or history_replies.parse_no_such_time(text) is not None:
        return ParsedReply(RequestKind.HISTORY, None, failed=True, other_kinds=_HISTORY_KINDS)
    if text == replies.LEGACY_CANNOT_SUBSCRIBE:
        return ParsedReply(RequestKind.SUBSCRIBE, None, failed=True)
    if text == replies.WRONG_PASSWORD or replies.parse_retry_after(text) is not None:
        return ParsedReply(RequestKind.PASSWORD, None, failed=True)
    word = replies.parse_usage(text) or replies.parse_unknown_command(text)
    if word is None:
        return None
    kind = _KINDS.get(word, RequestKind.OTHER)
    return ParsedReply(kind, word if kind is RequestKind.OTHER else None, failed=True)


def rejection_by_unknown_text(oldest: Request | None) -> ParsedReply | None:
    """Return the rejection of `oldest` that an unknown `[ERROR]` text is taken for, or None.

    Only a join or a password change is rejected with unknown texts, for example a rule for
    passwords. If the text does not answer the join after all, the client still follows the later
    answer, and the texts that waited for the room are safe in the composer.
    """
    if oldest is None or oldest.kind not in (RequestKind.JOIN, RequestKind.PASSWORD):
        return None
    return ParsedReply(oldest.kind, None, failed=True)


_NAMED_ERRORS: Final[tuple[tuple[RequestKind, Callable[[str], str | None]], ...]] = (
    (RequestKind.JOIN, replies.parse_invalid_room),
    (RequestKind.JOIN, replies.parse_similar_room),
    (RequestKind.WHO, replies.parse_no_such_room),
    (RequestKind.SUBSCRIBE, replies.parse_no_such_user),
    (RequestKind.PRIVATE, replies.parse_not_delivered),
    (RequestKind.PRIVATE, history_replies.parse_too_many_waiting),
)


_USER_KINDS: Final = frozenset({RequestKind.HISTORY})
"""Requests that are rejected like a subscription if there is no such user."""

_HISTORY_ERRORS: Final = frozenset(
    {
        history_replies.HISTORY_UNAVAILABLE,
        history_replies.SEARCH_TOO_SLOW,
        history_replies.BAD_COUNT,
    }
)


class PendingRequests:
    """The sent requests that are not answered yet, oldest first."""

    def __init__(self) -> None:
        self._requests: deque[Request] = deque()
        self._expired: deque[Request] = deque(maxlen=_MAX_EXPIRED)

    def __len__(self) -> int:
        return len(self._requests)

    def __iter__(self) -> Iterator[Request]:
        return iter(self._requests)

    @property
    def oldest(self) -> Request | None:
        """The request that the server answers next."""
        return self._requests[0] if self._requests else None

    def add(self, request: Request) -> None:
        """Add a request that is being sent."""
        self._requests.append(request)

    def match(self, answer: ParsedReply) -> tuple[Request | None, list[Request]]:
        """Return the request that `answer` answers, and the earlier ones that it leaves unanswered.

        The request is None if the answer fits no request. It is removed unless its list continues.
        """
        index = self._index_of(answer)
        if index is None:
            return None, []
        skipped = [self._requests.popleft() for _ in range(index)]
        self._expired.extend(skipped)
        found = self._requests[0]
        if not answer.more:
            self._requests.popleft()
        return found, skipped

    def take_oldest(self) -> Request | None:
        """Remove and return the oldest request. Its answer has an unknown text."""
        return self._requests.popleft() if self._requests else None

    def expire(self, since: float) -> list[Request]:
        """Remove and return the requests that were sent at `since` or before."""
        expired = []
        while self._requests and self._requests[0].sent_at <= since:
            expired.append(self._requests.popleft())
        self._expired.extend(expired)
        return expired

    def consume_late_internal_reply(self, answer: ParsedReply) -> bool:
        """Return True if this is the late answer to an expired request of the client itself.

        The last line of the answer forgets the request.
        """
        for late in self._expired:
            if late.kind is answer.kind and late.origin is RequestOrigin.INTERNAL:
                if not answer.more:
                    self._expired.remove(late)
                return True
        return False

    def _index_of(self, answer: ParsedReply) -> int | None:
        first_of_kind = None
        for index, request in enumerate(self._requests):
            if answer.fits(request.kind):
                if request.is_about(answer.subject):
                    return index
                if first_of_kind is None:
                    first_of_kind = index
        return first_of_kind
