"""What this server appends to the log: what waits, what is on its way, and what was acknowledged.

A request passes through `waiting` (no number yet), `sent` (numbered, without a reply) and `ring`
(the log has taken it, and may still lose it). Numbers rise by 1 along `ring` and `sent`, so all
after the number that Redis knows can be sent again, and nothing else.

One lock guards all of it. Clients' threads add; the writer takes, and is told the replies; the
reader completes what it has applied.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final

from chat_server.backplane.entry_codec import Encoded, encode
from chat_server.config import Tuning
from chat_server.core import Session, requests

_OVERHEAD: Final = 256
"""Bytes that a request costs in memory in addition to its data, about."""

_MAX_BATCH: Final = 256
"""Most entries of one pipeline: 5 ms of Redis."""

AnySession = Session[Any]


class Pending:
    """A request of this server on its way through the log. Guarded by the lock of `Outgoing`."""

    __slots__ = (
        "account",
        "acknowledged_at",
        "done",
        "encoded",
        "first_stamp",
        "generation",
        "is_abandoned",
        "is_complete",
        "is_fenced",
        "is_withdrawn",
        "number",
        "request",
        "result",
        "room",
        "session",
        "size",
        "stamp",
        "user",
    )

    def __init__(self, request: requests.Request, session: AnySession | None, user: str) -> None:
        """Encode the request, which takes no lock. `user`: that of the session, or who logs in."""
        self.request: requests.Request | None = request
        """None once it is applied: only the encoded form may be sent again."""
        self.encoded: Encoded = encode(request)
        self.session = session
        self.user = user
        self.generation = 0 if session is None else session.generation
        self.size = len(self.encoded.data) + _OVERHEAD
        self.account: tuple[str, str, str, str] = ("", "", "", "")
        """For a change of an account: name, expected and new account in JSON, and old name."""
        self.number = 0
        """0: it waits and may be withdrawn."""
        self.stamp = 0
        """The stamp that the log gave it. 0: not known yet."""
        self.first_stamp = 0
        """The stamp that it had before the log lost it."""
        self.room = ""
        """The room of a message, once it is applied."""
        self.acknowledged_at = 0.0
        """When the log took it. 0: not yet, or the log has lost it."""
        self.is_fenced = False
        """The log has used up its number and refused it. It never happens, also if sent again."""
        self.is_withdrawn = False
        self.is_abandoned = False
        """The client's thread does not wait any more."""
        self.is_complete = False
        self.result: Any = None
        self.done: threading.Event | None = None
        """Set when it is complete, if a thread waits for that."""


class _Client:
    """How much of one session is not applied yet."""

    __slots__ = ("count", "settled", "size")

    def __init__(self) -> None:
        self.count = self.size = 0
        self.settled: threading.Event | None = None


