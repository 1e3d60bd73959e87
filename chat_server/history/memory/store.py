"""The writing side of the store in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from chat_server.core import Record, SavedState, records, values
from chat_server.history.interface import Commit
from chat_server.history.memory.reader import MemoryReader
from chat_server.history.memory.state import Account, Message, Place, State, Visit
from chat_server.history.store import (
    DISORDERLY_SPAN,
    FIRST_STAMP_GAP,
    MAX_LOG_GAPS,
    MAX_LOG_NODES,
    MAX_VISITS,
    DroppedMessages,
    Pruned,
    Retention,
    marker_before_gap,
    missed_erasures,
    misses_entries,
    other_log_gap,
)
from chat_server.history.values import Gap

_DAY: Final = 24 * 60 * 60 * 1_000_000


class MemoryStore:
    """A store that ends with the process. See `Store`."""

    has_search = True

    def __init__(self) -> None:
        self._state = State()
        self._stamps: set[int] = set()
        self._reader = MemoryReader(self._state)

    @property
    def is_indexed(self) -> bool:
        """True: a search looks at all messages."""
        return True

    @property
    def reader(self) -> MemoryReader:
        """The reading side."""
        return self._reader

    def saved_state(self) -> SavedState:
        """Return the state for a hub that starts."""
        return SavedState(
            self._state.newest + FIRST_STAMP_GAP if self._state.newest else 0,
            {
                account.name: frozenset(account.subscriptions)
                for account in self._state.accounts
                if account.subscriptions
            },
            Counter(
                (message.recipient.name, message.author.name)
                for message in self._state.messages
                if message.recipient and message.is_unread
            ),
            self._state.log_position,
            dict(self._state.log_numbers),
            self._state.newest,
        )

    def start(
        self, accounts: Mapping[str, str | None] | None, *, shares_log: bool = False
    ) -> list[str]:
        """End the visits that a crash left open, and match the accounts."""
        if not (shares_log and self._state.log_position):
            self._end_open_visits()
        return [] if accounts is None else self.match_accounts(accounts)

    def _end_open_visits(self) -> None:
        newest = self._state.newest
        for account in self._state.accounts:
            if any(visit.is_open for visit in account.visits.values()):
                for room in account.visits:
                    self._end_visit(records.VisitEnded(account.name, room, newest, False))

    def match_accounts(self, accounts: Mapping[str, str | None]) -> list[str]:
        """Forget the accounts that are missing or were created at another time."""
        forgotten = []
        for account in self._state.accounts:
            if not account.is_in_use:
                continue
            created = accounts.get(account.name) or ""
            if account.name not in accounts or account.created not in (None, created):
                self._forget(account.name)
                forgotten.append(account.name)
        for name, time in accounts.items():
            self._state.account(name).created = time or ""
        return forgotten

    def apply(self, batch: Sequence[Record], dropped: Sequence[DroppedMessages] = ()) -> Commit:
        """Store a batch, in its order."""
        rooms: set[str] = set()
        recipients: set[str] = set()
        for hole in dropped:
            account = self._state.account
            place: Place = hole.room
            if not place:
                place = frozenset({account(hole.author), account(hole.recipient)})
            self._state.holes[place, hole.stamp] = hole.count
            self._see(hole.stamp)
        is_recount = False
        for record in records.flattened(batch):
            erased_before = len(self._state.messages)
            _APPLY[type(record)](self, record)
            if isinstance(record, records.MessagesErased):
                is_recount |= len(self._state.messages) < erased_before
            is_recount |= isinstance(record, records.LogSkipped)
            if isinstance(record, values.PublishedMessages):
                rooms.add(record.room)
            elif isinstance(record, values.PrivateMessageSent) and record.is_kept:
                recipients.add(record.recipient)
            elif isinstance(record, records.VisitEnded) and not record.is_orderly:
                recipients.add(record.user)
        accounts = values.UserForgotten | records.AccountRenamed | records.AccountsChanged
        is_recount |= any(isinstance(each, accounts) for each in records.flattened(batch))
        return Commit(frozenset(rooms), frozenset(recipients), is_recount)

    def index(self) -> bool:
        """Let searches find the newest messages. They do without."""
        return False

    def erase_message(self, stamp: int, user: str, *, is_operator: bool) -> str | None:
        """Erase a message by `user`, or for an operator any message. Return its author."""
        for message in self._state.messages:
            if message.stamp == stamp and (is_operator or self._state.is_own(message.author, user)):
                self._state.messages.remove(message)
                return message.author.name
        return None

    def erase_messages_by(self, author: str) -> int:
        """Erase all messages of an author in all rooms. Return how many there were."""
        erased = {each for each in self._state.messages if each.room and each.author.name == author}
        self._state.messages = [each for each in self._state.messages if each not in erased]
        return len(erased)

    def prune(self, retention: Retention, now: int) -> Pruned:
        """Delete what is too old, or too much for its room. There is no file to measure."""
        cutoff = now - retention.days * _DAY if retention.days else 0
        pruned = {message for message in self._state.messages if message.stamp < cutoff}
        if retention.messages:
            for room in {message.room for message in self._state.messages if message.room}:
                kept = [m for m in self._state.messages if m.room == room and m not in pruned]
                pruned.update(kept[: max(0, len(kept) - retention.messages)])
        self._state.messages = [each for each in self._state.messages if each not in pruned]
        horizons = self._state.horizons
        for message in pruned:
            horizons[message.place] = max(horizons.get(message.place, 0), message.stamp + 1)
        self._state.holes = {
            (place, stamp): count
            for (place, stamp), count in self._state.holes.items()
            if stamp >= max(cutoff, horizons.get(place, 0))
        }
        self._state.gaps = [gap for gap in self._state.gaps if gap.before > cutoff]
        self._remove_leftovers(cutoff, now)
        return Pruned(len(pruned))

    def _remove_leftovers(self, cutoff: int, now: int) -> None:
        """Forget the horizons of places of which nothing else is known."""
        places = {message.place for message in self._state.messages}
        places |= {place for place, _ in self._state.holes}
        places |= {room for account in self._state.accounts for room in account.visits}
        horizons = self._state.horizons
        for place in [each for each in horizons if each not in places]:
            if horizons[place] <= (cutoff if isinstance(place, str) else 2 * cutoff - now):
                del horizons[place]

    def used_bytes(self) -> int:
        """Return 0."""
        return 0

    def empty_log(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    # Records

    def _publish(self, run: values.PublishedMessages) -> None:
        author = self._state.account(run.author)
        for offset, text in enumerate(run.texts):
            self._add(Message(run.stamp + offset, author, text, run.room, run.is_action))

    def _send_private(self, sent: values.PrivateMessageSent) -> None:
        author, recipient = self._state.account(sent.author), self._state.account(sent.recipient)
        kept = sent.is_kept
        self._add(
            Message(
                sent.stamp, author, sent.text, "", False, recipient, is_kept=kept, is_unread=kept
            )
        )

    def _add(self, message: Message) -> None:
        if message.stamp not in self._stamps:  # otherwise the batch was stored before
            self._stamps.add(message.stamp)
            self._state.messages.append(message)
        self._see(message.stamp)

    def _see(self, stamp: int) -> None:
        self._state.newest = max(self._state.newest, stamp)

    def _mark_private_read(self, record: records.PrivateMessagesRead) -> None:
        user, other = self._state.find(record.user), self._state.find(record.other)
        for message in self._state.messages:
            if message.recipient is user and message.author is other:
                message.is_unread = False

    def _start_visit(self, visit: records.VisitStarted) -> None:
        account = self._state.account(visit.user)
        visits = account.visits
        marker = marker_before_gap(self._newest_gap_end(), account.created)
        first = max(visit.stamp, marker or 0)
        if marker is None or any(each.first < marker for each in visits.values()):
            marker = visit.stamp
        new = Visit(marker, marker, first, visit.stamp)
        entered = visits.setdefault(visit.room, new)
        if not visit.is_return and entered.marker <= visit.stamp:  # otherwise it was stored before
            entered.marker_at_entry = entered.marker
        entered.last, entered.is_open = visit.stamp, True
        oldest = sorted(visits, key=lambda room: (visits[room].is_open, visits[room].last))
        for room in oldest[: max(0, len(visits) - MAX_VISITS)]:
            del visits[room]
        self._see(visit.stamp)

    def _end_visit(self, ended: records.VisitEnded) -> None:
        self._see(ended.stamp)
        user = self._state.find(ended.user)
        if user is None:
            return
        since = ended.stamp - DISORDERLY_SPAN
        if ended.room not in user.visits:
            marker = marker_before_gap(self._newest_gap_end(), user.created)
            if marker is not None:
                user.visits[ended.room] = Visit(marker, marker, marker, ended.stamp)
        if visit := user.visits.get(ended.room):
            if ended.is_orderly:
                visit.marker = max(visit.marker, ended.stamp)
            else:
                read_to = max(visit.marker_at_entry, since)
                visit.marker = read_to if visit.is_open else min(visit.marker, read_to)
            if ended.is_orderly or visit.is_open:
                visit.last = max(visit.last, ended.stamp)
            visit.is_open = False
        if not ended.is_orderly:
            for message in self._state.messages:
                if message.recipient is user and not message.is_kept and message.stamp > since:
                    message.is_unread = True

    def _newest_gap_end(self) -> int:
        return max((gap.before for gap in self._state.gaps), default=0)

    def _subscribe(self, event: values.Subscribed) -> None:
        self._state.account(event.user).subscriptions.add(event.publisher)

    def _unsubscribe(self, event: values.Unsubscribed) -> None:
        if account := self._state.find(event.user):
            account.subscriptions.discard(event.publisher)

    def _forget_user(self, event: values.UserForgotten) -> None:
        self._forget(event.user)

    def _match_accounts(self, record: records.AccountsChanged) -> None:
        self.match_accounts(record.accounts)

    def _compare_account(self, record: records.AccountCreated) -> None:
        created = record.created or ""
        if self._state.account(record.user).created not in (None, created):
            self._forget(record.user)
        self._state.account(record.user).created = created

    def _erase(self, record: records.MessagesErased) -> None:
        if record.stamp:
            author = self.erase_message(record.stamp, record.user, is_operator=record.is_operator)
            record.note(author is not None, author or "")
        else:
            record.note(self.erase_messages_by(record.author), record.author)

    def _note_position(self, position: records.LogPosition) -> None:
        state = self._state
        state.log_position = max(state.log_position, position.stamp)
        if position.node:
            number = max(position.number, state.log_numbers.pop(position.node, 0))
            state.log_numbers[position.node] = number  # at the end: the newest
        for node in list(state.log_numbers)[: max(0, len(state.log_numbers) - MAX_LOG_NODES)]:
            del state.log_numbers[node]
        self._see(position.stamp)

    def _skip(self, skipped: records.LogSkipped) -> None:
        state = self._state
        if not misses_entries(skipped, state.log_position, state.log_numbers):
            return
        for missed in missed_erasures(skipped, state.log_position):
            self._erase(missed)
        after = state.log_position or state.newest
        if skipped.is_other_log:
            after = other_log_gap(skipped, state.newest)
            state.log_position = 0
            state.log_numbers.clear()
        if after < skipped.stamp:
            state.gaps.append(Gap(after, skipped.stamp + 1))
            if len(state.gaps) > MAX_LOG_GAPS:
                first, second, *rest = state.gaps
                state.gaps = [Gap(first.after, second.before), *rest]
        self._end_open_visits()
        if skipped.accounts is not None:
            self.match_accounts(skipped.accounts)
        for account in state.accounts:
            account.subscriptions = set()
        for user, publishers in skipped.subscriptions.items():
            for publisher in publishers:
                state.account(user).subscriptions.add(publisher)
        for node, number in {**skipped.numbers, "": 0}.items():
            self._note_position(records.LogPosition(skipped.stamp, node, number))

    def _rename(self, record: records.AccountRenamed) -> None:
        for account in self._state.accounts:
            if record.old in account.subscriptions:
                account.subscriptions -= {record.old}
                account.subscriptions |= {record.new}
        old, new = self._state.find(record.old), self._state.find(record.new)
        if old is None or old is new:
            return
        if new is not None and None not in (old.created, new.created):
            self._forget(new.name)
            new = None
        if new is not None:
            self._merge(old, new)
        for account in self._state.accounts:
            if old in (account, account.owner):
                account.name = record.new
                account.owner = new or account.owner

    def _merge(self, old: Account, new: Account) -> None:
        new.subscriptions |= old.subscriptions
        new.visits = old.visits | new.visits
        old.subscriptions, old.visits, old.is_in_use = set(), {}, False
        for message in self._state.messages:
            if message.recipient is not None:
                message.author = new if message.author is old else message.author
                message.recipient = new if message.recipient is old else message.recipient

        def moved(place: Place) -> Place:
            if isinstance(place, str):
                return place
            return frozenset(new if account is old else account for account in place)

        holes = self._state.holes.items()
        self._state.holes = {(moved(place), stamp): count for (place, stamp), count in holes}
        horizons: dict[Place, int] = {}
        for place, stamp in self._state.horizons.items():
            horizons[moved(place)] = max(horizons.get(moved(place), 0), stamp)
        self._state.horizons = horizons

    def _forget(self, name: str) -> None:
        account = self._state.find(name)
        if account is None:
            return
        account.is_in_use = False
        account.subscriptions, account.visits = set(), {}
        self._state.messages = [
            message
            for message in self._state.messages
            if message.recipient is None or account not in (message.author, message.recipient)
        ]
        self._state.holes = {
            (place, stamp): count
            for (place, stamp), count in self._state.holes.items()
            if isinstance(place, str) or account not in place
        }


_APPLY: Final[dict[type, Callable[[MemoryStore, Any], None]]] = {
    values.PublishedMessages: MemoryStore._publish,
    values.PrivateMessageSent: MemoryStore._send_private,
    records.PrivateMessagesRead: MemoryStore._mark_private_read,
    records.VisitStarted: MemoryStore._start_visit,
    records.VisitEnded: MemoryStore._end_visit,
    values.Subscribed: MemoryStore._subscribe,
    values.Unsubscribed: MemoryStore._unsubscribe,
    values.UserForgotten: MemoryStore._forget_user,
    records.AccountRenamed: MemoryStore._rename,
    records.AccountCreated: MemoryStore._compare_account,
    records.AccountsChanged: MemoryStore._match_accounts,
    records.MessagesErased: MemoryStore._erase,
    records.LogPosition: MemoryStore._note_position,
    records.LogSkipped: MemoryStore._skip,
}
"""What stores a record, by its type."""
