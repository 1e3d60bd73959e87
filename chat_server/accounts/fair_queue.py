"""A fair queue: turns for groups of groups, and one item at a time for each lane. No lock, no I/O.

A first-in, first-out queue belongs to the peer that fills it. Here each group gets one turn,
however many items it has, and its members take turns in the same way. Turns alternate between the
groups that were served before and those that never were. Of the first, the one that was served the
longest time ago is next. Of the others, the newest has three of four turns and the oldest the
fourth. So a user does not wait for a crowd that came before, whether the user has been here before
or not, and no group waits for ever.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass
from enum import IntEnum
from heapq import heappop, heappush
from typing import Final, Generic, TypeVar

_ItemT = TypeVar("_ItemT")

MAX_REMEMBERED_GROUPS: Final = 65_536
"""Most groups whose last turn is remembered: about 10 MB. A forgotten one counts as a newcomer."""


class Priority(IntEnum):
    """The priority of an item. A lower number goes first."""

    KNOWN_ACCOUNT = 0
    """The account has logged in from this address lately, or it is in a session."""
    KNOWN_SITE = 1
    """Another account has logged in from this address, or its /48, lately."""
    STRANGER = 2


_OLDEST_NEWCOMER_EVERY: Final = 4
"""One of so many turns of newcomers is for the oldest of them, the others for the newest."""

_WEIGHTS: Final = {Priority.KNOWN_ACCOUNT: 8, Priority.KNOWN_SITE: 4, Priority.STRANGER: 1}
"""Shares of the turns while items of all priorities wait. No priority starves."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The place of an item in the queue."""

    priority: Priority = Priority.STRANGER
    path: tuple[Hashable, ...] = ()
    """The groups that the item belongs to, the largest first. At each level, groups take turns."""
    lane: Hashable | None = None
    """Items of one lane are taken one after the other, each after the lane's release. None: none
    of its own."""


class _Group(Generic[_ItemT]):
    """A group of groups, or of items. Empty groups are deleted, except a root."""

    __slots__ = (
        "_newcomer_turns",
        "_newcomers",
        "_newcomers_are_next",
        "_order",
        "children",
        "entry",
        "items",
    )

    def __init__(self) -> None:
        self.items: deque[_ItemT] = deque()
        self.children: dict[Hashable, _Group[_ItemT]] = {}
        # The children that were never served, in the order of their arrival.
        self._newcomers: OrderedDict[Hashable, None] = OrderedDict()
        self._newcomer_turns = 0
        self._newcomers_are_next = True
        # The others: a heap of (last turn, arrival, name). Only a child's current `entry` is valid.
        self._order: list[tuple[int, int, Hashable]] = []
        self.entry: tuple[int, int, Hashable] | None = None

    @property
    def is_empty(self) -> bool:
        return not self.items and not self.children

    def schedule(
        self, child: _Group[_ItemT], last_turn: int | None, arrival: int, name: Hashable
    ) -> None:
        """Let `child`, which is one of the children, have a turn. `last_turn` None: a newcomer."""
        if last_turn is None:
            self._newcomers[name] = None
            return
        child.entry = (last_turn, arrival, name)
        heappush(self._order, child.entry)
        # Removed groups leave invalid entries. Arrivals are unique, so names are never compared.
        if len(self._order) > 2 * len(self.children) + 16:
            self._order = sorted(child.entry for child in self.children.values() if child.entry)

    def first(self) -> tuple[Hashable, _Group[_ItemT]]:
        """Return the child whose turn it is, with its name, and unschedule it."""
        if self._is_turn_of_newcomers():
            self._newcomer_turns += 1
            is_for_oldest = self._newcomer_turns % _OLDEST_NEWCOMER_EVERY == 0
            name, _ = self._newcomers.popitem(last=not is_for_oldest)
            return name, self.children[name]
        while True:
            entry = heappop(self._order)
            child = self.children.get(entry[2])
            if child is not None and child.entry is entry:
                return entry[2], child

    def _is_turn_of_newcomers(self) -> bool:
        if not self._newcomers or len(self._newcomers) == len(self.children):
            return bool(self._newcomers)
        self._newcomers_are_next = not self._newcomers_are_next
        return not self._newcomers_are_next

    def delete(self, name: Hashable) -> None:
        """Delete an empty child."""
        del self.children[name]
        self._newcomers.pop(name, None)


