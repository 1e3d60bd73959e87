"""A server that is killed under load again and again: what its history has kept of each round.

Run it with `python -m tests.abuse.kill_rounds` for the complete number of rounds. It prints the
outcome as JSON.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

from chat_server.history.store import FIRST_STAMP_GAP
from tests.abuse.broken_sessions import PUBLISHERS, ROOMS, LoadPublisher
from tests.abuse.catch_up_client import BEGINNING, STAMPED, ReadMessage
from tests.abuse.client_pool import ClientPool, Reader
from tests.support.accounts import write_accounts_file
from tests.support.server_program import ServerProgram
from tests.support.wait_until import until

WITNESSES: Final = tuple(f"witness{number}" for number in range(len(ROOMS)))
NAMES: Final = (*PUBLISHERS, *WITNESSES)
OPTIONS: Final = ("--rate", "0")
LOAD_SECONDS: Final = (0.2, 0.6)
"""Shortest and longest time under load before a kill."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HEAD: Final = re.compile(r"\[SERVER\] History of '(\S+)'")
_FOOT: Final = "[SERVER] End of history"

Log = dict[str, list[ReadMessage]]
"""Messages by room."""


class Witness(Reader):
    """A client that stays in one room and reads everything with stamps."""

    def __init__(self, port: int, name: str, room: str) -> None:
        super().__init__(port, name, "/subscribe *", "/stamps on", f"/join {room}", "/subs")

    @property
    def is_ready(self) -> bool:
        return any(line.startswith("[SERVER] Subscriptions: ") for line in self.lines)

    @property
    def messages(self) -> list[ReadMessage]:
        """All messages after the arrival in the room. An unfinished last line does not count."""
        joined = [n for n, line in enumerate(self.lines) if line.startswith("[SERVER] Joined ")]
        begin = joined[-1] + 1 if joined else 0
        return messages_in(self.lines[begin:])


def messages_in(lines: Sequence[str]) -> list[ReadMessage]:
    """Return the stamped messages among lines."""
    matches = filter(None, map(STAMPED.fullmatch, lines))
    return [ReadMessage(match[1], match[2] or match[3], match[4]) for match in matches]


def _now() -> int:
    return time.time_ns() // 1000


def microseconds(stamp: str) -> int:
    """Return a stamp in microseconds since the epoch."""
    return (datetime.fromisoformat(stamp) - _EPOCH) // timedelta(microseconds=1)


@dataclass
class KillOutcome:
    """What was found after all rounds."""

    rounds: int = 0
    delivered: int = 0
    kept: int = 0
    losses_ms: list[float] = field(default_factory=list)
    """By round: the age of the oldest lost message at the kill. 0: nothing was lost."""
    faults: list[str] = field(default_factory=list)


