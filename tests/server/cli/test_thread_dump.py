"""The stacks of all threads on SIGUSR1: complete, bounded, and harmless to a busy server."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.support.accounts import write_accounts_file
from tests.support.project import PROJECT
from tests.support.server_program import ServerProgram
from tests.support.wait_until import WAIT_TIMEOUT, until
from tests.support.wire_client import WireClient

pytestmark = pytest.mark.slow

TITLE = re.compile(r"^\S+ \S+ Stacks of (\d+) threads, most recent call first:$", re.M)
END = "End of the stacks\n"


def signal_and_wait(program: ServerProgram) -> str:
    """Send SIGUSR1. Return the dump that follows."""
    before = len(program.log)
    program.process.send_signal(signal.SIGUSR1)
    until(lambda: END in program.log[before:], "a dump is complete", lambda: program.log[before:])
    return program.log[before:]


def test_sigusr1_dumps_all_threads_and_server_continues(tmp_path: Path) -> None:
    with ServerProgram(tmp_path / "users.json") as program, program.log_in("alice") as alice:
        assert alice.request("/who") == "[SERVER] In room 'lobby': alice"
        for _ in range(3):
            shown = signal_and_wait(program)
            assert TITLE.search(shown)
            for function in (
                "_accept_forever",
                "_flush_forever",
                "_next_work",
                "_serve_session",
                "serve",
            ):
                assert re.search(rf'File ".*", line \d+ in {function}\n', shown), function
            for name in ("MainThread", "acceptor", "flusher", "hashing-0", "client 127.0.0.1:"):
                assert name in shown
            assert alice.request("/who") == "[SERVER] In room 'lobby': alice"


def test_server_under_load_survives_300_sigusr1_and_serves_every_client(tmp_path: Path) -> None:
    people = [f"user{number}" for number in range(12)]
    write_accounts_file(tmp_path / "users.json", people)
    with (
        ServerProgram(tmp_path / "users.json", "--rate", "0", "--log-level", "warning") as program,
        ExitStack() as stack,
    ):
        clients = [stack.enter_context(program.log_in(name)) for name in people]
        for client in clients[1:]:
            assert client.request("/subscribe user0") == "[SERVER] Subscribed to user0"
        done = threading.Event()
        sent = [0] * len(clients)
        failures: list[BaseException] = []

        def talk_once(client: WireClient) -> None:
            """Send a burst and read until its last reply."""
            client.send(*["hello"] * 20, "/presence maybe")
            while (line := client.read_line()) != "[ERROR] Usage: /presence on|off":
                assert line is not None, "the server closed the connection"

        def talk(number: int) -> None:
            try:
                while not done.is_set():
                    talk_once(clients[number])
                    sent[number] += 1
            except BaseException as error:  # reported by the test's thread
                failures.append(error)

        def all_served_since(before: list[int]) -> bool:
            return all(now > then for now, then in zip(sent, before, strict=True))

        talkers = [threading.Thread(target=talk, args=(number,)) for number in range(len(clients))]
        for talker in talkers:
            talker.start()
        try:
            for count in range(1, 301):
                program.process.send_signal(signal.SIGUSR1)
                assert program.process.poll() is None, program.log[-2000:]
                threading.Event().wait(0.01)  # signals that come faster share a dump
                if count % 100 == 0:
                    before = list(sent)
                    until(
                        partial(all_served_since, before),
                        "every client is served between the signals",
                        lambda: (sent, failures),
                    )
        finally:
            done.set()
            for talker in talkers:
                talker.join(WAIT_TIMEOUT)
        assert not failures
        assert len(TITLE.findall(program.log)) >= 30
        for client in clients:
            talk_once(client)


def test_dump_of_many_threads_groups_equal_stacks_and_is_bounded(tmp_path: Path) -> None:
    with ServerProgram(tmp_path / "users.json") as program, ExitStack() as stack:
        for _ in range(120):
            client = stack.enter_context(WireClient("127.0.0.1", program.port))
            client.expect_match(r"\[SERVER\] Login using.*")
        until(
            lambda: re.search(r"^120 threads: 'client 127", signal_and_wait(program), flags=re.M),
            "all clients wait at the same place",
            lambda: program.log[-3000:],
        )
        shown = signal_and_wait(program)
        assert re.search(r"^120 threads: ('client 127.0.0.1:\d+',? ){8}and 112 more$", shown, re.M)
        assert len(shown) < 20_000
        for name in ("MainThread", "acceptor", "flusher", "hashing-0"):
            assert f"'{name}'" in shown


def test_json_log_dump_is_one_object(tmp_path: Path) -> None:
    with ServerProgram(tmp_path / "users.json", "--log-format", "json") as program:
        program.process.send_signal(signal.SIGUSR1)
        until(lambda: "thread_dump" in program.log, "a dump", lambda: program.log)
    events = [json.loads(line) for line in program.log.splitlines()]
    (dump,) = [event for event in events if event["event"] == "thread_dump"]
    assert dump["message"] == f"Stacks of {sum(s['count'] for s in dump['stacks'])} threads"
    assert any("MainThread" in stack["threads"] for stack in dump["stacks"])
    frames = [frame for stack in dump["stacks"] for frame in stack["frames"]]
    assert any(re.search(r"serve\.py:\d+ serve$", frame) for frame in frames)


def test_signals_before_server_is_ready_and_during_stop_are_harmless(tmp_path: Path) -> None:
    users = write_accounts_file(tmp_path / "users.json")
    starts = (
        "import os, signal, threading\n"
        "from chat_server.__main__ import main\n"
        "from chat_server.server import ChatServer\n"
        "start, stop = ChatServer.start, ChatServer.stop\n"
        "def signalled(method):\n"
        "    def run(self, *arguments):\n"
        "        for _ in range(50):\n"
        "            os.kill(os.getpid(), signal.SIGUSR1)\n"
        "        return method(self, *arguments)\n"
        "    return run\n"
        "ChatServer.start, ChatServer.stop = signalled(start), signalled(stop)\n"
        f"main(['--port', '0', '--users', {str(users)!r}])\n"
    )
    with running(starts) as program:
        assert program.stdout is not None
        assert "running on port" in program.stdout.readline()
        program.terminate()
        _, errors = program.communicate(timeout=WAIT_TIMEOUT)
    assert program.returncode == 0
    assert TITLE.search(errors)
    assert " [*] Stopped\n" in errors


@pytest.mark.parametrize("lock", ["self._hub._lock", "self._log._writer._lock"])
def test_hanging_server_dumps_threads(tmp_path: Path, lock: str) -> None:
    users = write_accounts_file(tmp_path / "users.json")
    hangs = (
        "import threading\n"
        "from chat_server.__main__ import main\n"
        "from chat_server.server import ChatServer\n"
        "def hang(self):\n"
        f"    with {lock}:\n"
        "        print('hanging', flush=True)\n"
        "        threading.Event().wait()\n"
        "ChatServer.reload_accounts = hang\n"
        f"main(['--port', '0', '--users', {str(users)!r}])\n"
    )
    with running(hangs) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        assert "hanging\n" in iter(program.stdout.readline, "")
        program.send_signal(signal.SIGUSR1)
        for line in program.stderr:
            if line.endswith("in hang\n"):
                break
        else:
            pytest.fail("it ended without a dump of the hanging thread")


def test_signal_to_server_without_standard_error_is_harmless(tmp_path: Path) -> None:
    users = write_accounts_file(tmp_path / "users.json")
    command = (
        f"exec {sys.executable} -m chat_server --port 0 --users {shlex.quote(str(users))} 2>&-"
    )
    program = subprocess.Popen(
        ["sh", "-c", command], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert program.stdout is not None
        port = int(program.stdout.readline().split()[-1])
        program.send_signal(signal.SIGUSR1)
        with WireClient("127.0.0.1", port) as client:
            client.expect_match(r"\[SERVER\] Login using.*")
        program.terminate()
        assert program.wait(WAIT_TIMEOUT) == 0
    finally:
        program.kill()
        program.communicate()


def test_dump_that_nothing_reads_does_not_block_the_chat(tmp_path: Path) -> None:
    users = write_accounts_file(tmp_path / "users.json")
    command = [sys.executable, "-m", "chat_server", "--port", "0", "--users", str(users)]
    program = subprocess.Popen(
        [*command, "--bcrypt-cost", "4", "--log-level", "error"],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert program.stdout is not None
        port = int(program.stdout.readline().split()[-1])
        with WireClient("127.0.0.1", port) as alice:
            alice.send("LOGIN alice pw-of-alice")
            for _ in range(3):
                alice.read_line()
            until_at = time.monotonic() + 1.0
            while time.monotonic() < until_at:  # far more dumps than a pipe holds
                program.send_signal(signal.SIGUSR1)
                assert alice.request("/who") == "[SERVER] In room 'lobby': alice"
        program.terminate()
        program.wait(WAIT_TIMEOUT)
        assert program.returncode == 0
    finally:
        program.kill()
        program.communicate()


@contextmanager
def running(code: str) -> Iterator[subprocess.Popen[str]]:
    """Run Python code as a process. Kill it at the end."""
    program = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield program
    finally:
        program.kill()
        program.communicate()
