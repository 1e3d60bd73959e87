"""A hostile machine: its clock, its locale, its disk and its terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pytest

from chat_server.accounts.file_reader import read_accounts
from tests.abuse.cleanup_checks import check_log
from tests.support.accounts import PEOPLE, write_accounts_file
from tests.support.fake_clock import FakeClock
from tests.support.running_server import StartServer
from tests.support.server_program import ServerProgram
from tests.support.small_disk import MakeDisk
from tests.support.wait_until import WAIT_TIMEOUT, until
from tests.support.wire_client import WireClient

DISK_SIZE = 65536

CHAT_SERVER = (sys.executable, "-m", "chat_server")

FULL = Path("/dev/full")
needs_dev_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")

not_utf_8 = pytest.mark.parametrize(
    "variables",
    [
        pytest.param(
            {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, id="POSIX locale"
        ),
        pytest.param({"PYTHONIOENCODING": "latin-1"}, id="Latin-1 terminal"),
        pytest.param({"PYTHONIOENCODING": "ascii"}, id="ASCII terminal"),
    ],
)


def users_command(
    users: Path,
    *arguments: str,
    before: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run `chat-server users`. Check that it succeeds, or reports the reason in one line."""
    done = subprocess.run(
        [*before, *CHAT_SERVER, "users", *arguments, "--users", str(users)],
        input=b"horse-battery\n",
        capture_output=True,
        env={**os.environ, **(environment or {})},
        timeout=WAIT_TIMEOUT,
    )
    if done.returncode == 0:
        assert done.stderr == b""
    else:
        assert is_one_line(done.stderr), done.stderr.decode(errors="replace")
    return done


def is_one_line(errors: bytes) -> bool:
    """Return whether the error is one line without a traceback."""
    return errors.startswith(b"chat-server: ") and errors.count(b"\n") == 1


# The clock


