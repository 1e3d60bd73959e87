"""Accounts that change faster than the writer can store."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.server.history.in_process import InProcessServer

NOON = 1_795_348_800_000_000


def test_account_renamed_twice_while_the_file_is_locked_keeps_everything(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    server = InProcessServer(file, {"alice", "bob"}, NOON)
    server.log_in("alice")
    server.publish("alice", ["hello"])
    server.log_in("bob")
    server.request("bob", "/subscribe alice")
    server.request("alice", "/msg bob a secret")
    assert len(server.request("alice", "/history")) == 3
    with closing(sqlite3.connect(file, isolation_level=None)) as other_process:
        other_process.execute("BEGIN IMMEDIATE")
        server.rename("alice", "alicia")
        server.rename("alicia", "alina")
        other_process.execute("ROLLBACK")
    server.log_in("alina")
    page = server.request("alina", "/history")
    assert [line.partition("] ")[2] for line in page[1:-1]] == ["alina: hello"]
    private = server.request("bob", "/history with alina")
    assert [line.partition("] ")[2] for line in private[1:-1]] == ["alina -> bob: a secret"]
    assert server.request("bob", "/subs") == ["[SERVER] Subscriptions: alina"]
    server.stop()
