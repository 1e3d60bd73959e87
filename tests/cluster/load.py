"""Clients that publish numbered messages to one room all the time and log what they read."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Final

from tests.abuse.client_pool import ClientPool, PooledClient
from tests.support.cluster_oracles import Message, ReadLog, SentLog, find_faults
from tests.support.wait_until import until

_MESSAGE: Final = re.compile(r"\[(\d{4}-\d\d-\d\dT\S+)\] (\S+): session (\d+) number (\d+)")
_sessions = count(1)


class LoadClient(PooledClient):
    """A session that publishes and reads everything. It is in the room before others publish."""

    def __init__(self, port: int, user: str, *, room: str = "lobby", follows: bool = True) -> None:
        """`follows`: read everything."""
        super().__init__(port)
        self.session = next(_sessions)
        self.user = user
        self.lines: list[str] = []
        """Everything that is not a message of such a client."""
        self.sent = SentLog(user, self.session)
        self.read = ReadLog(f"{user} ({self.session})")
        self.newest: dict[int, int] = {}
        """By session: the number of the message that was read last."""
        self.follows = follows
        subscribe = ("/subscribe *", f"/subscribe {user}") if follows else ()
        join = (f"/join {room}",) if room != "lobby" else ()
        self.send(f"LOGIN {user} pw-of-{user}", "/stamps on", *subscribe, *join, "/subs")

    @property
    def is_ready(self) -> bool:
        """True once it reads what others publish."""
        return any(line.startswith("[SERVER] Subscriptions: ") for line in self.lines)

    def publish(self) -> None:
        """Publish the next message."""
        self.send(f"session {self.session} number {self.sent.count}")
        self.sent.count += 1

    def line_received(self, line: str) -> None:
        match = _MESSAGE.fullmatch(line)
        if match is None:
            self.lines.append(line)
        else:
            stamp, author, session, number = match.groups()
            self.read.messages.append(Message(stamp, author, int(session), int(number)))
            self.newest[int(session)] = int(number)


class Load:
    """Clients on several nodes, served by the thread of the test."""

    def __init__(
        self, ports: Sequence[int], users: Sequence[str], *, per_second: float = 50.0
    ) -> None:
        """Connect the users to the ports in turn. `per_second`: messages of each client."""
        self._pool = ClientPool()
        self.clients: list[LoadClient] = []
        self.ended: list[LoadClient] = []
        """Clients that were removed. What they have sent counts, what they have read does not."""
        self._pause = 1 / per_second
        self._next = time.monotonic()
        self.is_publishing = False
        for number, user in enumerate(users):
            self.add(LoadClient(ports[number % len(ports)], user))
        self.work_until(lambda: all(each.is_ready for each in self.clients), "all are in the room")
        self.is_publishing = True

    def add(self, client: LoadClient) -> LoadClient:
        """Serve this client from now on."""
        self.clients.append(client)
        self._pool.add(client)
        return client

    def remove(self, client: LoadClient, *, is_complete: bool = False) -> None:
        """Close a client. `is_complete`: all that it has sent must be published."""
        self.clients.remove(client)
        self._pool.remove(client)
        client.sent.is_complete = is_complete
        self.ended.append(client)

    def work(self) -> None:
        """Publish what is due, and read what has arrived."""
        now = time.monotonic()
        if self.is_publishing and now >= self._next:
            # Do not catch up after a pause of the test.
            self._next = max(self._next + self._pause, now)
            for client in self.clients:
                if client.is_ready and not client.has_ended:
                    client.publish()
        self._pool.turn(min(0.01, self._pause))

    def run(self, seconds: float) -> None:
        """Work for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.work()

    def work_until(self, condition: Callable[[], object], description: str) -> None:
        """Work until `condition` is true."""
        until(condition, description, self.describe, work=self.work)

    def run_while_delivered(self, count: int = 10) -> None:
        """Work until every reader has read so many messages more of every client that is there."""
        goal = {each.session: each.sent.count + count for each in self.clients}
        self.work_until(
            lambda: all(self._has_read(each, goal) for each in self.clients if each.follows),
            f"every client reads {count} messages more of everyone",
        )

    def drain(self) -> float:
        """Publish nothing more. Wait until everything is read. Return how many seconds it took."""
        begin = time.monotonic()
        self.is_publishing = False
        goal = {each.session: each.sent.count for each in self.clients}
        self.work_until(
            lambda: all(self._has_read(each, goal) for each in self.clients if each.follows),
            "every client has read everything",
        )
        return time.monotonic() - begin

    def faults(self, *, is_one_order: bool = True) -> list[str]:
        """Return what the oracle finds."""
        return find_faults(
            [each.sent for each in (*self.clients, *self.ended)],
            [each.read for each in self.clients if each.follows],
            is_one_order=is_one_order,
        )

    def count_read(self) -> int:
        """Return how many messages were read."""
        return sum(len(each.read.messages) for each in self.clients)

    def describe(self) -> str:
        """Return what the clients have sent and read, for a failure."""
        return "; ".join(
            f"{each.read.reader} sent {each.sent.count}, read {len(each.read.messages)}"
            f"{', has ended' if each.has_ended else ''}, {each.lines[-2:]}"
            for each in self.clients
        )

    def close(self) -> None:
        """Close all clients."""
        self._pool.__exit__()

    def _has_read(self, reader: LoadClient, goal: dict[int, int]) -> bool:
        """Return whether a reader has read the last messages that the clients have sent."""
        newest = reader.newest
        return all(newest.get(session, -1) >= count - 1 for session, count in goal.items())

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
