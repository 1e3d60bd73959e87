"""Faults of several servers: Redis away, killed nodes, 50 logins of one user at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import groupby
from queue import SimpleQueue
from typing import Final

from benchmarks.accounts import user_name
from benchmarks.bench import Bench, Part
from benchmarks.chat_client import TIMEOUT, ChatClient
from benchmarks.cluster import Cluster, RedisProcess, needs_redis, start_cluster
from benchmarks.errors import DeliveryError
from benchmarks.servers import LOBBY, Server

RATE: Final = 100

AWAY_SECONDS: Final = 5.0
BEFORE_SECONDS: Final = 0.5
AFTER_SECONDS: Final = 3.0
"""Seconds of publishing before Redis is away, and after it is back."""

KILLED: Final = 3
KILL_PAUSE: Final = 1.7
"""Seconds between two kills. A lease is renewed every 5 s, so each dies at another time of it."""

SESSIONS: Final = 10
"""Users of each killed node."""

GONE_TIMEOUT: Final = 60.0
POLL_SECONDS: Final = 0.05

LOGINS: Final = 50
SPEAK_SECONDS: Final = 0.5
"""Seconds for which sessions publish after the last login."""

SPEAK_PAUSE: Final = 0.001
LAST_WORD: Final = "end"

WATCHER: Final = 0
AUTHOR: Final = 1
FIRST_RACER: Final = 300
"""Another user races in each repetition: a node delays more than 30 logins of one account."""

FIRST_KILLED: Final = 100
"""Number of the first user of the killed nodes."""


@needs_redis
def _measure_away(bench: Bench) -> None:
    with (
        start_cluster(bench, 2) as cluster,
        ChatClient(cluster.nodes[0].port, AUTHOR) as author,
        ChatClient(cluster.nodes[1].port, WATCHER) as watcher,
    ):
        watcher.command(f"/subscribe {author.name}", "[SERVER] Subscribed")
        for _ in bench.repetitions():
            seconds = _seconds_to_catch_up(cluster.redis, author, watcher)
            bench.figures.add("redis-away", LOBBY.name, "seconds", seconds)


def _seconds_to_catch_up(redis: RedisProcess, author: ChatClient, watcher: ChatClient) -> float:
    """Stop Redis for a while. Return how long the messages of that time need once it is back."""
    count = int((BEFORE_SECONDS + AWAY_SECONDS + AFTER_SECONDS) * RATE)
    sent_at: list[float] = []
    began = time.monotonic()

    def publish() -> None:
        for number in range(count):
            time.sleep(max(0, began + number / RATE - time.monotonic()))
            sent_at.append(time.monotonic())
            author.send(f"{number}")

    def read() -> list[float]:
        received_at = []
        for number in range(count):
            line = watcher.read_until("[")
            while line.startswith("[SERVER]"):  # the notices about the other servers
                line = watcher.read_until("[")
            if not line.endswith(f" {author.name}: {number}"):
                raise DeliveryError(f"Redis was away: {line!r} instead of message {number}")
            received_at.append(time.monotonic())
        return received_at

    with ThreadPoolExecutor(2) as pool:
        publishing, reading = pool.submit(publish), pool.submit(read)
        time.sleep(BEFORE_SECONDS)
        redis.stop()
        stopped = time.monotonic()
        time.sleep(AWAY_SECONDS)
        redis.start()
        back = time.monotonic()
        publishing.result()
        received_at = reading.result()
    waited = [received for sent, received in zip(sent_at, received_at, strict=True) if sent < back]
    if not any(sent > stopped and sent < back for sent in sent_at):
        raise DeliveryError("no message was sent while Redis was away")
    return max(0.0, waited[-1] - back)


@needs_redis
def _measure_kills(bench: Bench) -> None:
    """Kill nodes one after the other. Another one reports when their users are gone."""
    with ExitStack() as stack:
        cluster = stack.enter_context(start_cluster(bench, KILLED + 1))
        watcher = stack.enter_context(ChatClient(cluster.nodes[0].port, WATCHER))
        for number, node in enumerate(cluster.nodes[1:]):
            first = FIRST_KILLED + number * SESSIONS
            for user in range(first, first + SESSIONS):
                client = stack.enter_context(ChatClient(node.port, user))
                client.command(f"/join {_room_of(number)}", "[SERVER] Joined room")
        for number, seconds in _seconds_until_gone(bench, cluster, watcher).items():
            bench.progress.step(f"the sessions of node {number + 1} were gone")
            bench.figures.add("killed-node", LOBBY.name, "seconds", seconds)


def _seconds_until_gone(bench: Bench, cluster: Cluster, watcher: ChatClient) -> dict[int, float]:
    killed_at: dict[int, float] = {}
    for number, node in enumerate(cluster.nodes[1:]):
        bench.progress.step(f"killing node {number + 1}")
        node.stop()
        killed_at[number] = time.monotonic()
        time.sleep(KILL_PAUSE)
    seconds: dict[int, float] = {}
    while len(seconds) < KILLED:
        time.sleep(POLL_SECONDS)
        rooms = watcher.command("/rooms", "[SERVER] Active rooms")
        now = time.monotonic()
        for number in killed_at.keys() - seconds.keys():
            if _room_of(number) not in rooms:
                seconds[number] = now - killed_at[number]
        if now > killed_at[0] + GONE_TIMEOUT:
            raise DeliveryError(f"sessions of a killed node are not gone: {rooms}")
    return seconds


def _room_of(number: int) -> str:
    return f"of-node-{number}"


@needs_redis
def _measure_race(bench: Bench) -> None:
    with (
        start_cluster(bench, 2) as cluster,
        ChatClient(cluster.nodes[0].port, WATCHER) as watcher,
    ):
        for rep in bench.repetitions():
            left, late = _race(cluster.nodes, watcher, FIRST_RACER + rep)
            bench.figures.add("login-race", LOBBY.name, "sessions", left)
            bench.figures.add("login-race", LOBBY.name, "late", late)


def _race(nodes: Sequence[Server], watcher: ChatClient, racer: int) -> tuple[int, int]:
    """Log one user in many times at once, on the nodes in turn. Each session publishes at once.

    Return how many sessions are left, and how many messages came after one of a newer session.
    """
    logged_in: SimpleQueue[int] = SimpleQueue()
    end = threading.Event()

    def is_left(number: int) -> bool:
        """Log in and publish. Return True if the session is still there in the end."""
        try:
            client = ChatClient(nodes[number % len(nodes)].port, racer)
        except DeliveryError:  # a newer login came before the reply
            logged_in.put(number)
            return False
        with client:
            logged_in.put(number)
            try:
                while not end.wait(SPEAK_PAUSE):
                    client.send(f"{number}")
                client.command("/subs", "[SERVER] Subscriptions")
                client.send(LAST_WORD)
            except (OSError, DeliveryError):
                return False
            client.command("/quit", "[SERVER]")
            return True

    watcher.command(f"/subscribe {user_name(racer)}", "[SERVER] Subscribed")
    with ThreadPoolExecutor(LOGINS + 1) as pool:
        reading = pool.submit(_read_authors, watcher, user_name(racer))
        sessions = [pool.submit(is_left, number) for number in range(LOGINS)]
        for _ in sessions:
            logged_in.get(timeout=TIMEOUT)
        time.sleep(SPEAK_SECONDS)
        end.set()
        left = sum(session.result() for session in sessions)
        authors = reading.result()
    return left, count_late(authors)


def _read_authors(watcher: ChatClient, racer: str) -> list[int]:
    """Return the session that published each message, up to the last word."""
    marker = f" {racer}: "
    authors: list[int] = []
    while True:
        text = watcher.read_until("[").partition(marker)[2]
        if text == LAST_WORD:
            return authors
        if text:
            authors.append(int(text))


def count_late(authors: Sequence[int]) -> int:
    """Count messages of sessions after those of others: a session that ended stays silent."""
    late, seen = 0, set[int]()
    for author, messages in groupby(authors):
        late += len(list(messages)) if author in seen else 0
        seen.add(author)
    return late


AWAY_PART: Final = Part("redis-away", "Redis is away for 5 s", _measure_away, 3, 9)
KILLS_PART: Final = Part("killed-nodes", "Servers that are killed", _measure_kills, 30, 0)
RACE_PART: Final = Part("login-race", "50 logins of one user at once", _measure_race, 3, 3)
