"""Two hubs that apply the same events end in equal states and send the same outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, get_args, get_origin

from hypothesis import given, settings
from hypothesis import strategies as st

from chat_server.core.deliveries import Delivery
from chat_server.core.event_handlers import HANDLERS
from chat_server.core.hub import Hub
from chat_server.core.presence import PresenceLimit
from chat_server.core.records import Record
from chat_server.core.rooms import Session
from chat_server.core.state import HubState
from chat_server.core.values import EndCause, EndNotice, HubEvent, PublishedMessages
from tests.support.hub_events import apply_event

USERS = ("alice", "bob", "carol")
NAMES = ("*", *USERS, "nobody")
ROOMS = ("lobby", "dev", "ops")
NOTICES = (None, EndNotice(EndCause.QUIT), EndNotice(EndCause.KICKED, "spam"))

Receiver = str
Request = Callable[[Hub[Receiver], Session[Receiver]], object]


class Recording:
    """The events that a hub applies, and the deliveries that come of them."""

    def __init__(self, hub: Hub[Receiver]) -> None:
        self._applier = hub._applier
        self.events: list[HubEvent[Receiver]] = []
        self.deliveries: list[Delivery[Receiver]] = []
        self._apply, self._apply_messages = self._applier.apply, self._applier.apply_messages
        self._applier.apply = self.apply  # type: ignore[method-assign]
        self._applier.apply_messages = self.apply_messages  # type: ignore[method-assign]

    @property
    def state(self) -> HubState[Receiver]:
        return self._applier.state

    def apply(self, event: HubEvent[Receiver]) -> tuple[Receiver, ...]:
        self.events.append(event)
        with self._recorded_deliveries():
            return self._apply(event)

    def apply_messages(self, run: PublishedMessages, is_own: bool = True) -> tuple[Receiver, ...]:
        self.events.append(run)
        with self._recorded_deliveries():
            return self._apply_messages(run, is_own)

    @contextmanager
    def _recorded_deliveries(self) -> Iterator[None]:
        """Record what is emitted meanwhile. The other outputs are replies without an event."""
        emit = self._applier.emit
        self._applier.emit = lambda recipients, output: self.deliveries.append((recipients, output))
        yield
        self._applier.emit = emit


def snapshot(state: HubState[Receiver]) -> dict[str, Any]:
    """Return all of a state, the order of its tables included, as plain values."""
    return {
        "sessions": [
            (user, each.user, each.host, each.receiver, each.room.name, each.presence)
            for user, each in state.sessions.items()
        ],
        "ended": [user for user, each in state.sessions.items() if each.ended.is_set()],
        "watchers": list(state.watchers),
        "rooms": [(name, list(room.members)) for name, room in state.rooms.items()],
        "recipients": {name: room.recipients_by_author for name, room in state.rooms.items()},
        "subscriptions": state.subscriptions,
        "reading": [
            (user, each.entered, each.started, each.stamps, each.unread_notices)
            for user, each in state.sessions.items()
        ],
        "moves": [
            (user, each.moves, list(each.trail), each.unread_since)
            for user, each in state.sessions.items()
        ],
        "split recipients": {name: room.stamped_by_author for name, room in state.rooms.items()},
        "stamp readers": list(state.stamp_readers),
        "waiting": state.waiting.snapshot(),
        "last stamp": state.last_stamp,
        "movers": [(user, repr(each)) for user, each in state.presence.movers.items()],
        "announced rooms": state.presence.announced,
        "is shut down": state.is_shut_down,
    }


def requests() -> st.SearchStrategy[Request]:
    """Return requests of a session."""
    texts = st.lists(st.sampled_from(["hi", "ho"]), min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda name: lambda hub, me: hub.join(me, name), st.sampled_from(ROOMS)),
        st.builds(lambda name: lambda hub, me: hub.subscribe(me, name), st.sampled_from(NAMES)),
        st.builds(lambda name: lambda hub, me: hub.unsubscribe(me, name), st.sampled_from(NAMES)),
        st.builds(lambda on: lambda hub, me: hub.set_presence(me, on), st.booleans()),
        st.builds(lambda lines: lambda hub, me: hub.publish(me, lines), texts),
        st.builds(
            lambda name: lambda hub, me: hub.send_private(me, name, "psst"), st.sampled_from(USERS)
        ),
        st.builds(lambda on: lambda hub, me: hub.set_stamps(me, on), st.booleans()),
        st.builds(lambda on: lambda hub, me: hub.set_unread_notices(me, on), st.booleans()),
        st.builds(lambda name: lambda hub, me: hub.read_private(me, name), st.sampled_from(USERS)),
        st.builds(lambda: lambda hub, me: hub.announce(me, "soon")),
        st.builds(lambda: lambda hub, me: hub.list_members(me)),
        st.builds(lambda end: lambda hub, me: hub.log_out(me, end), st.sampled_from(NOTICES)),
    )


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("log in"), st.sampled_from(USERS)),
        st.tuples(st.just("act"), st.sampled_from(USERS), requests()),
        st.tuples(st.just("act"), st.sampled_from(USERS), requests()),
        st.tuples(st.just("act"), st.sampled_from(USERS), requests()),
        st.tuples(st.just("remove"), st.sets(st.sampled_from(USERS), max_size=2)),
        st.tuples(st.just("end"), st.sets(st.sampled_from(USERS), max_size=2)),
        st.tuples(st.just("rename"), st.sampled_from(USERS), st.sampled_from(USERS)),
        st.tuples(st.just("set clock"), st.integers(0, 10)),
        st.tuples(st.just("shut down")),
    ),
    max_size=40,
)


def recording_hub(
    has_account: Callable[[str], bool],
    clock: Callable[[], int],
    record: Callable[[Record], None] | None = None,
) -> tuple[Hub[Receiver], Recording]:
    limit = PresenceLimit(1, 3.0, lambda: None, lambda: clock() / 2)
    hub: Hub[Receiver] = Hub(
        lambda recipients, output: None, has_account, clock, presence_limit=limit, record=record
    )
    return hub, Recording(hub)


class Decider:
    """A hub whose clock is set, and that records what it decides."""

    def __init__(self) -> None:
        self.now = 5
        self.logins = 0
        self.records: list[Record] = []
        self.hub, self.recording = recording_hub(
            USERS.__contains__, lambda: self.now, self.records.append
        )

    def run(self, steps: list[tuple[Any, ...]]) -> None:
        for step in steps:
            match step:
                case "log in", user:
                    self.logins += 1
                    self.hub.log_in(user, f"{user} {self.logins}", ["/join"], f"host {self.logins}")
                case "act", user, act:
                    if (session := self.recording.state.sessions.get(user)) is not None:
                        act(self.hub, session)
                case "remove", users:
                    self.hub.remove_users(users)
                case "rename", old, new:
                    if old != new and new not in self.recording.state.sessions:
                        self.hub.rename_users({old: new})
                case "end", users:
                    self.hub.end_sessions(users, EndNotice(EndCause.ACCOUNT_DISABLED))
                case "set clock", now:
                    self.now = now
                    self.hub.settle_presence()
                case _:
                    self.hub.shut_down()


def test_every_event_can_be_applied() -> None:
    assert HANDLERS.keys() == {get_origin(kind) or kind for kind in get_args(HubEvent)}


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_hubs_that_apply_same_events_end_in_equal_states(steps: list[tuple[Any, ...]]) -> None:
    decider = Decider()
    decider.run(steps)
    records: list[Record] = []
    replica, recording = recording_hub(
        has_account=lambda user: False, clock=lambda: 0, record=records.append
    )
    for event in decider.recording.events:
        apply_event(replica, event)
    assert snapshot(recording.state) == snapshot(decider.recording.state)
    assert records == decider.records
    assert recording.deliveries == decider.recording.deliveries


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_stamps_are_unique_and_rise_over_all_rooms(steps: list[tuple[Any, ...]]) -> None:
    decider = Decider()
    decider.run(steps)
    stamps: list[int] = []
    for event in decider.recording.events:
        if isinstance(event, PublishedMessages):
            stamps += range(event.stamp, event.stamp + len(event.texts))
        elif hasattr(event, "stamp"):
            stamps.append(event.stamp)
    assert stamps == sorted(set(stamps))