class Outgoing:
    """The queue of this server and its ring of acknowledged entries."""

    def __init__(self, tuning: Tuning) -> None:
        self._tuning = tuning
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._space = threading.Condition(self._lock)
        self._waiting: deque[Pending] = deque()
        self._sent: deque[Pending] = deque()
        self._ring: deque[Pending] = deque()
        self._ring_size = 0
        self._size = 0
        """Bytes that are not applied yet."""
        self._taken = threading.Condition(self._lock)
        self._clients: dict[AnySession, _Client] = {}
        self._blocked: dict[AnySession, Pending] = {}
        """What waits for space."""
        self._unapplied: dict[int, Pending] = {}
        """By number: all that have one and are not complete."""
        self._doubtful: list[tuple[int, int]] = []
        """Numbers whose replies were lost, and the stamp after which all up to it are decided."""
        self._last_number = 0
        self._wakes = False
        self.is_closed = False
        """Nothing is added any more, and no thread waits."""
        self.written = 0
        """Entries that the log has taken."""
        self.resent = 0
        """Acknowledged entries that were sent again."""

    # Clients' threads

    def add(self, pending: Pending) -> None:
        """Append a request to the queue. Does not wait."""
        with self._lock:
            self._add(pending)

    def add_if_space(self, pending: Pending, timeout: float) -> bool:
        """Append messages to the queue. Return False if there was no space within `timeout`."""
        with self._lock:
            if not self._has_space(pending) and not self.is_closed:
                if pending.session is not None:
                    self._blocked[pending.session] = pending
                self._space.wait(timeout)
                if not self._has_space(pending) and not self.is_closed:
                    return False
            if pending.session is not None:
                self._blocked.pop(pending.session, None)
            self._add(pending)
            return True

    def withdraw_blocked(self, session: AnySession) -> None:
        """Forget what waits for space: its session has ended."""
        with self._lock:
            pending = self._blocked.pop(session, None)
            if pending is not None:
                pending.is_complete = True
                self._taken.notify_all()

    def event_when_settled(self, session: AnySession) -> threading.Event | None:
        """Return an event that is set once a session's messages are applied. None: they are."""
        with self._lock:
            client = self._clients.get(session)
            if client is None:
                return None
            if client.settled is None:
                client.settled = threading.Event()
            return client.settled

    def abandon(self, pending: Pending) -> bool:
        """Withdraw a request, or return False if it is complete.

        If it is on its way already, nothing waits for its result. A session that it starts is ended
        again.
        """
        with self._lock:
            if pending.is_complete:
                return False
            pending.is_abandoned = True
            if not pending.number:
                pending.is_withdrawn = True
                self._complete(pending)
            return True

    def wait_until_taken(self, timeout: float) -> bool:
        """Wait until the log has taken all that is here now. Return False after `timeout` s."""
        deadline = time.monotonic() + timeout
        with self._lock:
            here = deque((*self._sent, *self._waiting, *self._blocked.values()))
            while here:
                if here[0].acknowledged_at or here[0].is_complete:
                    here.popleft()
                elif (left := deadline - time.monotonic()) > 0:
                    self._taken.wait(left)
                else:
                    return False
            return True

    def close(self) -> dict[AnySession, int]:
        """End all waiting, also for what is on its way. Nothing is sent any more.

        Return how many messages of each session the log has not taken, as far as this server knows.
        """
        with self._lock:
            self.is_closed = True
            unsent: dict[AnySession, int] = {}
            for pending in (*self._waiting, *self._sent, *self._blocked.values()):
                if pending.session is not None and (count := _messages(pending)):
                    unsent[pending.session] = unsent.get(pending.session, 0) + count
            for pending in (*self._waiting, *self._unapplied.values()):
                if not pending.is_complete:
                    self._complete(pending)
            self._waiting.clear()
            self._blocked.clear()
            self._space.notify_all()
            self._work.notify_all()
            return unsent

    # The writer

    def take(self, timeout: float) -> list[Pending]:
        """Return what is to be sent next, numbered. Wait for it at most `timeout` seconds."""
        with self._lock:
            if self.is_closed:
                return []
            if not self._sent:
                if not self._waiting and not self._wakes:
                    self._work.wait(timeout)
                self._wakes = False
                while self._waiting and len(self._sent) < _MAX_BATCH:
                    pending = self._waiting.popleft()
                    if pending.is_withdrawn:
                        continue
                    self._last_number += 1
                    pending.number = self._last_number
                    self._unapplied[pending.number] = pending
                    self._sent.append(pending)
            return list(islice(self._sent, _MAX_BATCH))

    def wake(self) -> None:
        """Let `take` return at once."""
        with self._lock:
            self._wakes = True
            self._work.notify_all()

    def acknowledge(self, outcomes: Iterable[tuple[Pending, int]]) -> None:
        """Note that the log has taken the oldest sent requests, each with its stamp.

        Stamp 0: the log refused it. -1: it was taken earlier, and the reply was lost.
        """
        now = time.monotonic()
        with self._lock:
            for pending, stamp in outcomes:
                assert self._sent[0] is pending
                self._to_ring(self._sent.popleft(), now)
                if stamp > 0:
                    pending.stamp = stamp
                    self.written += 1
                elif stamp == 0:
                    pending.is_fenced = True
                    if not pending.is_complete:
                        self._complete(pending)
            self._shorten_ring(now)
            self._taken.notify_all()

    @property
    def base(self) -> int:
        """The number before the first one that can be sent."""
        with self._lock:
            for queue in (self._ring, self._sent):
                if queue:
                    return queue[0].number - 1
            return self._last_number

    @property
    def acknowledged(self) -> int:
        """The last number that the log has taken, as far as this server knows."""
        with self._lock:
            return self._sent[0].number - 1 if self._sent else self._last_number

    def resume_after(self, known: int, stamp: int) -> int:
        """Go on after the number that Redis knows. Return how many lost entries are sent again.

        `stamp`: the last one of the log. Once the reader has come so far, all entries up to `known`
        are applied, or they were refused.
        """
        now = time.monotonic()
        with self._lock:
            while self._sent and self._sent[0].number <= known:
                self._to_ring(self._sent.popleft(), now)
            # TRAP: numbers above it that Redis had known are lost again, so they are not decided.
            self._doubtful = [each for each in self._doubtful if each[0] <= known]
            self._doubtful.append((known, stamp))
            lost = 0
            while self._ring and self._ring[-1].number > known:
                pending = self._ring.pop()
                self._ring_size -= pending.size
                pending.acknowledged_at = 0.0
                self._sent.appendleft(pending)
                lost += 1
            for pending in self._sent:
                # Also if the reply was lost, but the entry was read, and then the log lost it.
                if pending.stamp:
                    pending.first_stamp = pending.first_stamp or pending.stamp
            self.resent += lost
            return lost

    # The reader

    def request_of(self, number: int) -> requests.Request | None:
        """Return the own request with a number, if it is not applied yet. Takes no lock."""
        pending = self._unapplied.get(number)
        return None if pending is None else pending.request

    def note_room(self, number: int) -> None:
        """Note the room in which the messages with a number were published just now.

        Called by the only thread that moves sessions, so the room is that of the entry.
        """
        pending = self._unapplied.get(number)
        if pending is not None and pending.session is not None:
            pending.room = pending.session.room.name

    def complete(self, applied: Sequence[tuple[int, int, Any]], position: int) -> None:
        """Note own entries that were applied: number, stamp and result. Wake who waits for them.

        `position`: the reader has applied all entries up to this stamp.
        """
        with self._lock:
            for number, stamp, result in applied:
                pending = self._unapplied.get(number)
                if pending is not None:
                    pending.stamp = stamp
                    pending.result = result
                    self._complete(pending)
            if self._doubtful and self._doubtful[0][1] <= position:
                decided = [known for known, stamp in self._doubtful if stamp <= position]
                self._doubtful = [each for each in self._doubtful if each[1] > position]
                self._give_up(max(decided))

    def give_up(self, number: int) -> None:
        """Complete all up to a number: a snapshot contains them, so they are never read."""
        with self._lock:
            self._give_up(number)

    def sizes(self) -> tuple[int, int]:
        """Return how many entries the log has not taken yet, and the bytes that are not applied."""
        with self._lock:
            return len(self._waiting) + len(self._sent), self._size

    # The caller holds the lock.

    def _add(self, pending: Pending) -> None:
        if self.is_closed:
            pending.is_complete = True
            if pending.done is not None:
                pending.done.set()
            return
        self._waiting.append(pending)
        self._size += pending.size
        if pending.session is not None:
            client = self._clients.get(pending.session)
            if client is None:
                client = self._clients[pending.session] = _Client()
            client.count += 1
            client.size += pending.size
        self._work.notify()

    def _has_space(self, pending: Pending) -> bool:
        # A run larger than the bound passes alone.
        client = None if pending.session is None else self._clients.get(pending.session)
        if client is not None and client.size + pending.size > self._tuning.redis_client_bytes:
            return False
        return not self._size or self._size + pending.size <= self._tuning.redis_queue_bytes

    def _complete(self, pending: Pending) -> None:
        if pending.is_complete:
            return
        pending.is_complete = True
        pending.request = None
        self._unapplied.pop(pending.number, None)
        self._size -= pending.size
        session = pending.session
        if session is not None:
            client = self._clients[session]
            client.count -= 1
            client.size -= pending.size
            if not client.count:
                del self._clients[session]
                if client.settled is not None:
                    client.settled.set()
        self._space.notify_all()
        if pending.done is not None:
            pending.done.set()
        started = pending.result
        if pending.is_abandoned and isinstance(started, Session) and not self.is_closed:
            self._add(Pending(requests.LogOut(), started, started.user))

    def _give_up(self, number: int) -> None:
        for each in sorted(each for each in self._unapplied if each <= number):
            self._complete(self._unapplied[each])

    def _to_ring(self, pending: Pending, now: float) -> None:
        pending.acknowledged_at = now
        self._ring.append(pending)
        self._ring_size += pending.size

    def _shorten_ring(self, now: float) -> None:
        oldest = now - self._tuning.redis_ring_seconds
        ring = self._ring
        while ring and (
            ring[0].acknowledged_at < oldest or self._ring_size > self._tuning.redis_ring_bytes
        ):
            self._ring_size -= ring.popleft().size


def _messages(pending: Pending) -> int:
    """Return how many messages a request holds that is not applied yet."""
    match pending.request:
        case requests.Publish():
            return len(pending.request.texts)
        case requests.SendPrivate():
            return 1
    return 0
