"""The thread that sends unread numbers, while the history cannot be read."""

from __future__ import annotations

from typing import Any

from chat_server.config import Config
from chat_server.core import Hub
from chat_server.delivery import Dispatcher
from chat_server.history import Commit, HistoryUnavailableError
from chat_server.observability import EventLog
from chat_server.unread_notifier import UnreadNotifier

USERS = ("alice", "bob", "carol")


class UnavailableHistory:
    """A history whose disk hangs: what waits for it ends with the error, after its time limit."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def on_commit(self, _: object) -> None: ...

    def visited_rooms(self, user: str) -> list[str]:
        self.asked.append(user)
        raise HistoryUnavailableError


def test_one_session_waits_for_unavailable_history_and_the_others_do_not() -> None:
    history: Any = UnavailableHistory()
    hub: Hub[Any] = Hub(lambda *_: None, lambda _: True, lambda: 1)
    for user in USERS:
        session = hub.log_in(user, object(), ())
        assert session is not None
        hub.set_unread_notices(session, True)
    notifier = UnreadNotifier(hub, history, Dispatcher(Config(max_clients=10)), EventLog(), 1.0)
    assert not notifier._pass(Commit())
    assert history.asked == ["alice"]
    assert not notifier._pass(Commit())
    assert history.asked == ["alice", "bob"]
    assert all(watch.must_recount for watch in notifier._watches.values())
