"""Users who live on three nodes while nodes and Redis are killed, and what must be true of it.

Run it with `python -m tests.cluster.soak`.
"""

from __future__ import annotations

import random
import re
import time
from collections import defaultdict
from collections.abc import Callable
from heapq import heapify, heapreplace
from typing import Any, Final

from tests.abuse.catch_up_client import ReadMessage
from tests.abuse.cleanup_checks import check_log
from tests.abuse.client_pool import ClientPool
from tests.cluster.histories import read_histories
from tests.cluster.life import LAST_LINES, Key, Ledger, Life, User
from tests.support.cluster import Cluster, ProgramNode
from tests.support.wait_until import until
from tests.support.wire_client import WireClient

ROOMS: Final = ("lobby", "dev", "größe", "кухня")
OPERATOR: Final = "user0"
READER: Final = "reader"
"""Reads the histories at the end."""

PAUSE: Final = 0.15
"""Mean seconds between two actions of one user."""

KILL_PAUSE: Final = (0.4, 1.2)
"""Shortest and longest time between two kills, and of a part that was killed."""

_TEXT: Final = re.compile(r"(\d+) (\d+) (\S+)")


def names_of(users: int) -> list[str]:
    """Return the accounts that so many users need."""
    return [*(f"user{number}" for number in range(users)), READER]


