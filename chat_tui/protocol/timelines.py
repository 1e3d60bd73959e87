"""Timelines: what the client has of each room and conversation, over all connections of one user.

Stamps are in microseconds since the epoch here. They rise over all rooms of a server, so they say
which message is newer, and they name a message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from chat_server.wire import format_stamp, parse_stamp
from chat_tui.events import DeliveryProof

_MAX_SENDS: Final = 1000
"""Own messages of a place that are counted for the proofs of later ones. More have no proof."""

_MAX_AHEAD: Final = 20_000
"""Shown messages that are remembered while a log has a gap before them."""

_MAX_SHOWN: Final = 1000
"""Shown messages of a conversation that are remembered."""


class Unconfirmed(NamedTuple):
    """An own message that may have arrived or not, and whose connection has ended."""

    id: int
    place: str
    text: str
    is_action: bool
    proof: DeliveryProof | None


class Timeline:
    """What the client has of one place: all messages up to `newest`, and those in `ahead`."""

    def __init__(self, *, is_private: bool = False) -> None:
        """`is_private`: of a conversation, in which own messages are confirmed without a stamp."""
        self._is_private = is_private
        self.newest: int | None = None
        """The log is complete up to this stamp. None: it is empty. 0: the place was empty."""
        self.read: int | None = None
        """The newest message that the user has read, in this run of the client or before."""
        self.first: int | None = None
        """`newest` after the first page, which holds messages that the user has not missed."""
        self.ahead: set[int] = set()
        """The stamps of shown messages above `newest`: between, messages are missing."""
        self.echoes: set[int] = set()
        """The stamps of own messages that were confirmed on this connection, above `newest`."""
        self.uncounted: set[int] = set()
        """The stamps of own messages that no `skip` counts, because they had no proof."""
        self._shown: dict[int, None] = {}
        self._base: int | None = None
        # The own messages after `_base`, in order: their texts by id.
        self._sends: dict[int, tuple[str, bool]] = {}
        self._pending = 0  # own messages that are not settled
        self._has_sent = False  # on this connection
        self.has_started_over = False
        """True if the stamps of the server have gone down: what is stored of them is too high."""

    def sending(self, own_id: int, text: str, *, is_action: bool = False) -> DeliveryProof | None:
        """Record that an own message is sent now. Return its proof, if there is one."""
        self._pending += 1
        self._has_sent = True
        if self._base is None or len(self._sends) >= _MAX_SENDS:
            self._base = None
            return None
        skip = self._count_sends(text, is_action=is_action)
        self._sends[own_id] = text, is_action
        return DeliveryProof(format_stamp(self._base), skip)

    def settled(self) -> None:
        """Record that an own message is not pending any more."""
        self._pending = max(0, self._pending - 1)

    def withdrawn(self, own_id: int) -> None:
        """Record that an own message has not arrived, so that the history does not have it."""
        self._sends.pop(own_id, None)

    def is_own_shown(self, text: str, nth: int, *, is_action: bool = False) -> bool:
        """Return True if the log shows the `nth` own message of this text after the base."""
        return nth < self._count_sends(text, is_action=is_action)

    @property
    def base(self) -> int | None:
        """The stamp after which the own messages are counted. None: not known."""
        return self._base

    def live(self, stamp: int, *, is_complete: bool, is_echo: bool = False) -> bool:
        """Record a live message. Return False if the log shows it already.

        `is_complete`: the log has all messages before it.
        """
        if self.newest is not None and stamp <= self.newest:
            return False
        if is_complete:
            self.newest = stamp
            self._rebase(stamp)
        elif len(self.ahead) < _MAX_AHEAD:
            self.ahead.add(stamp)
            if is_echo:
                self.echoes.add(stamp)
        return True

    def show(self, stamp: int) -> bool:
        """Record that the log shows a message. Return False if it does so already.

        Only the latest are remembered.
        """
        if stamp in self._shown:
            return False
        self._shown[stamp] = None
        if len(self._shown) > _MAX_SHOWN:
            del self._shown[next(iter(self._shown))]
        return True

    def caught_up(self) -> None:
        """Record that no message is missing in the log now."""
        self.newest = max([self.newest or 0, *self.ahead])
        self.ahead.clear()
        self.echoes.clear()
        if not (self._is_private and self._has_sent):  # they may be newer than `newest`
            self._rebase(self.newest)

    def start_over(self) -> None:
        """Forget the stamps: those of the server have gone down, so no page can follow them.

        That happens if a server loses its history and its clock was set back.
        """
        self.newest = self.read = self.first = None
        self._base = 0 if self._is_private else None
        for known in (self.ahead, self.echoes, self.uncounted, self._shown):
            known.clear()
        self.has_started_over = True

    def connected(self, *, has_history: bool) -> None:
        """Start with a new connection. Nothing is pending on it."""
        self._pending = 0
        self._has_sent = False
        self.echoes.clear()
        if not has_history:  # what is sent now will not be in the history
            self._base = None
            self._sends.clear()

    def _count_sends(self, text: str, *, is_action: bool) -> int:
        return sum(sent == (text, is_action) for sent in self._sends.values())

    def _rebase(self, stamp: int) -> None:
        """Count own messages from `stamp` on, unless one that is on its way may be older."""
        if self._pending == 0:
            self._base = stamp
            self._sends.clear()


class Timelines:
    """The timelines of one user at one server."""

    def __init__(
        self,
        read: Mapping[str, str] | None = None,
        unconfirmed: Callable[[], Iterable[Unconfirmed]] = tuple,
    ) -> None:
        """`read`: the newest message that the user has read, by place; see `Timeline.read`.

        `unconfirmed` returns the user's unconfirmed messages, oldest first.
        """
        self._timelines: dict[str, Timeline] = {}
        self._unconfirmed = unconfirmed
        for place, stamp in (read or {}).items():
            self.of(place).read = parse_stamp(stamp)

    def of(self, place: str) -> Timeline:
        """Return the timeline of a room or conversation."""
        if (timeline := self._timelines.get(place)) is None:
            timeline = self._timelines[place] = Timeline(is_private=place.startswith("@"))
        return timeline

    def connected(self, *, has_history: bool) -> None:
        """Start with a new connection."""
        for timeline in self._timelines.values():
            timeline.connected(has_history=has_history)

    def conversations(self) -> list[str]:
        """Return the private conversations with a log in this run of the client."""
        return [
            place
            for place, timeline in self._timelines.items()
            if place.startswith("@") and timeline.newest is not None
        ]

    def newest(self) -> dict[str, str]:
        """Return the newest message of each log that the client has completely, by place."""
        return {
            place: format_stamp(timeline.newest)
            for place, timeline in self._timelines.items()
            if timeline.newest
        }

    def take_started_over(self) -> list[str]:
        """Return the places whose stamps have gone down since the last call."""
        places = [place for place, timeline in self._timelines.items() if timeline.has_started_over]
        for place in places:
            self.of(place).has_started_over = False
        return places

    def first(self) -> dict[str, str]:
        """Return the newest message of the first page of each log that began with one, by place."""
        return {
            place: format_stamp(timeline.first)
            for place, timeline in self._timelines.items()
            if timeline.first is not None
        }

    def unconfirmed(self, place: str | None = None) -> list[Unconfirmed]:
        """Return the unconfirmed messages that a history can resolve, oldest first."""
        return [
            message
            for message in self._unconfirmed()
            if message.proof is not None and place in (None, message.place)
        ]
