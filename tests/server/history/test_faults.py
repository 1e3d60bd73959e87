"""Faults of the disk and of the file, with the real server as a process. Chat never stops."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.server.history.pages import STAMP, UNAVAILABLE, page_once_available, read_page
from tests.support.accounts import PEOPLE, write_accounts_file
from tests.support.server_cli import run_server
from tests.support.server_program import ServerProgram
from tests.support.small_disk import MIB, MakeDisk
from tests.support.wait_until import WAIT_TIMEOUT, until


def health(program: ServerProgram) -> tuple[int, str]:
    """Return the status and the text of /healthz of a server with `--metrics 0`."""
    answers: list[tuple[int, str]] = []

    def is_answered() -> bool:
        ports = re.findall(r"Metrics on http://127\.0\.0\.1:(\d+)/", program.log)
        if not ports:
            return False
        connection = http.client.HTTPConnection("127.0.0.1", int(ports[-1]), timeout=WAIT_TIMEOUT)
        with closing(connection), suppress(ConnectionRefusedError):  # the port of the last start
            connection.request("GET", "/healthz")
            with connection.getresponse() as response:
                answers.append((response.status, response.read().decode()))
        return bool(answers)

    until(is_answered, "the metrics server")
    return answers[0]


def await_log(program: ServerProgram, text: str) -> None:
    until(lambda: text in program.log, f"{text!r} in the log", lambda: program.log)


def talk(program: ServerProgram, *texts: str) -> None:
    """Let alice say texts, and wait until they are stored."""
    with program.log_in("alice") as alice:
        alice.send(*texts)
        read_page(alice)


def start(tmp_path: Path, *options: str) -> ServerProgram:
    return ServerProgram(tmp_path / "users.json", "--rate", "0", "--metrics", "0", *options)


def test_storing_pauses_while_disk_is_nearly_full_and_goes_on_by_itself(
    tmp_path: Path, make_disk: MakeDisk
) -> None:
    disk = make_disk(200 * MIB)
    file = disk.folder / "chat.db"
    with start(tmp_path, "--history", str(file)) as program:
        alice, bob = program.log_in("alice"), program.log_in("bob")
        with alice, bob:
            assert bob.request("/subscribe alice") == "[SERVER] Subscribed to alice"
            alice.send("one")
            bob.expect_message("alice", "one")
            assert read_page(bob) == ["alice: one"]
            disk.fill(leave=100 * MIB)
            await_log(program, "History paused: ")
            alice.send("two")
            bob.expect_message("alice", "two")
            asked = time.monotonic()
            assert bob.request("/history") == UNAVAILABLE
            assert time.monotonic() - asked < 1.5, "a pause is known, so nothing waits for it"
            status, text = health(program)
            assert status == 200
            assert text.startswith("degraded: the history is paused: ")
            assert text.endswith(" MiB are free on its disk, and it needs 128\n")
            disk.clear()
            await_log(program, "History goes on: 0 messages were not kept")
            assert page_once_available(bob) == ["alice: one", "alice: two"]
            assert health(program) == (200, "ok\n")


def test_write_lock_held_by_another_program_delays_only_the_history(tmp_path: Path) -> None:
    with start(tmp_path) as program:
        file = tmp_path / "users.history.db"
        alice, bob, carol = (program.log_in(name) for name in ("alice", "bob", "carol"))
        with alice, bob, carol:
            assert bob.request("/subscribe alice") == "[SERVER] Subscribed to alice"
            read_page(bob)
            with closing(sqlite3.connect(file, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                held = time.monotonic()
                alice.send("text 0")
                bob.expect_message("alice", "text 0")
                carol.send("/history")
                slowest = 0.0
                number = 1
                while time.monotonic() - held < 3:
                    sent = time.monotonic()
                    alice.send(f"text {number}")
                    bob.expect_message("alice", f"text {number}")
                    slowest = max(slowest, time.monotonic() - sent)
                    number += 1
                    time.sleep(0.02)
                assert carol.read_line() == UNAVAILABLE
                assert time.monotonic() - held > 1.5
                other.execute("ROLLBACK")
            assert slowest < 1, "nothing waited for the lock"
            page = page_once_available(bob)
            assert page == [f"alice: text {each}" for each in range(number - 20, number)]
        assert "Unexpected error" not in program.log


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(file.read_bytes()[:5000]),
        lambda file: file.write_bytes(b"not a database, but a text\n" * 1000),
        lambda file: file.write_bytes(file.read_bytes()[:100] + bytes(range(256)) * 100),
    ],
    ids=["truncated", "not a database", "garbage"],
)
def test_damaged_file_is_set_aside_whole_at_start(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    file = tmp_path / "users.history.db"
    with start(tmp_path) as program:
        talk(program, *(f"text {number}" for number in range(300)))
        program.stop()
        damage(file)
        broken = file.read_bytes()
        Path(f"{file}-wal").write_bytes(b"its log")
        program.start()
        (aside,) = tmp_path.glob("users.history.db.broken-*[0-9]")
        assert aside.read_bytes() == broken
        assert Path(f"{aside}-wal").read_bytes() == b"its log"
        assert f"History file {file} is damaged: " in program.log
        assert f"it was set aside as {aside}, and a new one is in use" in program.log
        assert health(program) == (
            200,
            f"degraded: the history file was damaged and set aside as {aside}\n",
        )
        talk(program, "a new beginning")
        with program.log_in("alice") as alice:
            assert read_page(alice) == ["alice: a new beginning"]


def test_file_damaged_while_running_is_set_aside_and_state_is_stored_again(
    tmp_path: Path,
) -> None:
    file = tmp_path / "users.history.db"
    with start(tmp_path) as program:
        alice, bob = program.log_in("alice"), program.log_in("bob")
        with alice, bob:
            assert bob.request("/subscribe alice") == "[SERVER] Subscribed to alice"
            alice.send(*(f"text {number}" for number in range(300)))
            read_page(alice)
            for path in (file, Path(f"{file}-wal")):
                with path.open("r+b") as stream:
                    stream.write(b"garbage!" * (path.stat().st_size // 8))
            number = 0
            while "it was set aside as" not in program.log:
                alice.send(f"later {number}")
                number += 1
                alice.send("/history")
                line = alice.read_line() or ""
                while line.startswith("[SERVER] History") or re.match(STAMP, line):
                    line = alice.read_line() or ""
                assert line == UNAVAILABLE or line.startswith("[SERVER] End of history")
                assert number < 500
            alice.send("after the damage")
            assert page_once_available(alice)[-1] == "alice: after the damage"
        program.stop()
        assert "Unexpected error" not in program.log
        program.start()
        with program.log_in("bob") as bob:
            assert bob.request("/subs") == "[SERVER] Subscriptions: alice"
            assert read_page(bob)[-1] == "alice: after the damage"


def test_newer_schema_turns_history_off_and_file_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "users.history.db"
    with start(tmp_path) as program:
        talk(program, "kept")
        program.stop()
        with closing(sqlite3.connect(file)) as newer:
            newer.execute("PRAGMA user_version = 99")
        before = hashlib.sha256(file.read_bytes()).hexdigest()
        program.start()
        with program.log_in("alice") as alice:
            assert alice.request("/history") == "[ERROR] Unknown command: /history (try /help)"
            alice.send("live")
            alice.expect_silence()
        status, text = health(program)
        assert status == 200
        assert text.startswith(f"degraded: the history is off: {file}: its version is 99")
        assert f"[!] History is off: {file}: its version is 99" in program.log
        program.stop()
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before


def test_file_that_operator_named_by_mistake_is_left_untouched(tmp_path: Path) -> None:
    photos, notes = tmp_path / "photos.db", tmp_path / "notes.txt"
    with closing(sqlite3.connect(photos)) as other:
        other.execute("CREATE TABLE photo(name)")
    notes.write_text("buy milk\n")
    users = write_accounts_file(tmp_path / "users.json", PEOPLE)
    for file, what in (
        (photos, "it is a database of another program"),
        (notes, "it is not a history file"),
        (users, "it is not a history file"),
    ):
        before = file.read_bytes()
        names = {path.name for path in tmp_path.glob("[!.]*")} | {"server.log"}
        with start(tmp_path, "--history", str(file)) as program:
            why = f"{what}, and was left untouched. Name another file with `--history`"
            assert f"[!] History is off: {file}: {why}\n" in program.log
            assert health(program) == (200, f"degraded: the history is off: {file}: {why}\n")
            with program.log_in("alice") as alice:
                assert alice.request("/history") == "[ERROR] Unknown command: /history (try /help)"
        assert file.read_bytes() == before
        assert {path.name for path in tmp_path.glob("[!.]*")} == names


def test_read_only_file_turns_history_off(tmp_path: Path, make_disk: MakeDisk) -> None:
    disk = make_disk(20 * MIB)
    file = disk.folder / "chat.db"
    with start(tmp_path, "--history", str(file)) as program:
        program.stop()
        disk.make_read_only()
        program.start()
        with program.log_in("alice") as alice:
            assert alice.request("/history") == "[ERROR] Unknown command: /history (try /help)"
        assert f"History is off: {file}: Read-only file system" in program.log
        status, text = health(program)
        assert status == 200
        assert text.startswith("degraded: the history is off: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_file_without_permission_turns_history_off(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    file = folder / "chat.db"
    folder.mkdir()
    with start(tmp_path, "--history", str(file)) as program:
        for path, mode, why in (
            (file, 0o400, "can't be read and written"),
            (folder, 0o500, "its folder can't be written"),
        ):
            program.stop()
            before = path.stat().st_mode
            path.chmod(mode)
            program.start()
            path.chmod(before)
            assert f"[!] History is off: {file}: {why}\n" in program.log
            with program.log_in("alice") as alice:
                assert alice.request("/history") == "[ERROR] Unknown command: /history (try /help)"


def test_file_removed_while_running_is_replaced_by_a_new_one(tmp_path: Path) -> None:
    file = tmp_path / "users.history.db"
    with start(tmp_path) as program:
        alice, bob = program.log_in("alice"), program.log_in("bob")
        with alice, bob:
            assert bob.request("/subscribe alice") == "[SERVER] Subscribed to alice"
            alice.send("old")
            bob.expect_message("alice", "old")
            assert read_page(alice) == ["alice: old"]
            for path in tmp_path.glob("users.history.db*"):
                path.unlink()
            await_log(program, f"History file {file} was removed or replaced while it was in use")
            alice.send("new")
            bob.expect_message("alice", "new")
            assert page_once_available(alice) == ["alice: new"]
            assert bob.request("/join dev") == "[SERVER] Joined room 'dev'"
            alice.send("unread")
            assert read_page(alice) == ["alice: new", "alice: unread"]
            assert bob.request("/unread") == "[SERVER] Unread: lobby (1)"
        assert health(program)[1].startswith(f"degraded: the history file {file} was removed")
        program.stop()
        program.start()
        with program.log_in("bob") as bob:
            assert bob.request("/subs") == "[SERVER] Subscriptions: alice"
            assert read_page(bob) == ["alice: new", "alice: unread"]


def test_backup_moved_over_file_while_running_is_not_mixed_with_its_log(tmp_path: Path) -> None:
    file, old = tmp_path / "users.history.db", tmp_path / "old.db"
    backup = tmp_path / "backup.db"
    lost = f"History file {file} was removed or replaced while it was in use"
    with start(tmp_path) as program:
        talk(program, "one")
        done = run_server("history", "backup", backup, "--users", program.users)
        assert done.exit_code == 0, done.output
        talk(program, "two")
        file.rename(old)
        backup.rename(file)
        await_log(program, lost)
        with program.log_in("alice") as alice:
            alice.send("three")
            assert page_once_available(alice) == ["alice: one", "alice: three"]
        program.stop()
    done = run_server("history", "check", "--history", file)
    assert done.exit_code == 0, done.output
    with closing(sqlite3.connect(f"{old.as_uri()}?mode=ro", uri=True)) as whole:
        assert whole.execute("SELECT text FROM message").fetchall() == [("one",), ("two",)]


def test_backup_moved_over_damaged_file_while_running_is_not_set_aside(tmp_path: Path) -> None:
    file, backup = tmp_path / "users.history.db", tmp_path / "backup.db"
    with start(tmp_path) as program:
        talk(program, *(f"text {number}" for number in range(300)))
        done = run_server("history", "backup", backup, "--users", program.users)
        assert done.exit_code == 0, done.output
        with program.log_in("alice") as alice:
            for path in (file, Path(f"{file}-wal")):
                with path.open("r+b") as stream:
                    stream.write(b"garbage!" * (path.stat().st_size // 8))
            backup.rename(file)
            alice.send("after")
            page = page_once_available(alice)
            assert page[-2:] == ["alice: text 299", "alice: after"]
        assert not list(tmp_path.glob("*.broken-*"))
        assert "was removed or replaced while it was in use" in program.log


def test_second_server_on_same_file_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "users.history.db"
    with start(tmp_path) as program:
        talk(program, "kept")
        done = subprocess.run(
            [
                *(sys.executable, "-m", "chat_server", "--port", "0"),
                *("--users", str(program.users), "--log-level", "error"),
            ],
            capture_output=True,
            text=True,
            timeout=WAIT_TIMEOUT,
            check=False,
        )
        assert done.returncode == 2
        assert done.stdout == ""
        assert done.stderr == (
            f"chat-server: history file {file}: another server uses it. Stop that one, or name"
            " another file with `--history`.\n"
        )
        with program.log_in("alice") as alice:
            assert read_page(alice) == ["alice: kept"]
        program.kill()  # the lock ends with the process
        program.start()
        with program.log_in("alice") as alice:
            assert read_page(alice) == ["alice: kept"]


def test_account_made_again_while_server_is_down_inherits_nothing(tmp_path: Path) -> None:
    users = tmp_path / "users.json"
    companion = tmp_path / "users.more.json"

    def set_created(created: dict[str, str]) -> None:
        companion.write_text(json.dumps({"created": created}))
        companion.chmod(0o600)

    times = {"alice": "2026-11-01T09:30:00Z", "bob": "2026-11-01T09:30:00Z"}
    with start(tmp_path) as program:
        program.stop()
        set_created(times)
        program.start()
        alice, bob = program.log_in("alice"), program.log_in("bob")
        with alice, bob:
            assert bob.request("/subscribe alice") == "[SERVER] Subscribed to alice"
            assert alice.request("/subscribe bob") == "[SERVER] Subscribed to bob"
            alice.send("/msg bob secret")
            assert alice.read_line() == "[SERVER] Sent to bob"
            bob.send("said by the first bob")
            assert read_page(alice, "/history with bob") == ["alice -> bob: secret"]
            bob.send("/subs")  # the reply comes after the message is published
            assert (bob.read_line() or "").endswith("alice -> bob: secret")
            assert bob.read_line() == "[SERVER] Subscriptions: alice"
        program.stop()
        accounts = json.loads(users.read_text())
        assert "bob" in accounts
        set_created({**times, "bob": "2026-11-28T12:00:00Z"})
        program.start()
        with program.log_in("bob") as bob:
            assert bob.request("/subs") == "[SERVER] Subscriptions: none"
            assert read_page(bob, "/history with alice") == []
            assert bob.request("/unread") == "[SERVER] Unread: none"
        with program.log_in("alice") as alice:
            assert alice.request("/subs") == "[SERVER] Subscriptions: bob"
            assert read_page(alice) == ["bob: said by the first bob"]
