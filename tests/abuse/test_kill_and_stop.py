"""A server that is killed, or stopped under load."""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from time import clock_gettime, monotonic

import bcrypt
import pytest

from chat_server.accounts.file_reader import read_accounts
from tests.abuse.cleanup_checks import check_log
from tests.abuse.client_pool import ClientPool, Reader
from tests.support.accounts import PEOPLE, cheap_hash, write_accounts_file
from tests.support.server_program import ServerProgram
from tests.support.wait_until import WAIT_TIMEOUT, until

EXIT_SECONDS = 6.0
"""Seconds within which a stopped server exits, by the contract."""

PADDING = b"x" * 100
"""Padding that soon fills the kernel buffer of a sleeper."""

SHUTTING_DOWN = "[SERVER] Server is shutting down"
NO_SUBSCRIPTIONS = "[SERVER] Subscriptions: none"
PUBLISHERS = [f"publisher{number}" for number in range(4)]
SUBSCRIBERS = [f"subscriber{number}" for number in range(30)]
SLEEPERS = [f"sleeper{number}" for number in range(3)]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[ServerProgram]:
    """Return a server that can hold a sleeper's backlog and has no rate limit."""
    users = write_accounts_file(
        tmp_path / "users.json", [*PEOPLE, *PUBLISHERS, *SUBSCRIBERS, *SLEEPERS]
    )
    with ServerProgram(users, "--rate", "0", "--outbox", str(8 * 1024 * 1024)) as program:
        yield program
    check_log(program.log)


def test_killed_server_restarts_on_same_port_at_once(program: ServerProgram) -> None:
    accounts = program.users.read_bytes()
    with ClientPool() as pool:
        clients = [Reader(program.port, name, "/subscribe *", *["hello"] * 100) for name in PEOPLE]
        clients.append(Reader(program.port))
        for client in clients:
            pool.add(client)
        pool.turn_until(lambda: all(client.lines for client in clients), "all are greeted")
        program.kill()
        program.start()
        pool.turn_until(lambda: all(client.has_ended for client in clients), "all have ended")
    assert program.users.read_bytes() == accounts
    with program.log_in("alice") as alice:
        assert alice.request("/rooms") == "[SERVER] Active rooms: lobby (1)"
        # The kill may come before the history has stored the subscriptions, or after.
        assert alice.request("/subs") in ("[SERVER] Subscriptions: *", NO_SUBSCRIPTIONS)


# Killed while it adds an account

ADD_AND_DIE = """
import os, resource, secrets, signal, sys

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def die_after(function):
    def do_and_die(*arguments):
        function(*arguments)
        die()
    return do_and_die

match sys.argv.pop(1):
    case "before the draft is there":
        secrets.token_hex = die
    case "in the middle of the draft":
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    case "before the draft is on the disk":
        os.fsync = die
    case "before the draft takes its place":
        os.replace = die
    case "after the draft took its place":
        os.replace = die_after(os.replace)

from chat_server import __main__
hashed = sys.argv.pop()
# `from chat_server.cli import users` is the click group, not the module.
sys.modules["chat_server.cli.users"].hash_password = lambda *_: hashed
__main__.main()
"""


@pytest.mark.parametrize(
    ("moment", "complete"),
    [
        ("before the draft is there", False),
        ("in the middle of the draft", False),
        ("before the draft is on the disk", False),
        ("before the draft takes its place", False),
        ("after the draft took its place", True),
    ],
)
def test_killed_users_add_leaves_account_complete_or_absent(
    tmp_path: Path, moment: str, complete: bool
) -> None:
    users = write_accounts_file(tmp_path / "users.json")
    before = dict(read_accounts(users))
    new = {"erin": cheap_hash("pw-of-erin")}
    dying = subprocess.run(
        [
            *(sys.executable, "-c", ADD_AND_DIE, moment),
            *("users", "add", "erin", "--users", str(users), "--password-stdin", new["erin"]),
        ],
        input=b"pw-of-erin",
        capture_output=True,
        timeout=WAIT_TIMEOUT,
    )
    assert dying.returncode < 0, dying.stderr
    assert dict(read_accounts(users)) == (before | new if complete else before)


ADD_IN_A_LOOP = """
import sys
from itertools import count
from pathlib import Path
from chat_server.accounts.file_editor import add_account

users, hashed, first = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for number in count(first):
    add_account(users, f"added{number}", hashed)
    print(number, flush=True)
"""


def test_killed_users_add_loop_keeps_every_reported_account(
    tmp_path: Path,
) -> None:
    users = write_accounts_file(tmp_path / "users.json")
    chance = random.Random(3)
    known = len(PEOPLE)
    for _ in range(8):
        first = known - len(PEOPLE)
        with subprocess.Popen(
            [sys.executable, "-c", ADD_IN_A_LOOP, users, cheap_hash("password"), str(first)],
            stdout=subprocess.PIPE,
        ) as adding:
            assert adding.stdout is not None
            reported = [adding.stdout.readline() for _ in range(chance.randint(1, 60))]
            for _ in range(chance.randint(0, 3)):
                read_accounts(users)  # raises if the file is incomplete
            adding.kill()
            reported += adding.stdout.readlines()
        known = len(read_accounts(users))
        assert known - len(PEOPLE) - first in (len(reported), len(reported) + 1)


