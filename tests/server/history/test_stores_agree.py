"""Random records and questions: the store on disk answers like the simple one in memory."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from chat_server.core import Record
from chat_server.core.records import (
    AccountCreated,
    AccountRenamed,
    LogSkipped,
    MessagesErased,
    PrivateMessagesRead,
    VisitEnded,
    VisitStarted,
)
from chat_server.core.values import (
    PrivateMessageSent,
    PublishedMessages,
    Subscribed,
    Unsubscribed,
    UserForgotten,
)
from chat_server.history import DroppedMessages, PageRequest, Reader, Retention, Store
from chat_server.history.memory import MemoryStore
from chat_server.history.sqlite import SqliteStore
from tests.support.history_records import search

MINUTE = 60_000_000
START = 100 * 24 * 60 * MINUTE

NAMES = ("ann", "bob", "ann-marie", "eve")
ROOMS = ("lobby", "dev")
WORDS = ("ann", "Bob!", "Äpfel", "apfel", "foo-bar", "c++", "ann-marie,", "x")

names = st.sampled_from(NAMES)
rooms = st.sampled_from(ROOMS)
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
created = st.sampled_from((None, "2026-01-01T00:00:00Z", "2026-02-02T00:00:00Z"))

steps = st.one_of(
    st.tuples(st.just("say"), names, rooms, st.lists(texts, min_size=1, max_size=3), st.booleans()),
    st.tuples(st.just("send"), names, names, texts, st.booleans()),
    st.tuples(st.just("enter"), names, rooms, st.booleans()),
    st.tuples(st.just("leave"), names, rooms, st.booleans()),
    st.tuples(st.just("follow"), names, st.sampled_from((*NAMES, "*")), st.booleans()),
    st.tuples(st.just("read"), names, names),
    st.tuples(st.just("rename"), names, names),
    st.tuples(st.just("remove"), names),
    st.tuples(st.just("drop"), names, names, st.sampled_from(("", *ROOMS))),
    st.tuples(st.just("erase"), st.integers(0, 30), names, st.booleans()),
    st.tuples(st.just("erase all"), names),
    st.tuples(st.just("record erasure"), names),
    st.tuples(st.just("skip"), names, st.sampled_from((*NAMES, "*"))),
    st.tuples(st.just("created"), names, created),
    st.tuples(st.just("accounts"), st.dictionaries(names, created, min_size=1)),
    st.tuples(st.just("restart"), st.dictionaries(names, created, min_size=2)),
    st.tuples(st.just("prune"), st.integers(0, 6), st.sampled_from((0, 1, 3))),
)


class Pair:
    """Two stores that are changed alike. Each change and each answer must be the same."""

    def __init__(self, stores: Sequence[Store]) -> None:
        self.stores = stores
        self.stamps = [START]

    def next_stamp(self, count: int = 1) -> int:
        stamp = self.stamps[-1] + MINUTE
        self.stamps += range(stamp, stamp + count)
        return stamp

    def apply(self, *records: Record, dropped: Sequence[DroppedMessages] = ()) -> None:
        one, other = (store.apply(records, dropped) for store in self.stores)
        assert (one.rooms, one.is_recount) == (other.rooms, other.is_recount)

    def do(self, step: tuple[object, ...]) -> None:
        match step:
            case ("say", str(author), str(room), list(said), bool(is_action)):
                stamp = self.next_stamp(len(said))
                self.apply(PublishedMessages(room, author, tuple(said), stamp, is_action))
            case ("send", str(author), str(recipient), str(text), bool(kept)):
                if author != recipient:
                    stamp = self.next_stamp()
                    self.apply(PrivateMessageSent(author, recipient, text, stamp, is_kept=kept))
            case ("enter", str(user), str(room), bool(is_return)):
                self.apply(VisitStarted(user, room, self.stamps[-1], is_return))
            case ("leave", str(user), str(room), bool(is_orderly)):
                self.apply(VisitEnded(user, room, self.stamps[-1], is_orderly))
            case ("follow", str(user), str(publisher), bool(follows)):
                if user != publisher:
                    self.apply((Subscribed if follows else Unsubscribed)(user, publisher))
            case ("read", str(user), str(other)):
                self.apply(PrivateMessagesRead(user, other))
            case ("rename", str(old), str(new)):
                if old != new:
                    self.apply(AccountRenamed(old, new))
            case ("remove", str(user)):
                self.apply(UserForgotten(user))
            case ("record erasure", str(author)):
                erased = [MessagesErased(0, author), MessagesErased(0, author)]
                for store, record in zip(self.stores, erased, strict=True):
                    store.apply([record])
                assert erased[0].erasure == erased[1].erasure
            case ("created", str(user), (str() | None) as time):
                self.apply(AccountCreated(user, time))
            case ("skip", str(user), str(publisher)):
                stamp = self.next_stamp()
                subscriptions = {user: frozenset({publisher} - {user})}
                self.apply(LogSkipped(stamp, {"one:1": stamp}, subscriptions))
            case ("drop", str(author), str(recipient), str(room)):
                if room or author != recipient:
                    pair = ("", "") if room else (author, recipient)
                    self.apply(dropped=[DroppedMessages(self.next_stamp(), 2, room, *pair)])
            case _:
                self.do_without_record(step)

    def do_without_record(self, step: tuple[object, ...]) -> None:
        answers: list[object]
        match step:
            case ("erase", int(age), str(user), bool(is_operator)):
                stamp = self.stamps[-min(age + 1, len(self.stamps))]
                answers = [
                    store.erase_message(stamp, user, is_operator=is_operator)
                    for store in self.stores
                ]
            case ("erase all", str(author)):
                answers = [store.erase_messages_by(author) for store in self.stores]
            case ("accounts", dict(accounts)):
                answers = [sorted(store.match_accounts(accounts)) for store in self.stores]
            case ("restart", dict(accounts)):
                answers = [sorted(store.start(accounts)) for store in self.stores]
            case ("prune", int(age), int(messages)):
                # `days` of a "now" so that messages older than some minutes are too old.
                now = self.stamps[-1] + 24 * 60 * MINUTE - age * MINUTE
                retention = Retention(1, messages, 0)
                answers = [prune_all(store, retention, now) for store in self.stores]
            case _:
                raise AssertionError(step)
        assert answers[0] == answers[1], step

    def ask(self) -> None:
        one, other = (self.answers(store) for store in self.stores)
        assert one == other

    def answers(self, store: Store) -> dict[object, object]:
        """Return the answers to all questions, by question."""
        middle = self.stamps[len(self.stamps) // 2]
        state = store.saved_state()
        found: dict[object, object] = {
            "stamp": state.last_stamp,
            "subscriptions": dict(state.subscriptions),
            "waiting": dict(state.waiting),
        }
        requests = (
            *(PageRequest(), PageRequest(2), PageRequest(2, newest=False)),
            *(PageRequest(3, before=middle), PageRequest(2, after=middle, newest=False)),
        )
        for user in NAMES:
            reading = store.reader
            found[user] = reading.visited_rooms(user), reading.gap_in_unread(user)
            for followed in (frozenset(), frozenset({"ann", "eve"}), frozenset({"*"})):
                for room in ROOMS:
                    reader = Reader(user, room, followed)
                    for request in requests:
                        found[reader, request] = reading.room_page(reader, request)
                    for words in (["ann"], ["APFEL"], ["foo-bar", "x"], ["bar", "c++"], ["!"]):
                        found[reader, *words] = search(store, reader, words)
                    for after in (None, middle):
                        found[reader, after] = reading.unread_in(reader, room, after)
                found[user, followed] = reading.unread_private(Reader(user, "x", followed))
            for room in ROOMS:
                found[user, room] = reading.read_marker(user, room)
            for other in set(NAMES) - {user}:
                found[user, other] = reading.private_read_marker(user, other)
                for request in requests:
                    found[user, other, request] = reading.private_page(user, other, request)
        return found


def prune_all(store: Store, retention: Retention, now: int) -> int:
    deleted, has_more = 0, True
    while has_more:
        step = store.prune(retention, now)
        deleted, has_more = deleted + step.messages, step.has_more
    return deleted


@settings(max_examples=20, deadline=None)
@given(st.lists(steps, min_size=5, max_size=40))
def test_both_stores_give_the_same_answers(changes: list[tuple[object, ...]]) -> None:
    with TemporaryDirectory() as folder, closing(SqliteStore(Path(folder) / "h.db")) as on_disk:
        pair = Pair((MemoryStore(), on_disk))
        for number, step in enumerate(changes):
            pair.do(step)
            if number % 10 == 9:
                pair.ask()
        pair.ask()
