"""`chat-server history` and `users` next to a real server process: what its users then see."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.server_cli import run_server
from tests.support.server_program import ServerProgram
from tests.support.stored_history import bytes_of
from tests.support.wait_until import until
from tests.support.wire_client import WireClient

STAMPED = re.compile(r"\[(?P<stamp>\d{4}-[^]]+)\] (?P<rest>.*)")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProgram]:
    """Run a server with a history, and stop it."""
    with ServerProgram(tmp_path / "users.json") as program:
        yield program


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the history file of the server."""
    return tmp_path / "users.history.db"


def say(server: ServerProgram, user: str, *lines: str) -> None:
    """Log in, send lines, and quit when the server has stored them, which a page waits for."""
    with server.log_in(user) as client:
        client.send(*lines, "/history 1", "/quit")
        while client.read_line() is not None:
            pass


def page(client: WireClient, command: str = "/history") -> list[str]:
    """Return the lines of a page without head and foot."""
    client.send(command)
    client.expect_match(r"\[SERVER\] (History|Found) .*")
    lines = []
    while not (line := client.read_line() or "").startswith("[SERVER] End of history"):
        assert line
        lines.append(line)
    return lines


def messages(client: WireClient, command: str = "/history") -> list[str]:
    """Return the messages of a page without their stamps."""
    found = [STAMPED.fullmatch(line) for line in page(client, command)]
    return [match["rest"] for match in found if match]


def run_history(file: Path, *arguments: str | Path) -> str:
    """Run a command for kept messages that succeeds. Return its standard output."""
    done = run_server("history", *arguments, "--history", file)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_forgotten_user_disappears_from_pages_of_running_server(
    server: ServerProgram, file: Path
) -> None:
    say(server, "alice", "aardvarks everywhere", "/msg bob an antelope")
    say(server, "bob", "badgers too", "/subscribe *")
    with server.log_in("bob") as bob:
        assert messages(bob) == ["alice: aardvarks everywhere", "bob: badgers too"]
        run_history(file, "forget", "alice", "--yes")
        assert messages(bob) == ["bob: badgers too"]
        assert page(bob, "/search aardvarks") == []
        assert page(bob, "/history with alice") == []
        for word in (b"aardvark", b"antelope"):
            assert word not in bytes_of(file)
        # Both go on as before.
        with server.log_in("alice") as alice:
            alice.send("again here", "/who")
            bob.expect_message("alice", "again here")
            alice.read_line()
            assert messages(bob) == ["bob: badgers too", "alice: again here"]


def test_unread_numbers_follow_what_a_command_removed(server: ServerProgram, file: Path) -> None:
    with server.log_in("bob") as bob, server.log_in("carol") as carol:
        for line in ("/subscribe *", "/join dev", "/unread on"):
            bob.request(line)
        say(server, "alice", "aardvarks everywhere", "antelopes, too")
        bob.expect("[SERVER] Unread: lobby (2)")
        run_history(file, "forget", "alice", "--yes")
        carol.send("only this is left")
        # Perhaps with (0) before, if the server stored something between the two.
        while (notice := bob.read_line()) != "[SERVER] Unread: lobby (1)":
            assert notice == "[SERVER] Unread: lobby (0)"


def test_erased_message_disappears_from_pages_of_running_server(
    server: ServerProgram, file: Path
) -> None:
    say(server, "alice", "aardvarks everywhere", "badgers too")
    with server.log_in("alice") as alice:
        first = STAMPED.fullmatch(page(alice)[0])
        assert first is not None
        run_history(file, "erase", "lobby", first["stamp"])
        assert messages(alice) == ["alice: badgers too"]


def test_commands_that_read_work_next_to_running_server(
    server: ServerProgram, file: Path, tmp_path: Path
) -> None:
    with server.log_in("alice") as alice:
        alice.send("the only message")
        assert messages(alice) == ["alice: the only message"]
        assert "Messages in rooms: 1\n" in run_history(file, "stats")
        assert run_history(file, "check") == f"{file} is in order\n"
        exported = [json.loads(line) for line in run_history(file, "export", "alice").splitlines()]
        assert exported[0]["text"] == "the only message"
        run_history(file, "backup", tmp_path / "backup.db")
        assert "Removed 0 messages" in run_history(file, "prune")
        alice.send("and another one")
        assert messages(alice)[-1] == "alice: and another one"
    for command in (["restore", tmp_path / "backup.db"], ["compact"], ["check", "--repair"]):
        done = run_server("history", *command, "--history", file)
        assert done.exit_code == 1
        assert "a server uses it; stop the server" in done.stderr


