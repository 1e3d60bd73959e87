"""Snapshots of the replicated state in Redis: a server that starts does not read the whole log."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from chat_server.backplane import scripts
from chat_server.backplane.connection import RedisConnection
from chat_server.backplane.entry_codec import NO_CHAIN
from chat_server.backplane.log_events import BackplaneError


class LastEntry(NamedTuple):
    """What identifies the last entry that a server has read."""

    stamp: int
    chain: str


@dataclass(slots=True)
class Place:
    """How far a server has read the log. Belongs to its state, so a snapshot contains it."""

    stamp: int = 0
    """The stamp of the last entry."""
    reached: int = 0
    """The last stamp of that entry: a run of messages has several."""
    number: int = 0
    """Its number among all entries of the log."""
    chain: str = NO_CHAIN
    """Its chain: the same stamp and number in a log that went another way have another one."""
    applied: dict[str, int] = field(default_factory=dict)
    """The newest number of each node. An entry up to it is one that was sent again."""
    alive: list[str] = field(default_factory=list)
    """The nodes that have appended an entry and have not ended since."""

    @property
    def last(self) -> LastEntry:
        """Return what identifies it."""
        return LastEntry(self.stamp, self.chain)


def pack(place: Place, state: Mapping[str, Any]) -> bytes:
    """Return a snapshot as Redis stores it."""
    given = {"place": asdict(place), "state": state}
    return zlib.compress(json.dumps(given, separators=(",", ":")).encode(), 1)


def unpack(data: bytes) -> tuple[Place, dict[str, Any]]:
    """Return the place and the state. Raises `BackplaneError`."""
    try:
        given = json.loads(zlib.decompress(data))
        return Place(**given["place"]), given["state"]
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise BackplaneError(f"a snapshot in Redis cannot be read: {error}") from error


def load(connection: RedisConnection, at_most: int, oldest: int) -> tuple[Place, dict[str, Any]]:
    """Load the newest snapshot up to a stamp, or else the newest. Raises `BackplaneError`.

    `oldest`: the number of the oldest entry in the log. A snapshot from before it is useless.
    """
    stamps = sorted(map(int, connection.command("HKEYS", scripts.SNAPSHOTS)))
    for stamp in (max((each for each in stamps if each <= at_most), default=-1), *stamps[-1:]):
        data = connection.command("HGET", scripts.SNAPSHOTS, stamp)
        if data is not None:
            place, state = unpack(data)
            if place.number + 1 >= oldest:
                return place, state
    raise BackplaneError(
        "Redis holds no snapshot from which the log goes on; wait until a server writes one"
    )
