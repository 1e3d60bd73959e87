"""What this server appends to the log: what waits, what is on its way, and what was acknowledged.

A request passes through `waiting` (no number yet), `sent` (numbered, without a reply) and `ring`
(the log has taken it, and may still lose it). Numbers rise along `ring` and `sent`, so all after
the number that Redis knows can be sent again: see `AcknowledgedRing`.

One lock guards all of it. Clients' threads add, the writer takes and notes the replies, and the
reader completes what it has applied.

While requests come often, the thread of a client sends its own request if the connection is free,
and the writer reads the replies later, many at a time. So a message wakes no other thread of this
server until the reader has it. For one message in flight to 4 receivers, that takes 10 % off the
CPU time of two servers and Redis.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, Final, TypeAlias

from chat_server.backplane.acknowledged_ring import AcknowledgedRing
from chat_server.backplane.pending import AnySession, Pending
from chat_server.backplane.unapplied_sizes import UnappliedSizes
from chat_server.core import Session, requests
from chat_server.tuning import Tuning

_MAX_BATCH: Final = 256
"""Most entries of one pipeline: 5 ms of Redis."""

_REPLY_SECONDS: Final = 0.05
"""For how long replies may wait until the writer reads them."""

_MAX_DIRECT: Final = 16
"""Most requests whose replies wait. The next one is for the writer, which reads those first."""

_MAX_DIRECT_BYTES: Final = 32 * 1024
"""Most bytes on the way to Redis. They fit in the buffers of the sockets, so a client's thread that
sends does not wait for Redis."""

Send: TypeAlias = Callable[[Pending], bool]
"""Sends a numbered request. Returns whether the connection still works. Does not raise."""


class Outgoing:
    """The queue of this server and its ring of acknowledged entries."""

    def __init__(self, tuning: Tuning) -> None:
        self._tuning = tuning
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._space = threading.Condition(self._lock)
        self._direct_end = threading.Condition(self._lock)
        self._waiting: deque[Pending] = deque()
        self._sent: deque[Pending] = deque()
        self._in_flight = 0
        """How many of them, from the oldest, Redis has to answer. It never got the others, or has
        refused them for now."""
        self._send: Send | None = None
        """Not None while the writer waits for work: a client's thread may send."""
        self._is_sending = False
        """A client's thread uses the connection of the writer."""
        self._ring = AcknowledgedRing(tuning)
        self._sizes = UnappliedSizes(tuning)
        self._taken = threading.Condition(self._lock)
        self._blocked: dict[AnySession, Pending] = {}
        """What waits for space."""
        self._unapplied: dict[int, Pending] = {}
        """By number: all that have one and are not complete."""
        self._doubtful: list[tuple[int, int]] = []
        """Numbers whose replies were lost, and the stamp after which all up to it are decided."""
        self._last_number = 0
        self._previous = 0
        """The number that the log has before the next one."""
        self._wakes = False
        self._is_busy = False
        """Something was sent since the writer last waited."""
        self.is_closed = False
        """Nothing is added any more, and no thread waits."""
        self.written = 0
        """Entries that the log has taken."""
        self.resent = 0
        """Acknowledged entries that were sent again."""

    # Clients' threads

    def add(self, pending: Pending) -> None:
        """Append a request to the queue, or send it. Does not wait."""
        with self._lock:
            send = self._add_or_claim(pending)
        if send is not None:
            self._send_claimed(pending, send)

    def add_if_space(self, pending: Pending, timeout: float) -> bool:
        """Append messages to the queue, or send them.

        Return False if there was no space within `timeout`.
        """
        with self._lock:
            if not self._sizes.has_space(pending) and not self.is_closed:
                if pending.session is not None:
                    self._blocked[pending.session] = pending
                self._space.wait(timeout)
                if not self._sizes.has_space(pending) and not self.is_closed:
                    return False
            if pending.session is not None:
                self._blocked.pop(pending.session, None)
            send = self._add_or_claim(pending)
        if send is not None:
            self._send_claimed(pending, send)
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
            return self._sizes.event_when_settled(session)

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
                # Not only marked: in a long outage of Redis, more and more would wait here.
                self._waiting.remove(pending)
                self._complete(pending)
            return True

    def wait_until_taken(self, timeout: float) -> bool:
        """Wait until the log has taken all that is here now. Return False after `timeout` s."""
        deadline = time.monotonic() + timeout
        with self._lock:
            self._wakes = True  # the writer reads the replies now
            self._work.notify_all()
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
                if pending.session is not None and (count := pending.messages()):
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

    def wait_for_work(self, timeout: float, send: Send) -> None:
        """Wait until there is something to send or to read, at most `timeout` seconds.

        Meanwhile a client's thread may call `send`. Only if requests come often: replies have to be
        read, and a timer for them costs as much as to wake the writer for a request.
        """
        with self._lock:
            if self._is_busy or self._in_flight:
                self._send = send
                timeout = min(timeout, _REPLY_SECONDS)
            if not self._has_work():
                self._work.wait(timeout)
            self._send = None
            while self._is_sending:
                self._direct_end.wait()
            self._wakes = False
            self._is_busy = bool(self._sent or self._waiting)

    def take(self) -> list[Pending]:
        """Return what is to be sent next, numbered. Only if nothing is in flight."""
        with self._lock:
            assert not self._in_flight
            if self.is_closed:
                return []
            if not self._sent:
                while self._waiting and len(self._sent) < _MAX_BATCH:
                    self._number(self._waiting.popleft())
            batch = list(islice(self._sent, _MAX_BATCH))
            self._in_flight = len(batch)
            return batch

    @property
    def in_flight(self) -> list[Pending]:
        """The requests whose replies are to be read, in their order."""
        with self._lock:
            return list(islice(self._sent, self._in_flight))

    def wake(self) -> None:
        """Let `take` return at once."""
        with self._lock:
            self._wakes = True
            self._work.notify_all()

    def acknowledge(self, outcomes: Iterable[tuple[Pending, int]]) -> None:
        """Note that the log has taken the oldest sent requests, each with its stamp.

        Stamp 0: the log refused it. -1: it was taken earlier, and the reply was lost. Nothing is in
        flight any more: the rest has to be sent again.
        """
        now = time.monotonic()
        with self._lock:
            self._in_flight = 0
            for pending, stamp in outcomes:
                assert self._sent[0] is pending
                self._ring.add(self._sent.popleft(), now)
                if stamp > 0:
                    pending.stamp = stamp
                    self.written += 1
                elif stamp == 0:
                    pending.is_fenced = True
                    if not pending.is_complete:
                        self._complete(pending)
            self._ring.shorten(now)
            self._taken.notify_all()

    @property
    def base(self) -> int:
        """The last number that has left the ring: what it had is not sent again."""
        return self._ring.base

    @property
    def acknowledged(self) -> int:
        """The last number that the log has taken, as far as this server knows."""
        with self._lock:
            return self._sent[0].previous if self._sent else self._previous

    def resume_after(self, known: int, stamp: int) -> int:
        """Go on after the number that Redis knows. Return how many lost entries are sent again.

        `stamp`: the last one of the log. Once the reader has come so far, all entries up to `known`
        are applied, or they were refused.
        """
        now = time.monotonic()
        with self._lock:
            gone = max(known, self._ring.base)
            self._in_flight = 0
            while self._sent and self._sent[0].number <= known:
                self._ring.add(self._sent.popleft(), now)
            # TRAP: numbers above it that Redis had known are lost again, so they are not decided.
            self._doubtful = [each for each in self._doubtful if each[0] <= gone]
            self._doubtful.append((gone, stamp))
            lost = self._ring.take_after(known)
            self._sent.extendleft(reversed(lost))
            self._previous = known
            for pending in self._sent:
                pending.previous = self._previous
                self._previous = pending.number
                # Also if the reply was lost, but the entry was read, and then the log lost it.
                if pending.stamp:
                    pending.first_stamp = pending.first_stamp or pending.stamp
            self.resent += len(lost)
            self._taken.notify_all()
            return len(lost)

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
        """Note own entries that were applied: number, stamp and result. Wake the threads that wait.

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
            return len(self._waiting) + len(self._sent), self._sizes.total

    def _send_claimed(self, pending: Pending, send: Send) -> None:
        """Send a request that has its number, in the thread of its client."""
        works = False
        try:
            works = send(pending)
        finally:  # also after a defect, or the writer would wait forever
            with self._lock:
                self._is_sending = False
                self._direct_end.notify_all()
                if not works:  # the writer finds the error when it reads the reply
                    self._send = None
                    self._wakes = True
                    self._work.notify()

    # The caller holds the lock.

    def _has_work(self) -> bool:
        return bool(self._waiting) or self._wakes or len(self._sent) > self._in_flight

    def _add_or_claim(self, pending: Pending) -> Send | None:
        """Append a request to the queue, or return how to send it after the lock is released.

        The latter only if nothing is overtaken: the queue is empty and the connection free.
        """
        send = self._send
        if (
            send is None
            or self._is_sending
            or self._has_work()
            or self._in_flight >= _MAX_DIRECT
            or self._sizes.total + pending.size > _MAX_DIRECT_BYTES
            or self.is_closed
        ):
            self._add(pending)
            return None
        self._is_sending = True
        self._sizes.add(pending)
        self._number(pending)
        self._in_flight += 1
        return send

    def _number(self, pending: Pending) -> None:
        self._last_number += 1
        pending.number = self._last_number
        pending.previous = self._previous
        self._previous = pending.number
        self._unapplied[pending.number] = pending
        self._sent.append(pending)

    def _add(self, pending: Pending) -> None:
        if self.is_closed:
            pending.is_complete = True
            if pending.done is not None:
                pending.done.set()
            return
        self._waiting.append(pending)
        self._sizes.add(pending)
        self._work.notify()

    def _complete(self, pending: Pending) -> None:
        if pending.is_complete:
            return
        pending.is_complete = True
        pending.request = None
        self._unapplied.pop(pending.number, None)
        self._sizes.remove(pending)
        self._space.notify_all()
        if pending.done is not None:
            pending.done.set()
        started = pending.result
        if pending.is_abandoned and isinstance(started, Session) and not self.is_closed:
            self._add(Pending(requests.LogOut(), started, started.user))

    def _give_up(self, number: int) -> None:
        for each in sorted(each for each in self._unapplied if each <= number):
            self._complete(self._unapplied[each])