def test_restored_backup_is_read_by_the_next_server(
    server: ServerProgram, file: Path, tmp_path: Path
) -> None:
    backup = tmp_path / "backup.db"
    say(server, "alice", "before the backup", "/subscribe bob")
    run_history(file, "backup", backup)
    say(server, "alice", "after the backup", "/unsubscribe bob")
    server.stop()
    run_history(file, "restore", backup)
    server.start()
    with server.log_in("alice") as alice:
        assert messages(alice) == ["alice: before the backup"]
        assert alice.request("/subs") == "[SERVER] Subscriptions: bob"
        alice.send("goes on")
        assert messages(alice) == ["alice: before the backup", "alice: goes on"]
    assert run_history(file, "check") == f"{file} is in order\n"


def test_restore_after_kill_does_not_mix_backup_with_stale_wal(
    server: ServerProgram, file: Path, tmp_path: Path
) -> None:
    backup = tmp_path / "backup.db"
    say(server, "alice", "before the backup")
    run_history(file, "backup", backup)
    say(server, "alice", "after the backup")
    server.kill()
    assert file.with_name(f"{file.name}-wal").stat().st_size
    # What an operator does by hand, and is told not to: the -wal stays.
    shutil.copy(backup, file)
    run_history(file, "restore", backup)
    server.start()
    with server.log_in("alice") as alice:
        assert messages(alice) == ["alice: before the backup"]
    assert run_history(file, "check") == f"{file} is in order\n"


def test_file_of_killed_server_can_be_exported_and_backed_up(
    server: ServerProgram, file: Path, tmp_path: Path
) -> None:
    with server.log_in("alice") as alice:
        alice.send("the last words")
        assert messages(alice) == ["alice: the last words"]
        server.kill()
    assert '"the last words"' in run_history(file, "export", "alice")
    run_history(file, "backup", tmp_path / "backup.db")
    with closing(sqlite3.connect(tmp_path / "backup.db")) as connection:
        assert connection.execute("SELECT text FROM message").fetchall() == [("the last words",)]
    server.start()


@pytest.mark.parametrize("is_running", [True, False])
def test_renamed_account_keeps_its_history(
    server: ServerProgram, file: Path, is_running: bool
) -> None:
    say(server, "bob", "/join dev", "from bob")
    say(server, "alice", "/subscribe *", "from alice", "/msg bob to bob")
    say(server, "bob", "/subscribe alice", "/join dev")
    if not is_running:
        server.stop()
    done = run_server("users", "rename", "alice", "alicia", "--users", server.users)
    assert (done.exit_code, done.stdout) == (0, "Renamed alice to alicia\n")
    if is_running:
        until(lambda: "Users file reloaded" in server.log)
    else:
        server.start()
    with WireClient("127.0.0.1", server.port) as alicia:
        alicia.send("LOGIN alicia pw-of-alice", "/subs")
        while "Subscriptions" not in (line := alicia.read_line() or "closed"):
            assert line != "closed"
        assert line == "[SERVER] Subscriptions: *"
        assert messages(alicia) == ["alicia: from alice"]
        assert messages(alicia, "/history with bob") == ["alicia -> bob: to bob"]
        with server.log_in("bob") as bob:
            assert bob.request("/subs") == "[SERVER] Subscriptions: alicia"
            assert messages(bob, "/history with alicia") == ["alicia -> bob: to bob"]
            assert messages(bob) == ["alicia: from alice"]


def test_new_account_of_forgotten_user_starts_empty(server: ServerProgram, file: Path) -> None:
    say(server, "alice", "/subscribe *", "from alice")
    done = run_server("users", "remove", "alice", "--users", server.users)
    assert "chat-server history forget alice" in done.stderr
    until(lambda: "Users file reloaded" in server.log)
    run_history(file, "forget", "alice", "--yes", "--users", server.users)
    assert b"alice" not in bytes_of(file)
    run_server(
        *("--bcrypt-cost", "4", "users", "add", "alice", "--users", server.users),
        "--password-stdin",
        typed="pw-of-alice\n",
    )
    until(lambda: server.log.count("Users file reloaded") == 2)
    with server.log_in("alice") as alice:
        assert alice.request("/subs") == "[SERVER] Subscriptions: none"
        assert messages(alice) == []