# Stopped under full load


class Publisher(Reader):
    """A client that publishes as fast as it can. Each echo is a line that the server accepted."""

    def __init__(self, port: int, name: str) -> None:
        self._numbers = count()
        self._publishes = False
        super().__init__(port, name, f"/subscribe {name}")

    def line_received(self, line: str) -> None:
        super().line_received(line)
        if line.startswith("[SERVER] Subscribed"):
            self._publishes = True
            self.send()

    def next_output(self) -> bytes:
        if not self._publishes or self.has_ended:
            return b""
        return b"".join(b"%d %s\n" % (next(self._numbers), PADDING) for _ in range(50))


def by_author(lines: list[str]) -> dict[str, list[int]]:
    """Return the numbers of each publisher, in the order of reading."""
    numbers = defaultdict(list)
    for line in lines:
        if not line.startswith("[SERVER] "):
            _, author, number, _ = line.split()
            numbers[author.removesuffix(":")].append(int(number))
    return dict(numbers)


def test_stop_under_full_load_delivers_accepted_messages_and_notifies_everyone(
    program: ServerProgram,
) -> None:
    with ClientPool() as pool:
        sleepers = [Reader(program.port, name, "/subscribe *", narrow=True) for name in SLEEPERS]
        subscribers = [Reader(program.port, name, "/subscribe *") for name in SUBSCRIBERS]
        strangers = [Reader(program.port) for _ in range(5)]
        for client in [*sleepers, *subscribers, *strangers]:
            pool.add(client)
        pool.turn_until(
            lambda: all(len(client.lines) == 4 for client in [*sleepers, *subscribers]),
            "everyone is subscribed",
        )
        for sleeper in sleepers:
            sleeper.reads = False
        publishers = [Publisher(program.port, name) for name in PUBLISHERS]
        for publisher in publishers:
            pool.add(publisher)
        pool.turn_until(
            lambda: all(len(client.lines) > 500 for client in [*publishers, *subscribers]),
            "the load is full",
        )
        asked_at = monotonic()
        program.terminate()
        readers: list[Reader] = [*publishers, *subscribers, *strangers]
        pool.turn_until(lambda: all(client.has_ended for client in readers), "everyone is notified")
        assert program.process.wait(EXIT_SECONDS - (monotonic() - asked_at)) == 0

        for sleeper in sleepers:
            sleeper.reads = True
        pool.turn_until(lambda: all(sleeper.has_ended for sleeper in sleepers), "sleepers are cut")
        assert all(sleeper.was_reset for sleeper in sleepers)
        assert "it reads too slowly" not in program.log, "a sleeper was cut before the stop"

        for client in readers:
            assert client.lines[-1] == SHUTTING_DOWN
            assert client.lines.count(SHUTTING_DOWN) == 1
            assert client.unfinished_line == b""
        for client in [*subscribers, *strangers]:
            assert not client.was_reset
        taken: dict[str, list[int]] = {}
        for publisher in publishers:
            taken |= by_author(publisher.lines)
        assert sorted(taken) == PUBLISHERS
        for numbers in taken.values():
            assert numbers == list(range(len(numbers)))
        for subscriber in subscribers:
            assert by_author(subscriber.lines) == taken


SERVE_AND_END_SLOWLY = """
import builtins, sys, time
from chat_server import __main__

class Late:
    def __del__(self):
        time.sleep(25)  # while the interpreter ends, a hash comes back from its native code

builtins.late = Late()
__main__.main()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the CPU time of a process")
def test_stop_during_a_password_hash_exits_with_status_0(tmp_path: Path) -> None:
    users = tmp_path / "users.json"
    slow = bcrypt.hashpw(b"pw", bcrypt.gensalt(4)).replace(b"$04$", b"$15$")  # takes seconds
    users.write_text(json.dumps({"alice": slow.decode()}))
    command = [sys.executable, "-c", SERVE_AND_END_SLOWLY, "--port", "0", "--users", str(users)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline().rsplit(" ", 1)[1])
        with socket.create_connection(("127.0.0.1", port)) as client:
            begun = cpu_seconds(server.pid)
            client.sendall(b"LOGIN alice pw\n")
            until(lambda: cpu_seconds(server.pid) > begun + 0.2, "the hash runs")
            server.terminate()
            _, errors = server.communicate(timeout=WAIT_TIMEOUT)
    assert (server.returncode, "Fatal" in errors) == (0, False), errors


def cpu_seconds(process: int) -> float:
    """Return the CPU time of a process: clock_getcpuclockid(3) of Linux."""
    return clock_gettime(~process << 3 | 2)
