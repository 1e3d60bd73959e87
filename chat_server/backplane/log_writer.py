"""The thread that appends this server's entries to the log, and renews its lease.

On each connection it first says hello, which gives the number that Redis knows. All that this
server holds after that number is sent, again or for the first time, in order. So a reply that was
lost, a failover that lost entries and a restart are one case.

If the log has lost something, or this server's lease was over, the order is: the reader reads all
that is there, the sessions are restored, and then what was lost and what waits is sent. Otherwise
the fence would throw away what waits, because the sessions are not in the log.
"""

from __future__ import annotations

import secrets
import threading
import time
import traceback
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from chat_server.backplane import scripts
from chat_server.backplane.connection import (
    RedisConnection,
    is_unknown_script,
    join_or_abort,
    script_call,
)
from chat_server.backplane.entry_codec import FORM, encode, wrong_form
from chat_server.backplane.link_state import LinkState
from chat_server.backplane.log_events import BackplaneError, LogEvents, RedisUnreachableError
from chat_server.backplane.log_reader import LogReader
from chat_server.backplane.outgoing import Outgoing
from chat_server.backplane.pending import Pending, append_call
from chat_server.backplane.place_questions import PlaceQuestion, PlaceQuestions
from chat_server.core import requests
from chat_server.tuning import Tuning

_REFUSED: Final = 0
_TAKEN_EARLIER: Final = -1
"""Stamps of `Outgoing.acknowledge` for replies that contain none."""

_RESTORE_BATCH: Final = 256
"""Sessions that are restored in one pipeline."""


class NodeReplacedError(BackplaneError):
    """Another server with the same name has started later."""


class _GreetAgainError(Exception):
    """Redis does not know this server or its sessions any more: its lease is over, or Redis has
    lost them."""