class KillRounds:
    """A server process with history, clients, and a record of what was delivered and kept."""

    def __init__(self, program: ServerProgram, *, seed: int) -> None:
        self.outcome = KillOutcome()
        self._program = program
        self._random = random.Random(seed)
        self._kept: Log = {room: [] for room in ROOMS}
        """What the history held after the last round."""
        self._newest = 0
        """The newest stamp that a client has ever read."""

    def run(self, rounds: int) -> KillOutcome:
        for _ in range(rounds):
            delivered, killed = self._kill_under_load()
            self._program.start()
            self._check(delivered, self._read_kept(), killed)
            self.outcome.rounds += 1
        self.outcome.kept = sum(len(log) for log in self._kept.values())
        return self.outcome

    def _kill_under_load(self) -> tuple[Log, int]:
        """Return what the witnesses have read, and the time of the kill in microseconds."""
        port = self._program.port
        with ClientPool() as pool:
            witnesses = [
                Witness(port, name, room) for name, room in zip(WITNESSES, ROOMS, strict=True)
            ]
            for witness in witnesses:
                pool.add(witness)
            pool.turn_until(lambda: all(each.is_ready for each in witnesses), "all are in rooms")
            publishers = [LoadPublisher(port, name, n) for n, name in enumerate(PUBLISHERS)]
            for publisher in publishers:
                pool.add(publisher)

            # New stamps begin a second above the last one. Let the clock pass them, so that a stamp
            # is the time of its message.
            until(lambda: _now() > self._newest + FIRST_STAMP_GAP, "the clock is above all stamps")

            def work() -> None:
                for publisher in publishers:
                    publisher.publish_if_due(time.monotonic())
                pool.turn(0.002)

            until(lambda: all(each.messages for each in witnesses), "all read", work=work)
            end = time.monotonic() + self._random.uniform(*LOAD_SECONDS)
            while time.monotonic() < end:
                work()
            self._program.process.kill()
            killed = _now()
            self._program.process.wait()
            pool.turn_until(lambda: all(each.has_ended for each in witnesses), "all have ended")
            messages = {room: each.messages for room, each in zip(ROOMS, witnesses, strict=True)}
        return messages, killed

    def _read_kept(self) -> Log:
        """Read everything that the history holds, in all rooms."""
        kept: Log = defaultdict(list)
        with self._program.log_in(WITNESSES[0]) as client:
            client.send("/subscribe *")
            client.expect("[SERVER] Subscribed to *")
            for room in ROOMS:
                if room != "lobby":
                    assert client.request(f"/join {room}") == f"[SERVER] Joined room '{room}'"
                question = f"/history after {BEGINNING} 200"
                while question:
                    head = client.request(question)
                    assert _HEAD.fullmatch(head), head
                    lines: list[str] = []
                    while not lines or not lines[-1].startswith(_FOOT):
                        line = client.read_line()
                        assert line is not None
                        lines.append(line)
                    kept[room] += messages_in(lines)
                    self.outcome.faults += [
                        line for line in lines[:-1] if not STAMPED.fullmatch(line)
                    ]
                    question = lines[-1].partition("; later: ")[2]
        return dict(kept)

    def _check(
        self, delivered: Mapping[str, Sequence[ReadMessage]], kept: Log, killed: int
    ) -> None:
        """Compare what was delivered in a round with what is kept after it."""
        lost: list[int] = []
        new: list[int] = []
        for room in ROOMS:
            before, now, read = self._kept[room], kept.get(room, []), list(delivered[room])
            self.outcome.delivered += len(read)
            if now[: len(before)] != before:
                self._fault(f"the history of {room} has changed")
            added = now[len(before) :]
            # The last messages may be kept and yet not read: the kill was faster.
            common = min(len(added), len(read))
            if added[:common] != read[:common]:
                self._fault(f"what {room} has kept is not a prefix of what was delivered")
            lost += [microseconds(message.stamp) for message in read[common:]]
            new += [microseconds(message.stamp) for message in added]
            stamps = [microseconds(message.stamp) for message in now]
            if not all(one < other for one, other in pairwise(stamps)):
                self._fault(f"the stamps of {room} do not rise")
            self._kept[room] = now
            new += [microseconds(message.stamp) for message in read]
        if lost and any(stamp > min(lost) for stamp in self._all_kept_stamps()):
            self._fault("a message was lost, and a later one in another room was kept")
        if new and min(new) <= self._newest:
            self._fault("a stamp was used again after a restart")
        self._newest = max(new, default=self._newest)
        self.outcome.losses_ms.append((killed - min(lost)) / 1000 if lost else 0.0)

    def _all_kept_stamps(self) -> list[int]:
        return [microseconds(m.stamp) for log in self._kept.values() for m in log[-1:]]

    def _fault(self, text: str) -> None:
        self.outcome.faults.append(f"round {self.outcome.rounds + 1}: {text}")


def main() -> None:
    """Kill a real server under load and print the outcome."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        users = write_accounts_file(Path(folder, "users.json"), NAMES)
        with ServerProgram(users, *OPTIONS) as program:
            outcome = KillRounds(program, seed=options.seed).run(options.rounds)
    print(json.dumps(dataclasses.asdict(outcome), ensure_ascii=False))
    raise SystemExit(bool(outcome.faults))


if __name__ == "__main__":
    main()
