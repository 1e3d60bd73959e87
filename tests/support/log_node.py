"""A server reduced to its log: a real backplane, and a small replica that notes what it emits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from chat_server.backplane import RedisBackplane, RedisSettings, parse_redis_url
from chat_server.core import Session, requests
from chat_server.core.rooms import Room
from chat_server.tuning import Tuning
from tests.support.wait_until import until

QUICK = Tuning(
    redis_lease_seconds=5.0,
    redis_renewal_seconds=0.3,
    redis_timeout_seconds=0.5,
    redis_notice_seconds=0.2,
    redis_login_seconds=20.0,
    redis_seed_seconds=0.0,
)


class NotedEvents:
    """The events of a log, by name."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, object]] = []

    def redis_unreachable(self, why: str) -> None:
        self.seen.append(("unreachable", why))

    def redis_connected(self, seconds: float) -> None:
        self.seen.append(("connected", seconds))

    def redis_setting(self, why: str) -> None:
        self.seen.append(("setting", why))

    def servers_differ(self, why: str) -> None:
        self.seen.append(("differ", why))

    def log_seeded(self, entries: int) -> None:
        self.seen.append(("seeded", entries))

    def accounts_written(self, count: int) -> None:
        self.seen.append(("accounts", count))

    def account_changes_resent(self, count: int) -> None:
        self.seen.append(("changed again", count))

    def log_replayed(self, why: str) -> None:
        self.seen.append(("replayed", why))

    def entries_resent(self, count: int) -> None:
        self.seen.append(("resent", count))

    def sessions_restored(self, count: int) -> None:
        self.seen.append(("restored", count))

    def messages_unsent(self, count: int) -> None:
        self.seen.append(("unsent", count))

    def node_replaced(self) -> None:
        self.seen.append(("replaced", None))

    def entry_failed(self, why: str) -> None:
        self.seen.append(("failed", why))

    def count(self, name: str) -> int:
        return sum(each == name for each, _ in self.seen)


@dataclass
class SmallReplica:
    """Sessions and texts. The state is what a snapshot holds; the rest belongs to this server."""

    node: str = ""
    sessions: dict[str, tuple[int, str]] = field(default_factory=dict)
    """The state: generation and node, by user."""
    texts: list[str] = field(default_factory=list)
    """The state: `author text` in the order of the log."""
    applied: dict[str, int] = field(default_factory=dict)
    """The state: the newest number of each node."""
    emitted: list[str] = field(default_factory=list)
    """What users of this server have read."""
    own: dict[tuple[str, int], Session[str]] = field(default_factory=dict)
    changes: list[requests.ChangeAccount] = field(default_factory=list)
    """What users of this server have noticed of changes of accounts."""
    ended: list[str] = field(default_factory=list)
    """The nodes that the log has ended."""
    connected: list[bool] = field(default_factory=list)

    def apply(self, entry: requests.Entry, *, is_silent: bool = False) -> Any:
        request, user = entry.request, entry.user
        is_known = bool(entry.node) and entry.number <= self.applied.get(entry.node, 0)
        if entry.node and not is_known:
            self.applied[entry.node] = entry.number
        match request:
            case requests.Publish() if is_known:
                self.emitted += [f"{user} {text}" for text in request.texts if not is_silent]
            case _ if is_known:
                pass
            case requests.LogIn():
                return self._log_in(entry, request, is_silent)
            case requests.RestoreSession():
                if self.sessions.get(user, (0, ""))[0] < entry.generation:
                    self.sessions[user] = entry.generation, request.node
            case requests.ChangeAccount():
                self.changes += [] if is_silent else [request]
            case requests.Announce():
                raise RuntimeError("a defect of the replica")
            case requests.EndNode():
                self.ended.append(request.node)
                self.sessions = {
                    user: each for user, each in self.sessions.items() if each[1] != request.node
                }
            case requests.LogOut():
                if self.sessions.get(user, (0, ""))[0] == entry.generation:
                    del self.sessions[user]
                    self._end(user, entry.generation)
            case requests.Publish():
                held = self.sessions.get(user, (0, ""))[0]
                if held != entry.generation and not entry.first_stamp:
                    return None
                for text in request.texts:
                    self.texts.append(f"{user} {text}")
                    if not is_silent:
                        self.emitted.append(f"{user} {text}")
        return entry.stamp

    def _log_in(
        self, entry: requests.Entry, request: requests.LogIn, is_silent: bool
    ) -> Session[str] | None:
        user, generation = request.user, entry.first_stamp or entry.stamp
        held, _ = self.sessions.get(user, (0, ""))
        if held > generation:
            return None
        for name, older in list(self.own):
            if name == user and older < generation:  # also if its node had ended
                self._end(user, older)
        self.sessions[user] = generation, entry.node
        if request.client is None:
            return None
        session: Session[str] = Session(user, request.client.receiver, Room("lobby"), set())
        session.generation, session.node = generation, entry.node
        self.own[user, generation] = session
        return session

    def _end(self, user: str, generation: int) -> None:
        session = self.own.pop((user, generation), None)
        if session is not None:
            session.ended.set()

    def snapshot(self, stamp: int) -> requests.Snapshot:
        state = {"sessions": self.sessions, "texts": self.texts, "applied": self.applied}
        return requests.Snapshot(stamp, state)

    def restore(self, snapshot: requests.Snapshot) -> None:
        self.sessions = {
            user: (generation, node)
            for user, (generation, node) in snapshot.state["sessions"].items()
        }
        self.texts = list(snapshot.state["texts"])
        self.applied = dict(snapshot.state["applied"])

    def local_sessions(self) -> list[tuple[int, requests.RestoreSession]]:
        return [
            (generation, requests.RestoreSession(user, "::1", session.node, "lobby"))
            for (user, generation), session in list(self.own.items())
        ]

    def set_connected(self, is_connected: bool) -> None:
        self.connected.append(is_connected)


