"""Who is here, and whom we follow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from chat_server.wire import EVERYONE

RECENT_SPEAKER_AGE: Final = timedelta(minutes=1)
"""How long somebody counts as having just spoken."""

_MAX_SPEAKERS: Final = 500
"""Names that are remembered for that, the newest: a server may make up names without end."""


@dataclass(frozen=True, slots=True)
class Person:
    """One row of the sidebar; `followed` by name, whether or not everyone is followed."""

    name: str
    followed: bool
    own: bool


class Roster:
    """The members of the current room and our subscriptions."""

    def __init__(self) -> None:
        self.user = ""
        """Our own name."""
        self.everyone = False
        """Whether we follow everyone."""
        self._followed: set[str] = set()
        self._here: set[str] | None = None
        self._last_spoke: dict[str, datetime] = {}  # name -> when; the newest last

    @property
    def known(self) -> bool:
        """Whether it is known who is here (older servers do not tell)."""
        return self._here is not None

    def here(self) -> list[Person]:
        """The members of the current room by name, ourselves among them; empty if not known."""
        return [self._person(name) for name in sorted(self._here or ())]

    def elsewhere(self, extra: Iterable[str] = ()) -> list[Person]:
        """Those whom we follow by name, and `also`, as far as they are not known to be here."""
        names = (self._followed | {*extra}) - (self._here or set())
        return [self._person(name) for name in sorted(names)]

    def spoke(self, name: str, timestamp: datetime) -> None:
        """We heard `name` say something; `at` by our own clock."""
        self._last_spoke.pop(name, None)
        self._last_spoke[name] = timestamp
        if len(self._last_spoke) > _MAX_SPEAKERS:
            del self._last_spoke[next(iter(self._last_spoke))]

    def recent_speakers(self, now: datetime) -> frozenset[str]:
        """Those whom we heard within the last minute."""
        # A clock that was set back makes nobody speak for hours.
        recent = {
            name
            for name, at in self._last_spoke.items()
            if timedelta() <= now - at < RECENT_SPEAKER_AGE
        }
        self._last_spoke = {name: at for name, at in self._last_spoke.items() if name in recent}
        return frozenset(recent)

    def follows(self, name: str) -> bool:
        """Whether we hear `name` when we are in one room ("*": whether we follow everyone)."""
        return self.everyone if name == EVERYONE else self.everyone or name in self._followed

    @property
    def follows_nobody_here(self) -> bool:
        """There are others in this room, and we hear none of them."""
        others = (self._here or set()) - {self.user}
        return not self.everyone and bool(others) and not others & self._followed

    def forget_here(self) -> None:
        """We went to another room: who is there is not known yet."""
        self._here = None

    def members_listed(self, names: Iterable[str]) -> int:
        """What `/who` answered for the current room; gives back how many there are."""
        self._here = set(names)
        return len(self._here)

    def person_joined(self, name: str) -> int | None:
        """Somebody came into the room; how many there are now, None where it is not known."""
        if self._here is None:
            return None
        self._here.add(name)
        return len(self._here)

    def person_left(self, name: str) -> int | None:
        """Somebody left the room; how many there are now, None where it is not known."""
        if self._here is None:
            return None
        self._here.discard(name)
        return len(self._here)

    def subscriptions_listed(self, names: Iterable[str]) -> None:
        """What `/subs` answered."""
        self._followed = set(names)
        self.everyone = EVERYONE in self._followed
        self._followed -= {EVERYONE, self.user}

    def follow(self, name: str) -> None:
        """We follow `name` now ("*": everyone)."""
        if name == EVERYONE:
            self.everyone = True
        elif name != self.user:
            self._followed.add(name)

    def unfollow(self, name: str) -> None:
        """We no longer follow `name` ("*": everyone)."""
        if name == EVERYONE:
            self.everyone = False
        else:
            self._followed.discard(name)

    def _person(self, name: str) -> Person:
        return Person(name, name in self._followed, name == self.user)