class LogWriter:
    """Writes to the log, in a thread of its own."""

    def __init__(
        self,
        node: str,
        outgoing: Outgoing,
        reader: LogReader,
        link: LinkState,
        events: LogEvents,
        tuning: Tuning,
        local_sessions: Callable[[], list[tuple[int, requests.RestoreSession]]],
        connect: Callable[[str], RedisConnection],
        on_replaced: Callable[[], None],
    ) -> None:
        """Connect to nothing yet. `connect(role)`: return a connection. See `LogReader` as well.

        `on_replaced()`: see `RedisBackplane`.
        """
        self._node = node
        self._outgoing = outgoing
        self._reader = reader
        self._link = link
        self._events = events
        self._tuning = tuning
        self._local_sessions = local_sessions
        self._connect = connect
        self._thread = threading.Thread(target=self._run, name="log writer")
        self._connection: RedisConnection | None = None
        self._stop_at: float | None = None
        self._stopping = threading.Event()
        self._epoch = ""
        """The epoch of the log at the last hello, and so of all that is sent."""
        self._greetings = 0
        """How often this server has said hello, or tried to."""
        self._greeting = 0
        """The last hello after which Redis had all sessions of this server."""
        self._replays = 0
        """How often the reader had replaced the state when the sessions were restored last."""
        self._next_beat = 0.0
        self.leases = 0
        """Servers that take part, at the last renewal."""
        self.is_replaced = False
        self._on_replaced = on_replaced
        self._questions = PlaceQuestions()

    @property
    def name(self) -> str:
        """The name of the thread."""
        return self._thread.name

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs. Always, from `start` to `stop`."""
        return self._thread.is_alive()

    def ask_newest(self) -> PlaceQuestion:
        """Ask Redis for the newest stamp of the log, as of now or later. Any thread."""
        question = self._questions.ask()
        self._outgoing.wake()
        return question

    def withdraw(self, question: PlaceQuestion) -> None:
        """Forget a question whose thread does not wait any more. Any thread."""
        self._questions.withdraw(question)

    def start(self) -> None:
        """Say hello, so that this server takes part, and start the thread.

        Raises `BackplaneError` if Redis cannot be reached.
        """
        connection = self._connect("writer")
        try:
            self._greet(connection)
        finally:
            connection.close()
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Send what waits, end this server's sessions for the others, and end the thread.

        Gives up after `timeout` seconds, or a little later if it is just connecting.
        """
        self._stop_at = time.monotonic() + timeout
        self._stopping.set()
        self._outgoing.wake()
        join_or_abort(self._thread, timeout, lambda: self._connection)

    def _run(self) -> None:
        connection: RedisConnection | None = None
        while not self.is_time_up():
            try:
                if connection is None:
                    self._connection = connection = self._connect("writer")
                    self._link.reconnects += 1
                self._greet(connection)
                self._serve(connection)
                break
            except _GreetAgainError:
                continue
            except NodeReplacedError as error:
                # It must not write again: that would end the sessions of the newer one.
                self.is_replaced = True
                self._link.writer.failed(error)
                self._events.node_replaced()
                self._on_replaced()
                self._stopping.wait()
                break
            except Exception as error:
                if connection is not None:
                    connection.close()
                    connection = None
                if not isinstance(error, BackplaneError):  # a defect; the thread must go on
                    self._events.entry_failed(traceback.format_exc())
                elif self.is_time_up():
                    break
                self._pause(self._link.writer.failed(error))
        if connection is not None:
            connection.close()

    def _pause(self, seconds: float) -> None:
        if self._stop_at is None:
            self._stopping.wait(seconds)
        else:
            time.sleep(min(seconds, max(0.0, self._stop_at - time.monotonic())))

    def is_time_up(self) -> bool:
        """Return whether `stop` waits no longer. Any thread."""
        return self._stop_at is not None and time.monotonic() >= self._stop_at

    # The first steps on a connection

    def _greet(self, connection: RedisConnection) -> None:
        known, stamp, is_intact = self._say_hello(connection, self._outgoing.acknowledged)
        # The number says whether own entries are lost. Those of the scripts, which restore this
        # server's sessions, have none: they are lost with entries that the reader has read.
        if not is_intact or self._replays != self._reader.replays:
            timeout = self._tuning.redis_timeout_seconds * 5
            self._reader.progress.check_again(timeout, self.is_time_up)
            self._replays = self._reader.replays
            known, stamp, _ = self._say_hello(connection)  # it may be the first after a seed
            if known < 0:
                raise RedisUnreachableError("Redis has lost the log again")
            if self._epoch != self._reader.epoch:
                raise _GreetAgainError
            self._reader.progress.wait_for(stamp, timeout, self.is_time_up)
            self._restore_sessions(connection)
        self._claim(connection)
        lost = self._outgoing.resume_after(known, stamp)
        self._outgoing.complete((), self._reader.position)
        if lost:
            self._events.entries_resent(lost)
        connection.load(scripts.APPEND)
        self._next_beat = 0.0

    def _say_hello(
        self, connection: RedisConnection, acknowledged: int = 0
    ) -> tuple[int, int, bool]:
        """Return the number that Redis knows, the last stamp, and whether nothing was lost.

        If something was lost in this epoch, another one begins. `acknowledged`: the last number
        that was not lost as far as this server knows.
        """
        reply = connection.run(
            scripts.HELLO,
            self._node,
            FORM,
            _milliseconds(self._tuning.redis_lease_seconds),
            self._reader.floor,
            self._outgoing.base,
            unicodedata.unidata_version,
            *(self._epoch, self._greeting, acknowledged, *self._reader.last),
            secrets.token_hex(8),
        )
        match reply:
            case [b"ok", epoch, known, is_intact, stamp]:
                pass
            case [b"replaced"]:
                raise NodeReplacedError(
                    f"another server with the name {self._node.rpartition(':')[0]!r} has started;"
                    " give each server its own name with `--node`"
                )
            case [b"form", form]:
                raise BackplaneError(wrong_form(form))
            case _:
                # Redis is empty. The reader writes the state there.
                return -1, 0, False
        is_first = not self._epoch
        self._epoch = epoch.decode()
        return int(known), int(stamp), is_first or bool(is_intact)

    def _restore_sessions(self, connection: RedisConnection) -> None:
        """Go on with the sessions that have ended for the other servers.

        TRAP: before anything else is sent, or the fence refuses what they had said.
        """
        sessions = self._local_sessions()
        restored = 0
        connection.load(scripts.RESTORE)
        for start in range(0, len(sessions), _RESTORE_BATCH):
            calls = [
                script_call(
                    *(scripts.RESTORE, request.user, generation, self._node),
                    *(encode(request).data, self._epoch),
                )
                for generation, request in sessions[start : start + _RESTORE_BATCH]
            ]
            replies = connection.pipeline(calls)
            connection.check(replies)
            if [b"lost"] in replies:
                raise _GreetAgainError
            restored += replies.count([b"ok"])
        if restored:
            self._events.sessions_restored(restored)

    def _claim(self, connection: RedisConnection) -> None:
        """Note in Redis that all sessions of this server are there.

        Only then, or the fence would refuse what the sessions say that are not restored yet. A
        failover that loses the restored sessions loses this as well.
        """
        self._greetings += 1
        if connection.run(scripts.CLAIM, self._node, self._epoch, self._greetings) != [b"ok"]:
            raise _GreetAgainError
        self._greeting = self._greetings

    # The work

    def _serve(self, connection: RedisConnection) -> None:
        """Send and renew until the server stops."""

        def send(pending: Pending) -> bool:
            try:
                connection.send([self._append_call(pending)])
            except BackplaneError:
                return False
            return True

        while not self._stopping.is_set():
            wait = self._next_beat - time.monotonic()
            is_beat_due = wait <= 0 or self._link.writer.must_answer
            if not is_beat_due:
                self._outgoing.wait_for_work(wait, send)
            self._read_replies(connection)  # before this thread asks anything else
            if is_beat_due:
                self._beat(connection)
            if (newest := self._questions.answer(connection)) is not None:
                self._reader.note_newest(newest)
            self._send(connection)
        self._read_replies(connection)
        while not self.is_time_up() and self._send(connection):
            self._read_replies(connection)
        self._reader.stop()  # it notices by the last entry
        connection.run(scripts.LEAVE, self._node)

    def _send(self, connection: RedisConnection) -> bool:
        """Send what is next, and return whether there was anything."""
        batch = self._outgoing.take()
        if batch:
            self._link.writer.asks()
            connection.send([self._append_call(pending) for pending in batch])
        return bool(batch)

    def _read_replies(self, connection: RedisConnection) -> None:
        """Read the replies to all that is in flight, by this thread or by those of clients."""
        batch = self._outgoing.in_flight
        if not batch:
            return
        self._link.writer.asks()
        replies = connection.receive(len(batch))
        outcomes: list[tuple[Pending, int]] = []
        try:
            # TRAP: it may load the script, so not while the lock of `Outgoing` is held.
            outcomes.extend(self._outcomes(connection, batch, replies))
        finally:
            self._outgoing.acknowledge(outcomes)
        self._link.writer.answered()

    def _outcomes(
        self, connection: RedisConnection, batch: Sequence[Pending], replies: Sequence[Any]
    ) -> Iterator[tuple[Pending, int]]:
        """Yield what became of each request, up to the first that has to be sent again."""
        for pending, reply in zip(batch, replies, strict=True):
            match reply:
                case [b"ok", stamp]:
                    yield pending, int(stamp)
                case [b"fenced"]:
                    yield pending, _REFUSED
                case [b"changed"]:
                    pending.result = False
                    yield pending, _REFUSED
                case [b"again"]:
                    yield pending, _TAKEN_EARLIER
                case [b"gap"] if pending is not batch[0]:
                    return  # an earlier one of the batch failed
                case [b"gap"]:
                    # Redis has lost acknowledged entries without cutting the connection.
                    raise _GreetAgainError
                case [b"unknown" | b"lost"]:
                    raise _GreetAgainError
                case _ if is_unknown_script(reply):
                    # TRAP: another server may load it while the pipeline runs. Then the rest of it
                    # is executed, and only the rule "last number + 1" keeps the order.
                    connection.load(scripts.APPEND)
                    return
                case _:
                    connection.check([reply])
                    raise BackplaneError(f"Redis gave an unknown reply: {reply!r}")

    def _beat(self, connection: RedisConnection) -> None:
        tuning = self._tuning
        self._link.writer.asks()
        reply = connection.run(
            scripts.BEAT,
            self._node,
            _milliseconds(tuning.redis_lease_seconds),
            f"{tuning.redis_snapshot_seconds:f}",
            tuning.redis_snapshot_entries,
            int(not self._link.reader.must_answer),
            *(self._epoch, self._greeting, *self._reader.last),
        )
        if reply[0] != b"ok":
            raise _GreetAgainError
        _, self.leases, is_snapshot_due, stamp, next_end, has_accounts = reply
        self._link.writer.answered()
        if self._reader.replays != self._replays:
            raise _GreetAgainError
        self._reader.note_newest(int(stamp))
        if is_snapshot_due:
            self._reader.write_snapshot_soon()
        if not has_accounts:
            self._reader.write_accounts_soon()
        # Another server's lease may end sooner than this one has to renew its own.
        wait = min(tuning.redis_renewal_seconds, (int(next_end) + 10) / 1000)
        self._next_beat = time.monotonic() + wait

    def _append_call(self, pending: Pending) -> tuple[str | bytes | int, ...]:
        return append_call(self._node, self._epoch, self._greeting, pending)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