class LogNode:
    """A server with a log and nothing else."""

    def __init__(self, url: str, name: str, tuning: Tuning = QUICK, **options: Any) -> None:
        self.events = NotedEvents()
        self.replica = SmallReplica()
        self.backplane: RedisBackplane[str] = RedisBackplane(
            RedisSettings(parse_redis_url(url)), name, self.events, tuning, **options
        )

    def start(self, **history: Any) -> None:
        self.backplane.start(self.replica, **history)

    def stop(self) -> None:
        self.backplane.stop()

    def log_in(self, user: str) -> Session[str]:
        request = requests.LogIn(user, "::1", requests.LoginClient(user, ()))
        session: Session[str] | None = self.backplane.submit(request)
        assert session is not None
        return session

    def say(self, session: Session[str], *texts: str) -> None:
        self.backplane.publish(session, texts, False)

    def until_emitted(self, number: int) -> None:
        until(
            lambda: len(self.replica.emitted) >= number,
            f"{number} texts are emitted",
            lambda: f"{len(self.replica.emitted)} {self.events.seen[-5:]}",
        )


@contextmanager
def running(*nodes: LogNode) -> Iterator[None]:
    """Start servers, and stop them at the end."""
    try:
        for node in nodes:
            node.start()
        yield
    finally:
        for node in nodes:
            node.stop()


MAX_LEAD = 300
"""Texts that are said and not shown yet. More would only let a slow server fall behind."""


class Talk:
    """One user of each server who speaks without a pause, in threads, until `stop`.

    Only if a server is `MAX_LEAD` texts behind, its user waits.
    """

    def __init__(self, *nodes: LogNode) -> None:
        self._nodes = nodes
        self._sessions = [node.log_in(f"user{index}") for index, node in enumerate(nodes)]
        self._stopping = threading.Event()
        self.sent = [0] * len(nodes)
        self._threads = [
            threading.Thread(target=self._speak, args=(index,)) for index in range(len(nodes))
        ]
        for thread in self._threads:
            thread.start()

    def _speak(self, index: int) -> None:
        node, session = self._nodes[index], self._sessions[index]
        while not self._stopping.wait(0.001):
            if sum(self.sent) - len(node.replica.emitted) >= MAX_LEAD:
                continue
            node.say(session, str(self.sent[index]))
            self.sent[index] += 1

    def until_more(self, number: int = 20) -> None:
        """Wait until every server has shown so many further texts of all."""
        for node in self._nodes:
            node.until_emitted(len(node.replica.emitted) + number)

    def until_later_ones(self) -> None:
        """Wait until every server has shown texts of all that are said after this call begins."""
        later = [f"user{index} {count + 1}" for index, count in enumerate(self.sent)]
        for node in self._nodes:
            until(lambda node=node: set(later) <= set(node.replica.emitted))  # type: ignore[misc]

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def check(self, *, is_one_order: bool = True) -> None:
        """Check that every server has shown every text once and in order, and the same state."""
        self.stop()
        total = sum(self.sent)
        for node in self._nodes:
            node.until_emitted(total)
        for node in self._nodes:
            until(lambda node=node: len(node.replica.texts) >= total)  # type: ignore[misc]
            for index, count in enumerate(self.sent):
                author = f"user{index} "
                said = [each for each in node.replica.emitted if each.startswith(author)]
                assert said == [f"{author}{number}" for number in range(count)]
        first = self._nodes[0].replica
        for node in self._nodes[1:]:
            assert node.replica.texts == first.texts
            assert node.replica.sessions == first.sessions
            if is_one_order:
                assert node.replica.emitted == first.emitted
