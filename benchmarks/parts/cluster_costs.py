"""What an entry of the shared log costs: Redis, its memory, and nodes that have no use for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from benchmarks.bench import Bench, Part
from benchmarks.cluster import RedisProcess, needs_redis, start_cluster
from benchmarks.errors import BenchmarkError
from benchmarks.load import Clients
from benchmarks.machine import cpu_seconds
from benchmarks.servers import LOBBY
from chat_server.backplane import entry_codec, scripts
from chat_server.core.requests import Publish

ENTRIES: Final = 20_000
PIPELINE: Final = 100
TEXTS: Final = (1, 20)
"""Messages in an entry: one when it is quiet, many when there is a lot to send."""

NODES: Final = scripts.KEYS[2]
SESSIONS: Final = scripts.KEYS[5]
TEXT: Final = "x" * 100

NODE: Final = "bench:1"
USER: Final = "bench"
GENERATION: Final = 1
"""The session that appends the entries."""

RATES: Final = (100, 2000)
"""Messages per second of a room without members on the measured node."""

PACE_SECONDS: Final = 2.0


def redis_scenario(texts: int) -> str:
    """Return the scenario name of a number of messages in an entry."""
    return f"log-redis/{texts}"


def idle_scenario(rate: int) -> str:
    """Return the scenario name of a rate of messages in rooms that a node does not serve."""
    return f"log-idle/{rate}"


@needs_redis
def _measure_redis(bench: Bench) -> None:
    with RedisProcess(bench.folder) as process, _client(process) as client:
        append = client.register_script(scripts.APPEND.text)
        client.hset(scripts.STATE, mapping={"epoch": "bench", "form": entry_codec.FORM})
        client.hset(SESSIONS, USER, f"{GENERATION} {NODE}")
        for _ in bench.repetitions():
            for texts in TEXTS:
                client.delete(scripts.LOG)
                client.hset(NODES, NODE, 0)
                before = cpu_seconds(process.process.pid)
                _append(client, append, texts)
                used = cpu_seconds(process.process.pid) - before
                name = redis_scenario(texts)
                bench.figures.add(name, LOBBY.name, "cpu_us", used / ENTRIES * 1e6)
                bench.figures.add(name, LOBBY.name, "per_second", ENTRIES / used)
                size = client.memory_usage(scripts.LOG, samples=0)
                bench.figures.add(name, LOBBY.name, "bytes", size / ENTRIES)


def _append(client: Any, append: Any, texts: int) -> None:
    """Append entries with so many messages each, as the writer of a node does."""
    encoded = entry_codec.encode(Publish((TEXT,) * texts))
    for first in range(1, ENTRIES + 1, PIPELINE):
        pipeline = client.pipeline(transaction=False)
        for number in range(first, first + PIPELINE):
            session = (NODE, number, encoded.kind, USER, GENERATION)
            rest = (0, encoded.stamps, "", encoded.data, 1, "bench", 0, number - 1)
            append(keys=scripts.KEYS, args=[*session, *rest], client=pipeline)
        replies = pipeline.execute()
        if any(reply[0] != b"ok" for reply in replies):
            raise BenchmarkError(f"the log refuses an entry: {replies[0]}")


@contextmanager
def _client(process: RedisProcess) -> Iterator[Any]:
    with closing(redis.Redis(port=process.port, retry=Retry(NoBackoff(), 0))) as client:
        yield client


@needs_redis
def _measure_idle(bench: Bench) -> None:
    """Measure the CPU time of a node whose clients are in other rooms."""
    with (
        start_cluster(bench, 2) as cluster,
        _client(cluster.redis) as client,
        bench.load(cluster.nodes[0], Clients(publishers=1, receivers=1), pinned=False) as room,
    ):
        room.set_up()
        idle = cluster.nodes[1].process.pid
        for _ in bench.repetitions():
            at_rest = _cpu_of_rest(idle)
            for rate in RATES:
                entries, used = int(client.hget(scripts.STATE, "n")), cpu_seconds(idle)
                room.pace(PACE_SECONDS, rate)
                entries = int(client.hget(scripts.STATE, "n")) - entries
                used = cpu_seconds(idle) - used - at_rest * PACE_SECONDS
                bench.figures.add(idle_scenario(rate), LOBBY.name, "cpu_us", used / entries * 1e6)
                bench.figures.add(idle_scenario(rate), LOBBY.name, "entries", entries)


def _cpu_of_rest(process: int) -> float:
    """Return the CPU time that a process uses in a second without any entry."""
    before = cpu_seconds(process)
    time.sleep(PACE_SECONDS)
    return (cpu_seconds(process) - before) / PACE_SECONDS


def _measure(bench: Bench) -> None:
    _measure_redis(bench)
    _measure_idle(bench)


PART: Final = Part("log-costs", "What an entry of the shared log costs", _measure, 5, 12)