def test_lines_show_the_time_of_a_clock_that_jumps(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = datetime(2026, 3, 1, 12).timestamp()
    clock = FakeClock(noon)
    monkeypatch.setattr("time.time", clock)
    server = start_server(
        clock=lambda: int(clock() * 1_000_000), rate=100, burst=1, login_failures=1
    )
    stranger = server.connect()
    stranger.expect_match(r"\[SERVER\] Login using: .*")
    bob, alice = server.log_in("bob", subscribe="*"), server.log_in("alice")

    def timestamps_of(*texts: str) -> set[str]:
        """Publish texts as alice. Return the timestamps that bob reads, in order."""
        alice.send(*texts)  # each waits for the rate limit
        return {bob.expect_match(rf"\[(\S+)\] alice: {text}")[1] for text in texts}

    assert timestamps_of("one", "two", "three") == {"12:00:00"}
    for shown, stamp in ((-3, "09:00:00"), (-30, "06:00:00"), (2, "14:00:00"), (1, "13:00:00")):
        clock.now = noon + shown * 3600
        assert timestamps_of("four", "five", "six") == {stamp}
    for client in (alice, bob):
        client.send("/join dev")
        client.expect("[SERVER] Joined room 'dev'")
    assert timestamps_of("seven") == {"13:00:00"}  # in every room
    stranger.send("LOGIN carol wrong")  # the login timeout uses another clock
    stranger.expect("[ERROR] Authentication failed")
    clock.now = noon + 24 * 3600
    again = server.connect()  # and so does the window of ten minutes
    again.send("LOGIN carol pw-of-carol")
    again.expect_match(r"\[SERVER\] Login using: .*")
    again.expect_match(r"\[ERROR\] Too many failed logins; try again in (600|599|598) s")


# Output that cannot be written


@needs_dev_full
def test_log_on_full_disk_does_not_stop_server(tmp_path: Path) -> None:
    with (
        ServerProgram(tmp_path / "users.json", "--log-level", "debug", log=FULL) as program,
        program.log_in("alice") as alice,
        program.log_in("bob") as bob,
        WireClient("127.0.0.1", program.port) as mistaken,
    ):
        mistaken.send("LOGIN carol wrong")
        mistaken.expect_match(r"\[SERVER\] Login using: .*")
        mistaken.expect("[ERROR] Authentication failed")
        with program.log_in("bob"):
            bob.expect("[SERVER] Logged out due to new login")
            assert alice.request("/who") == "[SERVER] In room 'lobby': alice, bob"


@needs_dev_full
@pytest.mark.parametrize("arguments", [["users", "list"], ["--help"], ["--version"]])
def test_unwritable_command_output_is_reported_in_one_line(
    tmp_path: Path, arguments: list[str]
) -> None:
    write_accounts_file(tmp_path / "users.json")
    with FULL.open("w") as full:
        done = subprocess.run(
            [*CHAT_SERVER, *arguments],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=WAIT_TIMEOUT,
        )
    assert done.returncode != 0
    assert is_one_line(done.stderr)


# The locale


@not_utf_8
def test_server_in_non_utf8_locale_handles_every_script(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    folder = tmp_path / "größe"
    folder.mkdir()
    users = write_accounts_file(folder / "users.json", ["zoë", "жора"])
    with (
        ServerProgram(users, environment=variables) as program,
        program.log_in("zoë") as zoe,
        program.log_in("жора") as zhora,
    ):
        for client in (zoe, zhora):
            client.send("/subscribe *", "/join größe")
            client.expect("[SERVER] Subscribed to *", "[SERVER] Joined room 'größe'")
        zhora.send("привет, zoë")
        zoe.expect_message("жора", "привет, zoë")
        assert zoe.request("/who") == "[SERVER] In room 'größe': zoë, жора"
    assert program.log.count(" authenticated\n") == 2
    check_log(program.log)


@not_utf_8
def test_users_command_in_non_utf8_locale_works_or_reports_error(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    users = write_accounts_file(tmp_path / "users.json", ["жора"])
    users_command(users, "list", environment=variables)
    for change, is_there in (("add", True), ("remove", False)):
        for name in ("zoë", "жора"):
            before = set(read_accounts(users))
            done = users_command(
                users,
                *(change, name, *(["--password-stdin"] if change == "add" else [])),
                environment=variables,
            )
            after = {*before, name} if is_there else before - {name}
            assert set(read_accounts(users)) == (after if done.returncode == 0 else before)


# The disk


def test_full_disk_keeps_accounts_unchanged(make_disk: MakeDisk, tmp_path: Path) -> None:
    small_disk = make_disk(DISK_SIZE).folder
    users = write_accounts_file(small_disk / "users.json")
    accounts = users.read_bytes()
    add_erin = ("add", "erin", "--password-stdin")
    with ServerProgram(users, "--history", "off", log=tmp_path / "server.log") as program:
        filler = small_disk / "filler"
        with filler.open("wb", 0) as file:
            assert file.write(bytes(2 * DISK_SIZE)) < DISK_SIZE
        done = users_command(users, *add_erin)
        assert done.returncode == 2
        assert b"No space left on device; free some disk space" in done.stderr
        assert users.read_bytes() == accounts
        assert sorted(os.listdir(small_disk)) == [".users.json.lock", "filler", "users.json"]
        with program.log_in("alice") as alice:
            filler.unlink()
            assert users_command(users, *add_erin).returncode == 0
            until(lambda: "Users file reloaded: 6 accounts" in program.log, "the file is reloaded")
            assert alice.request("/subscribe erin") == "[SERVER] Subscribed to erin"
    assert "Users file not reloaded" not in program.log
    check_log(program.log)


def test_file_size_limit_keeps_accounts_unchanged(tmp_path: Path) -> None:
    users = write_accounts_file(tmp_path / "users.json")
    # Coverage, if it measures this run, could not write its data file either.
    unmeasured = ("env", "-u", "COVERAGE_PROCESS_CONFIG", "-u", "COVERAGE_PROCESS_START")
    no_growth = (*unmeasured, "sh", "-c", 'ulimit -f 0; exec "$@"', "sh")
    done = users_command(users, "add", "erin", "--password-stdin", before=no_growth)
    assert done.returncode == 2
    assert set(read_accounts(users)) == set(PEOPLE)
    assert sorted(os.listdir(tmp_path)) == [".users.json.lock", "users.json"]
