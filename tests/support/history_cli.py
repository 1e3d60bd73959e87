"""`chat-server history` on a file of a test, run in this process."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.support.server_cli import run_server
from tests.support.stored_history import bytes_of


def run_history(file: Path, *arguments: str | Path) -> str:
    """Run a command on the file. Return its standard output."""
    done = run_server("history", *arguments, "--users", file.with_name("users.json"))
    assert done.exit_code == 0, done.output
    return done.stdout


def fail_history(file: Path, *arguments: str | Path, status: int = 1) -> str:
    """Run a command that fails. Return the one line of its error."""
    before = bytes_of(file)
    done = run_server("history", *arguments, "--history", file)
    assert done.exit_code == status, done.output
    assert bytes_of(file) == before
    lines = done.stderr.strip().splitlines()
    assert status == 2 or len(lines) == 1, lines
    return lines[-1]


def exported(file: Path, user: str) -> list[dict[str, object]]:
    """Return what is kept of the user."""
    return [json.loads(line) for line in run_history(file, "export", user).splitlines()]


def texts(file: Path) -> list[str]:
    """Return all stored texts."""
    with closing(sqlite3.connect(file)) as connection:
        return [
            text
            for (text,) in connection.execute(
                "SELECT text FROM message UNION ALL SELECT text FROM private ORDER BY 1"
            )
        ]