class FairQueue(Generic[_ItemT]):
    """Items with their turns. The caller holds one lock for all calls.

    The number of items is not bounded here: each belongs to a thread that waits for it.
    """

    def __init__(self, max_groups: int = MAX_REMEMBERED_GROUPS) -> None:
        """`max_groups`: most groups whose last turn is remembered."""
        self._max_groups = max_groups
        self._roots: dict[Priority, _Group[_ItemT]] = {priority: _Group() for priority in Priority}
        self._passes = dict.fromkeys(Priority, 0.0)
        """Stride scheduling: the priority with the lowest pass has the next turn. A turn adds the
        inverse of the weight."""
        self._last_pass = 0.0
        self._numbers = 0
        """The last number that was given to a turn or to an arrival."""
        # The number of each group's last turn. Ordered by it; the newest is last.
        self._last_turns: OrderedDict[Hashable, int] = OrderedDict()
        # The items that wait for the release of each busy lane.
        self._lanes: dict[Hashable, deque[tuple[_ItemT, Turn]]] = {}
        self._count = 0

    def __len__(self) -> int:
        """Return the number of items, with those that wait for their lane."""
        return self._count

    def claim(self, lane: Hashable) -> bool:
        """Make `lane` busy without an item. Return False if it is busy already.

        After True, call `put` with `claimed`, or `release`.
        """
        if lane in self._lanes:
            return False
        self._lanes[lane] = deque()
        return True

    def put(self, item: _ItemT, turn: Turn, *, claimed: bool = False) -> None:
        """Add an item. `claimed`: the caller has claimed its lane."""
        self._count += 1
        lane = turn.lane
        if lane is not None and not claimed and not self.claim(lane):
            self._lanes[lane].append((item, turn))
        else:
            self._insert(item, turn)

    def take(self) -> _ItemT | None:
        """Remove the item whose turn it is. Return None if every item waits for its lane.

        Its lane stays busy until `release`.
        """
        waiting = [priority for priority in Priority if not self._roots[priority].is_empty]
        if not waiting:
            return None
        priority = min(waiting, key=lambda each: (self._passes[each], each))
        self._last_pass = self._passes[priority]
        self._passes[priority] += 1 / _WEIGHTS[priority]
        self._count -= 1
        self._numbers += 1
        return self._take_from(self._roots[priority])

    def release(self, lane: Hashable | None) -> None:
        """Let the next item of `lane` take its turn."""
        if lane is None:
            return
        waiting = self._lanes[lane]
        if waiting:
            self._insert(*waiting.popleft())
        else:
            del self._lanes[lane]

    def remove(self, item: _ItemT, turn: Turn) -> bool:
        """Remove an item that was not taken, and release its lane. Return False if it was taken."""
        held = self._lanes.get(turn.lane) if turn.lane is not None else None
        if held is not None and (item, turn) in held:
            held.remove((item, turn))
        elif self._remove_from(self._roots[turn.priority], turn.path, item):
            self.release(turn.lane)
        else:
            return False
        self._count -= 1
        return True

    def clear(self) -> None:
        """Remove all items, and release all lanes."""
        self._roots = {priority: _Group() for priority in Priority}
        self._lanes.clear()
        self._count = 0

    def _insert(self, item: _ItemT, turn: Turn) -> None:
        group = self._roots[turn.priority]
        if group.is_empty:
            # No credit for the time in which nothing waited at this priority.
            self._passes[turn.priority] = max(self._passes[turn.priority], self._last_pass)
        for name in turn.path:
            child = group.children.get(name)
            if child is None:
                child = group.children[name] = _Group()
                self._schedule(group, name, child)
            group = child
        group.items.append(item)

    def _schedule(self, group: _Group[_ItemT], name: Hashable, child: _Group[_ItemT]) -> None:
        self._numbers += 1
        group.schedule(child, self._last_turns.get(name), self._numbers, name)

    def _take_from(self, group: _Group[_ItemT]) -> _ItemT:
        if group.items:
            return group.items.popleft()
        name, child = group.first()
        item = self._take_from(child)
        self._record_turn(name)
        if child.is_empty:
            group.delete(name)
        else:
            self._schedule(group, name, child)
        return item

    def _record_turn(self, name: Hashable) -> None:
        self._last_turns[name] = self._numbers
        self._last_turns.move_to_end(name)
        while len(self._last_turns) > self._max_groups:
            self._last_turns.popitem(last=False)

    def _remove_from(self, group: _Group[_ItemT], path: tuple[Hashable, ...], item: _ItemT) -> bool:
        if not path:
            if item not in group.items:
                return False
            group.items.remove(item)
            return True
        child = group.children.get(path[0])
        if child is None or not self._remove_from(child, path[1:], item):
            return False
        if child.is_empty:
            group.delete(path[0])
        return True
