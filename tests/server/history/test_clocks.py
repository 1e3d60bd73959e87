"""The history and the clock: restarts with another one, retention, and how far a user may read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chat_server.config import HistoryFrom
from tests.server.history.pages import STAMP, read_page
from tests.support.running_server import StartServer
from tests.support.wait_until import until

HOUR = 3_600_000_000
YEAR = 365 * 24 * HOUR
NOW = 1_795_000_000_000_000


def stamps_of(lines: list[str]) -> list[str]:
    return [line[1:33] for line in lines if line.startswith("[2")]


@pytest.mark.parametrize("moved", [-HOUR, YEAR], ids=["an hour back", "a year forward"])
def test_stamps_rise_over_restart_with_another_clock(
    start_server: StartServer, tmp_path: Path, moved: int
) -> None:
    file = tmp_path / "chat.db"
    now = NOW

    def clock() -> int:
        return now

    lines: list[str] = []
    for _ in range(3):
        server = start_server(rate=0, history=file, clock=clock, history_days=0)
        with server.log_in("alice") as alice:
            alice.send("one", "two", "/history")
            while not (line := alice.read_line() or "").startswith("[SERVER] End of history"):
                lines.append(line)
        server.stop()
        now = NOW + moved if now == NOW else NOW
    page = lines[-6:]
    assert [line.partition(": ")[2] for line in page] == ["one", "two"] * 3
    assert stamps_of(page) == sorted(set(stamps_of(page)))
    is_ahead = "s ahead of the clock" in server.log.getvalue()
    assert is_ahead == (moved > 0), server.log.getvalue()


def test_clock_set_back_at_restart_reports_how_far_history_is_ahead(
    start_server: StartServer, tmp_path: Path
) -> None:
    file = tmp_path / "chat.db"
    server = start_server(rate=0, history=file, clock=lambda: NOW)
    with server.log_in("alice") as alice:
        alice.send("one")
        read_page(alice)
    server.stop()
    server = start_server(rate=0, history=file, clock=lambda: NOW - HOUR)
    assert "The newest kept message is 360" in server.log.getvalue()


def test_retention_removes_old_messages_while_running(
    start_server: StartServer, tmp_path: Path
) -> None:
    days = 24 * HOUR
    now = NOW
    server = start_server(
        rate=0,
        history=tmp_path / "chat.db",
        clock=lambda: now,
        history_days=2,
        history_prune_seconds=0.1,
    )
    with server.log_in("alice") as alice:
        alice.send("old")
        assert read_page(alice) == ["alice: old"]
        now = NOW + 3 * days
        alice.send("new")
        until(lambda: "alice: old" not in read_page(alice), "the old message is pruned")
        page = read_page(alice, "/history 100")
        assert page[0].startswith("[SERVER] Not kept: messages before ")
        assert page[1:] == ["alice: new"]


def created(moment: int) -> str:
    return datetime.fromtimestamp(moment // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (HistoryFrom.START, ["first", "second", "third"]),
        (HistoryFrom.ACCOUNT, ["second", "third"]),
        (HistoryFrom.VISIT, ["third"]),
    ],
)
def test_history_from_limits_pages_and_search(
    start_server: StartServer, tmp_path: Path, limit: HistoryFrom, expected: list[str]
) -> None:
    now = NOW
    (tmp_path / "users.more.json").write_text(
        json.dumps({"created": {"bob": created(NOW + 10 * HOUR)}})
    )
    server = start_server(
        rate=0, history=tmp_path / "chat.db", history_from=limit, clock=lambda: now
    )
    alice = server.log_in("alice")
    alice.send("first")
    read_page(alice)
    now = NOW + 20 * HOUR
    alice.send("second")
    read_page(alice)
    now = NOW + 30 * HOUR
    bob = server.log_in("bob", subscribe="*")
    alice.send("third")
    bob.expect_message("alice", "third")
    pages = [f"alice: {text}" for text in expected]
    assert read_page(bob) == pages
    for text in ("first", "second", "third"):
        bob.send(f"/search {text}")
        bob.expect("[SERVER] Found in 'lobby'")
        if text in expected:
            bob.expect_match(f"{STAMP} alice: {text}")
        assert (bob.read_line() or "").startswith("[SERVER] End of history")
