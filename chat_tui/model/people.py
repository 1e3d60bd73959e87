"""Roster: the members of the current room and the user's subscriptions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from chat_server.wire import EVERYONE, replies
from chat_tui.events import (
    Followed,
    MembersListed,
    PersonJoined,
    PersonLeft,
    SubscriptionsListed,
    Unfollowed,
)
from chat_tui.sanitize import safe_name

RECENT_SPEAKER_AGE: Final = timedelta(minutes=1)
"""How long a person counts as a recent speaker after a message."""

_MAX_SPEAKERS: Final = 500
"""Most recent speakers that are kept, the newest: a hostile server may invent names."""


_MAX_UNFOLLOWED: Final = 100
"""Most unfollowed names that are kept, to follow them again."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person. `followed`: the user follows this name; following everyone does not count."""

    name: str
    followed: bool
    own: bool


class Roster:
    """The members of the current room and our subscriptions."""

    def __init__(self) -> None:
        self.user = ""
        """The name of the user."""
        self.everyone = False
        """True if the user follows everyone."""
        self._followed: set[str] = set()
        self._is_listed = False  # the subscriptions are known
        self._unfollowed: list[str] = []  # in this session, the latest last
        self._explained_reply = ""  # of the server, to the change that the latest notice is about
        self._here: set[str] | None = None  # None: not known
        self._last_spoke: dict[str, datetime] = {}  # name -> when; the newest last

    @property
    def known(self) -> bool:
        """True if the members are known. Legacy servers do not list them."""
        return self._here is not None

    def here(self) -> list[Person]:
        """Return the members of the current room by name, with the user; empty if not known."""
        return [self._person(name) for name in sorted(self._here or ())]

    def elsewhere(self, extra: Iterable[str] = ()) -> list[Person]:
        """Return the followed people and `extra`, without those known to be in the room."""
        names = (self._followed | {*extra}) - (self._here or set())
        return [self._person(name) for name in sorted(names)]

    def spoke(self, name: str, timestamp: datetime) -> None:
        """A message of `name` arrived; `timestamp` is local time."""
        self._last_spoke.pop(name, None)
        self._last_spoke[name] = timestamp
        if len(self._last_spoke) > _MAX_SPEAKERS:
            del self._last_spoke[next(iter(self._last_spoke))]

    def recent_speakers(self, now: datetime) -> frozenset[str]:
        """Return the people whose latest message is younger than `RECENT_SPEAKER_AGE`."""
        # A time in the future (the clock was set back) does not count: it would last for hours.
        recent = {
            name
            for name, at in self._last_spoke.items()
            if timedelta() <= now - at < RECENT_SPEAKER_AGE
        }
        self._last_spoke = {name: at for name, at in self._last_spoke.items() if name in recent}
        return frozenset(recent)

    def follows(self, name: str) -> bool:
        """Return True if the user receives messages of `name` ("*": if they follow everyone)."""
        return self.everyone if name == EVERYONE else self.everyone or name in self._followed

    def is_subscribed(self, name: str) -> bool:
        """Return True if there is a subscription to just this name ("*": to everyone)."""
        return self.everyone if name == EVERYONE else name in self._followed

    @property
    def follows_none(self) -> bool:
        """True if the server has listed the subscriptions and there are none."""
        return self._is_listed and not self.everyone and not self._followed

    @property
    def follows_none_present(self) -> bool:
        """True if there are others in the room and the user follows none of them."""
        others = (self._here or set()) - {self.user}
        return not self.everyone and bool(others) and not others & self._followed

    def forget_here(self) -> None:
        """The user joined another room: its members are not known yet."""
        self._here = None

    def apply_members(self, event: MembersListed | PersonJoined | PersonLeft) -> int | None:
        """Change the members of the current room. Return their number, None if not known."""
        match event:
            case MembersListed(_, names):
                return self.members_listed(map(safe_name, names))
            case PersonJoined(name, _):
                return self.person_joined(safe_name(name))
            case PersonLeft(name, _):
                return self.person_left(safe_name(name))

    def apply_subscriptions(
        self, event: SubscriptionsListed | Followed | Unfollowed, undo_key: str = ""
    ) -> str:
        """Change the subscriptions as the server reports.

        Return what the user must know about it, empty if it is what they expect. `undo_key` follows
        a person again; empty: the text names the command.
        """
        notice = self._explained_reply = ""
        match event:
            case SubscriptionsListed(names):
                self.subscriptions_listed(map(safe_name, names))
            case Followed(name):
                notice = self._followed_again(safe_name(name))
                self._explained_reply = replies.subscribed(name) if notice else ""
            case Unfollowed(name):
                notice = self._unfollowed_by_user(safe_name(name), undo_key)
                self._explained_reply = replies.unsubscribed(name) if notice else ""
        return notice

    def repeats_notice(self, reply: str) -> bool:
        """Return True if the notice about the latest event said the same as the server's reply."""
        return reply != "" and reply == self._explained_reply

    def _followed_again(self, name: str) -> str:
        again = name in self._unfollowed
        self.follow(name)
        who = "everyone" if name == EVERYONE else name
        return f"You see messages from {who} again." if again else ""

    def _unfollowed_by_user(self, name: str, undo_key: str) -> str:
        had = self.is_subscribed(name)
        self.unfollow(name)
        if had:
            undo = f"{undo_key}: undo" if undo_key else f"To undo: /subscribe {name}"
            return f"{self._unfollow_notice(name)} {undo}"
        is_still_seen = self.everyone and name != self.user
        return self._unfollow_notice(name) if is_still_seen else ""

    def members_listed(self, names: Iterable[str]) -> int:
        """Set the members of the current room, from the reply to `/who`. Return their number."""
        self._here = set(names)
        return len(self._here)

    def person_joined(self, name: str) -> int | None:
        """Add a member. Return the number of members, None if it is not known."""
        if self._here is None:
            return None
        self._here.add(name)
        return len(self._here)

    def person_left(self, name: str) -> int | None:
        """Remove a member. Return the number of members, None if it is not known."""
        if self._here is None:
            return None
        self._here.discard(name)
        return len(self._here)

    def subscriptions_listed(self, names: Iterable[str]) -> None:
        """Set the subscriptions, from the reply to `/subs`."""
        self._is_listed = True
        self._followed = set(names)
        self.everyone = EVERYONE in self._followed
        self._followed -= {EVERYONE, self.user}

    @property
    def last_unfollowed(self) -> str | None:
        """The name ("*": everyone) that the user unfollowed last and has not followed since."""
        return self._unfollowed[-1] if self._unfollowed else None

    def follow(self, name: str) -> None:
        """Add a subscription to `name` ("*": to everyone)."""
        self._unfollowed = [other for other in self._unfollowed if other != name]
        if name == EVERYONE:
            self.everyone = True
        elif name != self.user:
            self._followed.add(name)

    def unfollow(self, name: str) -> None:
        """Remove the subscription to `name` ("*": to everyone)."""
        if self.is_subscribed(name):
            self._unfollowed = [*self._unfollowed[-_MAX_UNFOLLOWED:], name]
        if name == EVERYONE:
            self.everyone = False
        else:
            self._followed.discard(name)

    def _unfollow_notice(self, name: str) -> str:
        if name != EVERYONE:
            if self.everyone:
                return f"You still see messages from {name}, because you follow everyone."
            return f"You no longer see messages from {name}."
        if not self._followed:
            return "You no longer see messages from anyone."
        return "You now see only messages from people that you follow by name."

    def _person(self, name: str) -> Person:
        return Person(name, name in self._followed, name == self.user)
