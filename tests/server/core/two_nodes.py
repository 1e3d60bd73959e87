"""Two hubs with one log, each with a client."""

from __future__ import annotations

from chat_server.core import Session, requests
from tests.server.core.shared_log import Client, Log, Node

USERS = ("alice", "bob", "carol")


class TwoNodes:
    """Alice is at the first node, bob at the second."""

    def __init__(self, burst: int = 0) -> None:
        """`burst`: see `Node`."""
        self.log = Log()
        self.first, self.second = (Node(self.log, name, USERS, burst) for name in ("a:1", "b:1"))
        self.alice = self.log_in(self.first, "alice", "bob")
        self.bob = self.log_in(self.second, "bob", "alice")
        self.catch_up()

    def log_in(self, node: Node, user: str, *publishers: str) -> Session[Client]:
        host = "192.0.2.1" if node is self.first else "192.0.2.2"
        session = node.hub.log_in(user, Client(), ["/join"], host)
        assert session is not None
        for publisher in publishers:
            node.hub.subscribe(session, publisher)
        read(session)
        return session

    def append(self, request: requests.Request, user: str = "", generation: int = 0) -> None:
        self.log.append(request, user, generation)
        self.catch_up()

    def catch_up(self) -> None:
        self.first.catch_up()
        self.second.catch_up()

    def restore(self, node: Node) -> None:
        for generation, request in node.hub.replica.local_sessions():
            self.append(request, request.user, generation)

    def check_states(self) -> None:
        self.catch_up()
        assert self.first.state() == self.second.state()


def read(session: Session[Client]) -> list[str]:
    """Return the lines that a client was sent since the last call, with no time."""
    lines = [
        line.split("] ", 1)[1] if line[1:3].isdigit() else line for line in session.receiver.lines
    ]
    session.receiver.lines.clear()
    return lines


def jump(chat: TwoNodes) -> None:
    """Let the first node go on from a snapshot, as if it had been away for too long."""
    chat.second.catch_up()
    chat.first.hub.replica.restore(requests.Snapshot(chat.log.stamp, chat.second.state()))
    chat.first.read = len(chat.log.entries)
