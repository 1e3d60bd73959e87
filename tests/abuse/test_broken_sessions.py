"""Sessions that break off under load: a client that catches up has every message exactly once.

Two further tests remove what makes that true, one thing each, and the same comparison must fail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from chat_server.history import MAX_STAMP, HistoryService, Page, PageRequest, Reader
from tests.abuse.broken_sessions import (
    NAMES,
    OPTIONS,
    BreakOff,
    BrokenNetcatSessions,
    BrokenSessions,
    Outcome,
)
from tests.support.accounts import write_accounts_file
from tests.support.running_server import StartServer
from tests.support.server_program import ServerProgram

SESSIONS = 500
NETCAT_SESSIONS = 200
FEW_SESSIONS = 40
"""Enough for the mutations: each loses or repeats messages in most sessions."""

SLOW_COMMIT = 0.2
"""Seconds between two commits, if no client waits for one. So the newest messages are never stored
yet when a client asks."""

RunFewSessions = Callable[[], Outcome]


@pytest.mark.timeout(240)
def test_clients_have_every_message_exactly_once_after_500_broken_sessions(tmp_path: Path) -> None:
    users = write_accounts_file(tmp_path / "users.json", NAMES)
    with ServerProgram(users, *OPTIONS) as program:
        outcome = BrokenSessions(program.port, sessions=SESSIONS, seed=1).run()
    assert outcome.is_exact, outcome
    assert outcome.sessions == SESSIONS
    assert outcome.endings.keys() >= {ending.name for ending in BreakOff}
    assert 0 < outcome.from_pages < outcome.read


@pytest.mark.timeout(240)
def test_users_at_netcat_miss_nothing_after_broken_sessions(tmp_path: Path) -> None:
    users = write_accounts_file(tmp_path / "users.json", NAMES)
    with ServerProgram(users, *OPTIONS) as program:
        outcome = BrokenNetcatSessions(program.port, sessions=NETCAT_SESSIONS, seed=1).run()
    assert not outcome.missing, outcome
    assert not outcome.faults, outcome
    assert outcome.from_pages > 0


@pytest.fixture
def run_few_sessions(start_server: StartServer, tmp_path: Path) -> RunFewSessions:
    """Return a function that breaks a few sessions off, on a server whose writer is slow."""

    def run() -> Outcome:
        server = start_server(
            users=write_accounts_file(tmp_path / "users.json", NAMES),
            history=tmp_path / "history.db",
            rate=0,
            history_commit_seconds=SLOW_COMMIT,
        )
        sessions = BrokenSessions(server.port, sessions=FEW_SESSIONS, seed=1, always_asks_late=True)
        return sessions.run()

    return run


def test_clients_have_every_message_exactly_once_with_slow_writer(
    run_few_sessions: RunFewSessions,
) -> None:
    """Without the mutations, the server and the load of their tests make no mistake."""
    outcome = run_few_sessions()
    assert outcome.is_exact, outcome


def test_messages_are_missing_if_history_does_not_wait_for_writer(
    run_few_sessions: RunFewSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_ask = HistoryService._ask

    def ask(service: HistoryService, work: Callable[[], None] | None, seconds: float) -> None:
        if work is not None:
            real_ask(service, work, seconds)

    monkeypatch.setattr(HistoryService, "_ask", ask)
    outcome = run_few_sessions()
    assert outcome.missing > 0, outcome
    assert outcome.twice == 0, outcome


def test_messages_come_twice_if_new_history_is_not_bounded_above(
    run_few_sessions: RunFewSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_page = HistoryService.room_page

    def room_page(service: HistoryService, reader: Reader, request: PageRequest) -> Page:
        return real_page(service, reader, replace(request, before=MAX_STAMP))

    monkeypatch.setattr(HistoryService, "room_page", room_page)
    outcome = run_few_sessions()
    assert outcome.twice > 0, outcome
    assert outcome.missing == 0, outcome
