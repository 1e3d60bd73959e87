"""The soak of a cluster: all faults at their full length, then random lives on three nodes.

Run it with `python -m tests.cluster.soak`. `--help` lists the options, for example a shorter time.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tests.cluster.faults import LONG_FAULTS, REORDERING, FaultRun
from tests.cluster.lives import OPERATOR, Lives, names_of
from tests.cluster.load import Load
from tests.support.accounts import PEOPLE
from tests.support.cluster import Cluster
from tests.support.redis_server import RedisServer

CATCH_UP_SECONDS: Final = 1.0
"""Longest time until the last waiting message is delivered after Redis is back, on a machine that
does nothing else. The benchmark measures it."""

BUSY_FACTOR: Final = 10
"""How many times as long as a delivery without a fault it may take in addition."""


class Soak:
    """Runs the faults and the lives, each over a Redis of its own."""

    def __init__(self, redis: Path) -> None:
        """`redis`: the program redis-server."""
        self.faults: list[str] = []
        self._program = redis

    def run_fault(self, fault: Callable[[FaultRun], None], rounds: int) -> None:
        """Let a fault happen so many times under load."""
        with ExitStack() as stack:

            def start_redis(**settings: object) -> RedisServer:
                server = RedisServer(self._program, **settings)  # type: ignore[arg-type]
                stack.callback(server.close)
                return server

            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            cluster = Cluster(start_redis(), folder, 2, redis_notice_seconds=0.3)
            stack.callback(cluster.close)
            load = stack.enter_context(Load(cluster.ports, PEOPLE[:4], per_second=100))
            load.run_while_delivered()
            run = FaultRun(cluster, load, start_redis)
            begin = time.monotonic()
            undisturbed: list[float] = []
            for _ in range(rounds):
                undisturbed.append(load.drain())
                load.is_publishing = True
                fault(run)
                load.run_while_delivered()
            undisturbed.append(load.drain())
            longest = CATCH_UP_SECONDS + BUSY_FACTOR * max(undisturbed)
            found = load.faults(is_one_order=fault not in REORDERING)
            cluster.until_same_state()
            found += cluster.log_faults()
            if run.catch_up_seconds and max(run.catch_up_seconds) > longest:
                found.append(
                    f"the last message came after {max(run.catch_up_seconds):.2f} s,"
                    f" not within {longest:.2f} s"
                )
            self.faults += [f"{fault.__name__}: {each}" for each in found]
            print(
                f"{fault.__name__}: {rounds} rounds in {time.monotonic() - begin:.1f} s,"
                f" {load.count_read()} messages read, caught up in"
                f" {[round(each, 2) for each in run.catch_up_seconds]} s, {len(found)} faults",
                flush=True,
            )

    def run_lives(self, seconds: float, *, users: int, seed: int, lease: float) -> None:
        """Let users live on three nodes that are killed at random. `lease`: its seconds."""
        with ExitStack() as stack:
            redis = RedisServer(self._program)
            stack.callback(redis.close)
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            cluster = Cluster(
                redis,
                folder,
                3,
                people=names_of(users),
                in_processes=True,
                operators=frozenset({OPERATOR}),
                login_failures=0,
                redis_lease_seconds=lease,
                redis_renewal_seconds=lease / 4,
            )
            stack.callback(cluster.close)
            lives = Lives(
                cluster, users=users, seed=seed, report=lambda line: print(line, flush=True)
            )
            self.faults += lives.run(seconds)
            print(f"lives: {lives.summary()}, {len(lives.ledger.faults)} faults", flush=True)


def main() -> None:
    """Run the soak and report its progress. Exit with 1 if it found a fault."""
    names = [fault.__name__ for fault in LONG_FAULTS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="of the lives; 0: none")
    parser.add_argument("--users", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lease", type=float, default=1.0, help="of the nodes, in seconds")
    parser.add_argument("--rounds", type=int, default=3, help="of each fault; 0: none")
    parser.add_argument("--fault", choices=names, action="append", help="only this one")
    options = parser.parse_args()
    program = shutil.which("redis-server")
    if program is None:
        parser.error("redis-server is not installed")
    soak = Soak(Path(program))
    for fault in LONG_FAULTS:
        if options.rounds and fault.__name__ in (options.fault or names):
            soak.run_fault(fault, options.rounds)
    if options.seconds:
        soak.run_lives(options.seconds, users=options.users, seed=options.seed, lease=options.lease)
    for fault_found in soak.faults:
        print(fault_found, file=sys.stderr)
    sys.exit(bool(soak.faults))


if __name__ == "__main__":
    main()
