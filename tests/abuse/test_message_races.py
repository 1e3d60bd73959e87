"""Fifty clients that join, follow and publish at random while threads switch frequently."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from chat_server.core import values
from chat_server.core.hub import Hub
from chat_server.delivery.outbox import Outbox
from tests.abuse.thread_switching import FREQUENT_SWITCHES
from tests.support.running_server import RunningServer, StartServer
from tests.support.wait_until import WAIT_TIMEOUT
from tests.support.wire_client import WireClient

pytestmark = pytest.mark.usefixtures("frequent_switches")

USERS = [f"user{number}" for number in range(50)]
ROOMS = ("lobby", "dev", "ops")
ACTIONS = 250
LAST_MESSAGES = 3
MESSAGE = re.compile(r"\[\d\d:\d\d:\d\d\] ([^ :]+): (\d+) in (\w+)")
AT_THE_END = "[ERROR] No such room: the-end"


class RandomClient:
    """A client that acts at random, and everything that it reads."""

    def __init__(self, server: RunningServer, name: str, seed: int) -> None:
        self.name = name
        self.wire: WireClient = server.connect()
        self.transcript: list[str] = []
        self.rooms: list[str] = []
        """The room of each of its messages."""
        self.own: list[str] = []
        """The expected replies and echoes, in order. Echoes are without their time."""
        self._random = Random(seed)
        self._room = "lobby"

    def run(self, all_are_ready: threading.Barrier) -> None:
        """Log in, act and leave. Runs in its own thread."""
        self.wire.send(f"LOGIN {self.name} pw-of-{self.name}")
        while not self.read().startswith("[SERVER] Available commands"):
            pass
        self.transcript.clear()
        all_are_ready.wait(WAIT_TIMEOUT)
        # It follows itself, so its echoes are in order with the replies.
        actions = [self.subscribe(self.name), *(self.act() for _ in range(ACTIONS))]
        sent = 0
        while sent < len(actions):
            batch = actions[sent : sent + self._random.randint(1, 8)]
            self.wire.send(*batch)
            sent += len(batch)
            while len(self.transcript) < sent and self._random.random() < 0.5:
                self.read()
        self.wire.send(self.join("lobby"), self.subscribe("*"), "/who the-end")
        self.read_until(AT_THE_END)
        all_are_ready.wait(WAIT_TIMEOUT)
        self.wire.send(*(self.publish() for _ in range(LAST_MESSAGES)), "/who the-end")
        self.read_until(AT_THE_END)
        all_are_ready.wait(WAIT_TIMEOUT)
        self.wire.send_eof()
        while (line := self.wire.read_line()) is not None:
            self.transcript.append(line)

    def read(self) -> str:
        line = self.wire.read_line()
        assert line is not None
        self.transcript.append(line)
        return line

    def read_until(self, last: str) -> None:
        while self.read() != last:
            pass

    def act(self) -> str:
        choice = self._random.random()
        if choice < 0.4:
            return self.publish()
        if choice < 0.7:
            return self.join(self._random.choice(ROOMS))
        publisher = self._random.choice(["*", *(name for name in USERS if name != self.name)])
        if choice < 0.92:
            return self.subscribe(publisher)
        self.own.append(f"[SERVER] Unsubscribed from {publisher}")
        return f"/unsubscribe {publisher}"

    def publish(self) -> str:
        text = f"{len(self.rooms)} in {self._room}"
        self.rooms.append(self._room)
        self.own.append(text)
        return text

    def join(self, room: str) -> str:
        moves = room != self._room
        self._room = room
        self.own.append(f"[SERVER] {'Joined' if moves else 'You are already in'} room '{room}'")
        return "/leave" if room == "lobby" else f"/join {room}"

    def subscribe(self, publisher: str) -> str:
        self.own.append(f"[SERVER] Subscribed to {publisher}")
        return f"/subscribe {publisher}"


def check(reader: RandomClient, pool: dict[str, RandomClient]) -> None:
    """Check what one client read against what all clients published.

    The replies in between determine its room and its subscriptions. Replies and messages share one
    stream, in the order of the server's decisions.
    """
    room = "lobby"
    follows: set[str] = set()
    latest = dict.fromkeys(pool, -1)
    """The number of the most recently read message of each author."""
    unbroken: set[str] = set()
    """Authors whose messages in this room must all arrive, from `latest` on."""
    own: list[str] = []

    def is_recipient(author: str) -> bool:
        return author in follows or ("*" in follows and author != reader.name)

    for line in reader.transcript:
        if message := MESSAGE.fullmatch(line):
            author, number, message_room = message[1], int(message[2]), message[3]
            assert message_room == room == pool[author].rooms[number], (
                f"{line!r} was read in {room}"
            )
            assert is_recipient(author), f"{line!r} was read, following only {follows}"
            assert latest[author] < number, f"{line!r} came after number {latest[author]}"
            if author in unbroken:
                missed = pool[author].rooms[latest[author] + 1 : number].count(room)
                assert not missed, f"before {line!r} {missed} are missing"
            latest[author] = number
            unbroken.add(author)
            if author == reader.name:
                own.append(f"{number} in {message_room}")
            continue
        match line.removeprefix("[SERVER] ").split(" "):
            case ["Joined", "room", name]:
                room = name.strip("'")
                unbroken.clear()
            case ["Subscribed", "to", name]:
                follows.add(name)
            case ["Unsubscribed", "from", name]:
                follows.discard(name)
                unbroken = {author for author in unbroken if is_recipient(author)}
        if line != AT_THE_END:
            own.append(line)
    assert own == reader.own
    for author, client in pool.items():
        assert latest[author] == len(client.rooms) - 1, f"the last messages of {author} are missing"
        assert author in unbroken


class Decisions:
    """The outputs of the hub, in the order of its decisions under its lock."""

    def __init__(self, hub: Hub[Outbox]) -> None:
        self._hub = hub
        self._outputs: list[tuple[tuple[Outbox, ...], values.Output[Outbox]]] = []
        self._names: dict[Outbox, str] = {}
        self._real_emit = hub._applier.emit
        hub._applier.emit = self._emit

    def all_are_ready(self) -> None:
        """Start the record. From now on no client logs in or leaves until all leave."""
        if not self._names:
            self._names = {
                each.receiver: user for user, each in self._hub._applier.state.sessions.items()
            }
            self._outputs.clear()

    def _emit(self, recipients: tuple[Outbox, ...], output: values.Output[Outbox]) -> None:
        self._outputs.append((recipients, output))
        self._real_emit(recipients, output)

    def check(self) -> None:
        """Check that each message had exactly the right recipients at that moment."""
        room = dict.fromkeys(self._names.values(), "lobby")
        follows: dict[str, set[str]] = {user: set() for user in room}
        for recipients, output in self._outputs:
            readers = [self._names[recipient] for recipient in recipients]
            if isinstance(output, values.PublishedMessages):
                author = output.author
                assert sorted(readers) == sorted(
                    user
                    for user in room
                    if room[user] == room[author]
                    and (author in follows[user] or ("*" in follows[user] and user != author))
                )
                continue
            (user,) = readers
            match output:
                case values.Joined(_, name):
                    room[user] = name
                case values.Subscribed(_, name):
                    follows[user].add(name)
                case values.Unsubscribed(_, name):
                    follows[user].discard(name)


def test_random_clients_receive_exactly_their_messages(
    start_server: StartServer,
) -> None:
    server = start_server(rate=0, **FREQUENT_SWITCHES)
    server.add_accounts(USERS)
    pool = {name: RandomClient(server, name, seed) for seed, name in enumerate(USERS)}
    decisions = Decisions(server.server._hub)
    all_are_ready = threading.Barrier(len(pool), decisions.all_are_ready)
    with ThreadPoolExecutor(len(pool)) as threads:
        runs = [threads.submit(client.run, all_are_ready) for client in pool.values()]
    for run in runs:
        run.result()
    for client in pool.values():
        check(client, pool)
    decisions.check()