class Lives:
    """The users, and their actions."""

    def __init__(self, cluster: Cluster, *, users: int, seed: int, report: Callable[[str], None]):
        """`cluster`: of three nodes in processes, for `names_of(users)`. `report`: a line.

        With an odd `seed`, Redis always comes back with its data: then all stamps are the same.
        """
        self._may_clear = seed % 2 == 0
        self._cluster = cluster
        self._nodes = [node for node in cluster.nodes if isinstance(node, ProgramNode)]
        assert len(self._nodes) == len(cluster.nodes)
        self._users = [User(name) for name in names_of(users) if name != READER]
        self._random = random.Random(seed)
        self._pool = ClientPool()
        self._lives: set[Life] = set()
        self._report = report
        self._down: dict[int, float] = {}
        """When a node is to start again."""
        self._redis_back = 0.0
        """When Redis is to start again. 0: it runs."""
        self._cut_off: dict[int, float] = {}
        """When the network of a node is to work again."""
        self.ledger = Ledger()
        self.node_kills = 0
        self.redis_kills = 0
        self.cuts = 0
        self._kinds = [4, 7, 0]
        """What fails first, the last one first. So also a short run has each kind."""
        self._was_cleared = False
        """Redis has lost everything. Then a message that is sent again may get another stamp."""

    def run(self, seconds: float) -> list[str]:
        """Live for so long, and until each kind of fault has begun. Then compare the nodes.

        Return all faults.
        """
        with self._pool:
            self._live(seconds)
            self._let_all_leave()
            self._compare()
        for node in self._nodes:
            check_log(node.log)
        return self.ledger.faults

    def _live(self, seconds: float) -> None:
        now = begin = time.monotonic()
        next_kill = now + self._random.uniform(*KILL_PAUSE)
        report_at = now + 10.0
        turns = [(now + self._pause(), number) for number in range(len(self._users))]
        heapify(turns)
        while (now < begin + seconds or self._kinds) and not self.ledger.faults:
            at, number = turns[0]
            if at <= now:
                self._do_action(self._users[number])
                heapreplace(turns, (now + self._pause(), number))
            self._pool.turn(min(0.01, max(0.0, at - now)))
            self._remove_ended()
            now = time.monotonic()
            self._start_again(now)
            if now >= next_kill:
                next_kill = now + self._random.uniform(*KILL_PAUSE)
                self._kill(now)
            if now >= report_at:
                report_at += 10.0
                self._report(f"{now - begin:6.1f} s: {self.summary()}")
        self._start_again(float("inf"))

    def summary(self) -> str:
        """Return what has happened so far."""
        ledger = self.ledger
        return (
            f"{ledger.logins} logins, {len(ledger.sent)} messages sent, {ledger.messages} read,"
            f" {len(ledger.privates_sent)} private, {self.node_kills} nodes and"
            f" {self.redis_kills} times Redis killed, {self.cuts} connections cut"
        )

    def _pause(self) -> float:
        return self._random.expovariate(1 / PAUSE)

    # Faults

    def _kill(self, now: float) -> None:
        """Kill one part, if all are there: what two parts have lost at once may be gone."""
        if self._down or self._redis_back or self._cut_off:
            return
        back = now + self._random.uniform(*KILL_PAUSE)
        node = self._random.randrange(len(self._nodes))
        match self._kinds.pop() if self._kinds else self._random.randrange(8):
            case 0 | 1 | 2:
                self._nodes[node].kill()
                self._down[node] = back
                self.node_kills += 1
            case 3:
                self._cluster.redis.cut_connections()
                self.cuts += 1
            case 4:
                self._cluster.proxies[node].hold()
                self._cut_off[node] = back
                self.cuts += 1
            case 5:
                self._cluster.proxies[node].block()
                self._cut_off[node] = back
                self.cuts += 1
            case kind:
                self._cluster.redis.kill()
                if kind == 6 and self._may_clear:
                    self._cluster.redis.clear()
                    self._was_cleared = True
                self._redis_back = back
                self.redis_kills += 1

    def _start_again(self, now: float) -> None:
        for node in [node for node, at in self._down.items() if at <= now]:
            del self._down[node]
            self._nodes[node].start()
        for node in [node for node, at in self._cut_off.items() if at <= now]:
            del self._cut_off[node]
            self._cluster.proxies[node].release()
            self._cluster.proxies[node].unblock()
        if self._redis_back and self._redis_back <= now:
            self._redis_back = 0.0
            self._cluster.redis.start()

    # Actions

    def _do_action(self, user: User) -> None:
        life = user.life
        if life is None:
            self._log_in(user)
        elif life.is_greeted and not life.is_quitting:
            (action,) = self._random.choices(*zip(*ACTIONS, strict=True))
            action(self, life)

    def _log_in(self, user: User) -> None:
        up = [node for node in range(len(self._nodes)) if node not in self._down]
        node = self._random.choice(up)
        try:
            life = Life(self._nodes[node], user, self.ledger)
        except OSError:  # it was killed meanwhile
            return
        user.life = life
        self._lives.add(life)
        self._pool.add(life)

    def _publish(self, life: Life) -> None:
        life.publish(self._random.randint(1, 5))

    def _join(self, life: Life) -> None:
        life.join(self._random.choice(ROOMS))

    def _follow(self, life: Life) -> None:
        word = self._random.choice(["/subscribe", "/subscribe", "/unsubscribe"])
        name = self._random.choice(["*", "*", *(user.name for user in self._users)])
        if name != life.user.name:  # it must read its own messages
            life.send(f"{word} {name}")

    def _send_private(self, life: Life) -> None:
        life.send_private(self._random.choice(self._users))

    def _query(self, life: Life) -> None:
        life.send(self._random.choice(["/who", "/rooms", "/subs"]))

    def _kick(self, life: Life) -> None:
        if life.user.name == OPERATOR:
            life.send(f"/kick {self._random.choice(self._users).name}")

    def _change_password(self, life: Life) -> None:
        life.change_password()

    def _quit(self, life: Life) -> None:
        life.quit()

    def _disconnect(self, life: Life) -> None:
        if life.new_password:
            return
        self._publish(life)
        self._remove(life, reset=self._random.random() < 0.5)

    def _log_in_elsewhere(self, life: Life) -> None:
        self._publish(life)
        if not life.new_password:
            self._log_in(life.user)

    # Ended sessions

    def _remove_ended(self) -> None:
        for life in [life for life in self._lives if life.has_ended]:
            # A killed node says nothing, and the last line can be lost with it.
            if not LAST_LINES.fullmatch(life.last_line) and not life.was_killed:
                self._fault(
                    f"{life.user.name} ended with {life.last_line!r}; now {self._describe_faults()}"
                )
            self._remove(life)

    def _remove(self, life: Life, *, reset: bool = False) -> None:
        life.end()
        self._lives.remove(life)
        self._pool.remove(life, reset=reset)

    def _let_all_leave(self) -> None:
        """Let all sessions say goodbye, so that everything that they have sent is decided."""

        def work() -> None:
            for life in self._lives:
                if life.is_greeted and not life.is_quitting:
                    life.quit()
            self._pool.turn(0.01)
            self._remove_ended()

        until(
            lambda: not self._lives,
            "all have left",
            lambda: str([(life.user.name, life.last_line) for life in self._lives]),
            work=work,
        )

    # What must be true at the end

    def _compare(self) -> None:
        self._cluster.until_same_state()
        self.ledger.faults += self._cluster.log_faults()
        kept = []
        for number in range(len(self._nodes)):
            client = self._cluster.log_in(number, READER)
            kept.append(read_histories(client, ROOMS))
            client.close()
        for number, histories in enumerate(kept):
            self._check_histories(number, histories)
        for room in ROOMS:
            for number in range(1, len(kept)):
                self._check_same(room, number, kept[0][room], kept[number][room])
        for number in range(len(self._nodes)):
            self._check_privates(number)
        for key, stamps in self.ledger.stamps.items():
            if len(stamps) > 1 and not self._was_cleared:
                self._fault(f"clients have read {key} with the stamps {sorted(stamps)}")

    def _check_histories(self, node: int, histories: dict[str, list[ReadMessage]]) -> None:
        """Check that a node has each echoed message once, in the order of sending."""
        seen: dict[Key, str] = {}
        for room, messages in histories.items():
            newest: dict[str, Key] = {}
            for message in messages:
                match = _TEXT.fullmatch(message.text)
                assert match is not None, message
                key = (message.author, int(match[1]), int(match[2]))
                if key in seen:
                    self._fault(f"node {node} has {key} twice, in {seen[key]} and {room}")
                if self.ledger.sent.get(key) != room:
                    self._fault(f"node {node} has {key} in {room}, where it was not sent")
                last = newest.get(message.author)
                if last is not None and last[1] == key[1] and last >= key:
                    self._fault(f"node {node} has {key} of {room} after {last}")
                newest[message.author] = key
                seen[key] = room
        for key in self.ledger.echoed.keys() - seen.keys():
            self._fault(f"node {node} has lost {key}, which its author has read")

    def _check_same(
        self, room: str, node: int, one: list[ReadMessage], other: list[ReadMessage]
    ) -> None:
        if one == other:
            return
        if self._was_cleared and [m[1:] for m in one] == [m[1:] for m in other]:
            return
        for place, (first, second) in enumerate(zip(one, other, strict=False)):
            if first != second and not (self._was_cleared and first[1:] == second[1:]):
                self._fault(
                    f"message {place} of {room}: node 0 has {first}, node {node} has {second}"
                )
                return
        self._fault(f"{room}: node 0 has {len(one)} messages, node {node} has {len(other)}")

    def _check_privates(self, node: int) -> None:
        """Check that a node has each private message once, for its author."""
        sent: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        for number, (author, recipient) in self.ledger.privates_sent.items():
            sent[author][recipient].add(number)
        for user in self._users:
            if user.name in sent:
                with self._log_in_by_password(node, user) as client:
                    for recipient, numbers in sent[user.name].items():
                        self._check_private_page(node, client, user.name, recipient, numbers)

    def _check_private_page(
        self, node: int, client: WireClient, author: str, recipient: str, sent: set[int]
    ) -> None:
        client.send(f"/history with {recipient} 200")
        read: list[int] = []
        while not (line := client.read_line() or "").startswith("[SERVER] End of history"):
            if match := re.search(rf" {author} -> {recipient}: private (\d+)", line):
                read.append(int(match[1]))
        if len(read) != len(set(read)) or not sent <= set(read):
            missing = sorted(sent - set(read))
            self._fault(f"node {node}: {author} -> {recipient} read {read}, without {missing}")

    def _log_in_by_password(self, node: int, user: User) -> Any:
        """Log in with the newest password, or with the one before if the change was not made."""
        for password in user.passwords:
            client = WireClient("127.0.0.1", self._nodes[node].port)
            client.expect("[SERVER] Login using: LOGIN <username> <password>")
            if client.request(f"LOGIN {user.name} {password}") == "[SERVER] Login successful":
                client.read_line()
                user.passwords = [password]
                return client
            client.close()
        raise AssertionError(f"node {node} knows no password of {user.name}")

    def _describe_faults(self) -> str:
        """Return what is down or cut off at the moment."""
        return f"down: {list(self._down)}, cut off: {list(self._cut_off)}"

    def _fault(self, text: str) -> None:
        self.ledger.faults.append(text)


ACTIONS: Final[list[tuple[Callable[[Lives, Life], None], int]]] = [
    (Lives._publish, 40),
    (Lives._join, 12),
    (Lives._follow, 10),
    (Lives._send_private, 12),
    (Lives._query, 5),
    (Lives._kick, 3),
    (Lives._change_password, 2),
    (Lives._quit, 4),
    (Lives._disconnect, 6),
    (Lives._log_in_elsewhere, 6),
]
"""Each action, and how often in a hundred."""
