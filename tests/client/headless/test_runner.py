"""The client without a screen, at a server that says what a test tells it to."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from chat_tui.account import Account
from chat_tui.headless.exit_code import ExitCode
from chat_tui.headless.interactive import MAX_PENDING, InteractiveJob
from chat_tui.headless.line_io import LineReader
from chat_tui.headless.runner import HeadlessRunner
from chat_tui.headless.send import SendJob
from chat_tui.headless.tail import TailJob
from chat_tui.storage.known_servers import KnownServers
from chat_tui.storage.log_files import LogFiles
from chat_tui.transport.backoff import Backoff
from tests.support.session_harness import PATIENCE, ScriptedServer

ECHO = "[21:03:04] alice: "


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.close()


class Terminal:
    """Where a client without a screen runs, and what it says there."""

    def __init__(self, server: ScriptedServer) -> None:
        self.account = Account("127.0.0.1", server.port, "alice", "secret", plaintext=True)
        self.said: list[str] = []
        self.remarked: list[str] = []
        known = KnownServers(Path("/nowhere"))
        backoff = Backoff(lambda: -0.9)  # pauses of at most 50 ms, as at a desk
        self.seat = HeadlessRunner(self.said.append, self.remarked.append, known, backoff=backoff)

    @contextmanager
    def doing(self, errand: Callable[[], ExitCode]) -> Iterator[Future[ExitCode]]:
        """While the client does it, the test plays the server."""
        with ThreadPoolExecutor(1) as client:
            try:
                yield client.submit(errand)
            finally:
                client.shutdown()
                self.seat.close()

    @property
    def remarks(self) -> str:
        return "\n".join(self.remarked)

    def until_remarked(self, words: str) -> None:
        """Wait until the client has remarked on it."""
        deadline = time.monotonic() + PATIENCE
        while words not in self.remarks:
            assert time.monotonic() < deadline, self.remarks
            threading.Event().wait(0.005)

    def send(self, text: str, room: str = "ops") -> Callable[[], ExitCode]:
        return SendJob(self.seat, self.account, room, LineReader.from_text(text)).run

    def talk(self, typed: int) -> Callable[[], ExitCode]:
        talk = InteractiveJob(
            self.seat, self.account, LineReader(typed), LogFiles(self.seat.model, None)
        )
        return lambda: talk.run(None, follow_everyone=False)


@pytest.fixture
def terminal(server: ScriptedServer) -> Terminal:
    return Terminal(server)


def test_send_job_succeeds_when_all_lines_are_echoed(
    server: ScriptedServer, terminal: Terminal
) -> None:
    with terminal.doing(terminal.send("deployed\n\n/etc is full\n")) as result:
        client = server.let_in("ops")
        client.expect("deployed", "//etc is full", "/quit")
        client.say(f"{ECHO}deployed", f"{ECHO}/etc is full", "[SERVER] Goodbye")
        assert result.result(PATIENCE) is ExitCode.DONE
    assert terminal.said == []
    assert terminal.remarked == []


def test_send_job_reports_unconfirmed_lines(server: ScriptedServer, terminal: Terminal) -> None:
    with terminal.doing(terminal.send("one\ntwo")) as result:
        client = server.let_in("ops")
        client.expect("one", "two")
        client.say(f"{ECHO}one")
        client.reset()
        assert result.result(PATIENCE) is ExitCode.UNCONFIRMED
    assert "1 of 2 lines are known to have arrived" in terminal.remarks


def test_send_job_sends_nothing_if_join_fails(server: ScriptedServer, terminal: Terminal) -> None:
    with terminal.doing(terminal.send("secret plans")) as result:
        client = server.accept()
        client.say("[SERVER] Login using: LOGIN <username> <password>")
        client.expect("LOGIN alice secret")
        client.say("[SERVER] Login successful")
        client.say("[SERVER] Available commands: /join, /subscribe, /subs, /help, /quit")
        client.expect("/subscribe alice")
        client.say("[SERVER] Subscribed to alice", "[ERROR] Invalid room name: ops")
        client.expect("/join ops", "/subs", "/quit")
        client.say("[SERVER] Subscriptions: alice", "[SERVER] Goodbye")
        assert result.result(PATIENCE) is ExitCode.UNCONFIRMED
    assert "Invalid room name: ops" in terminal.remarks


def test_send_job_reports_too_long_line_and_sends_others(
    server: ScriptedServer, terminal: Terminal
) -> None:
    with terminal.doing(terminal.send(f"{'x' * 5000}\nshort")) as result:
        client = server.let_in("ops")
        client.expect("short", "/quit")
        client.say(f"{ECHO}short", "[SERVER] Goodbye")
        assert result.result(PATIENCE) is ExitCode.UNCONFIRMED
    assert "Not sent" in terminal.remarks


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        ("Authentication failed", ExitCode.REJECTED),
        ("Server is full; try again later", ExitCode.NO_CONNECTION),
    ],
)
def test_send_job_reports_rejected_login(
    server: ScriptedServer, terminal: Terminal, refusal: str, code: ExitCode
) -> None:
    with terminal.doing(terminal.send("hello")) as result:
        client = server.accept()
        client.say("[SERVER] Login using: LOGIN <username> <password>")
        client.expect("LOGIN alice secret")
        client.say(f"[ERROR] {refusal}")
        assert result.result(PATIENCE) is code
    assert refusal in terminal.remarks
    assert "secret" not in terminal.remarks


def test_interactive_job_on_pipe_survives_lost_connection(
    server: ScriptedServer, terminal: Terminal
) -> None:
    there, here = os.pipe()
    with os.fdopen(here, "w", buffering=1) as typed, terminal.doing(terminal.talk(there)) as result:
        client = server.let_in()
        print("one", file=typed)
        client.expect("one")
        client.say("[21:03:04] bob: hi \x1b[2J", f"{ECHO}one")
        print("two", file=typed)
        client.expect("two")
        client.close()
        terminal.until_remarked("trying again")
        print("three", "LOGIN alice hunter2", "//four", sep="\n", file=typed)
        typed.close()
        again = server.let_in()
        again.expect("three", "//four", "/quit")  # "two" is not sent by itself: it may be there
        again.say(f"{ECHO}three", f"{ECHO}/four", "[SERVER] Goodbye")
        assert result.result(PATIENCE) is ExitCode.UNCONFIRMED
    os.close(there)
    assert terminal.said[:2] == ["[21:03:04] bob: hi ␛[2J", "[21:03:04] alice (you): one"]
    assert "[21:03:04] alice (you): three" in terminal.said
    assert "[21:03:04] alice (you): /four" in terminal.said
    assert any(line.startswith("-- no connection from ") for line in terminal.said)
    assert "not confirmed, it may have arrived or not: two" in terminal.remarks
    assert "looks like a password" in terminal.remarks
    assert "hunter2" not in terminal.remarks


def test_interactive_job_sends_unsent_lines_after_reconnect(
    server: ScriptedServer, terminal: Terminal
) -> None:
    lines = [f"line {number}" for number in range(2 * MAX_PENDING)]
    there, here = os.pipe()
    os.write(here, "\n".join(lines).encode())
    os.close(here)
    with terminal.doing(terminal.talk(there)) as result:
        client = server.let_in()
        client.expect(*lines[:MAX_PENDING])  # and no more, as none comes back
        client.close()
        again = server.let_in()
        again.expect(*lines[MAX_PENDING:])
        again.say(*(ECHO + line for line in lines[MAX_PENDING:]))
        again.expect("/quit")
        again.say("[SERVER] Goodbye")
        assert result.result(PATIENCE) is ExitCode.UNCONFIRMED
    os.close(there)
    assert len(terminal.said) == MAX_PENDING + 2
    assert terminal.remarks.count("not confirmed") == MAX_PENDING


def test_interactive_job_on_terminal_reports_unsent_line_at_once(
    server: ScriptedServer, terminal: Terminal
) -> None:
    keys, there = os.openpty()
    with terminal.doing(terminal.talk(there)) as result:
        server.let_in()
        terminal.until_remarked("connected to")
        server.close()
        terminal.until_remarked("trying again")
        os.write(keys, b"anybody?\n")
        terminal.until_remarked("Not connected: it was not sent: anybody?")
        os.write(keys, b"\x04")  # Ctrl+D
        assert result.result(PATIENCE) is ExitCode.UNCONFIRMED
    os.close(keys)
    os.close(there)


def test_tail_job_prints_selected_authors_and_reports_gap(
    server: ScriptedServer, terminal: Terminal
) -> None:
    tail = TailJob(terminal.seat, terminal.account, "ops", ["bob"])
    with terminal.doing(tail.run) as result:
        client = server.let_in("ops")
        client.expect("/subscribe bob")
        client.say("[SERVER] Subscribed to bob", "[21:03:00] carol: no", "[21:03:01] bob: yes")
        client.say("[21:03:02] * bob waves")
        client.close()
        again = server.let_in("ops", follows="alice, bob")
        again.say("[21:04:00] bob: again", "[SERVER] Logged out due to new login")
        assert result.result(PATIENCE) is ExitCode.REJECTED
    assert terminal.said == [
        "[21:03:01] bob: yes",
        "[21:03:02] * bob waves",
        "[21:04:00] bob: again",
    ]
    assert "no connection from" in terminal.remarks
    assert "Logged out due to new login" in terminal.remarks


def test_send_job_does_not_send_line_with_password(
    server: ScriptedServer, terminal: Terminal
) -> None:
    with terminal.doing(terminal.send("/passwd secret new-secret\nhello")) as result:
        client = server.let_in("ops")
        client.expect("hello", "/quit")
        client.say(f"{ECHO}hello", "[SERVER] Goodbye")
        assert result.result(PATIENCE) is ExitCode.UNCONFIRMED
    assert terminal.remarked == ["Not sent: a line that looks like a password"]


def test_interactive_job_changes_password_without_printing_it(
    server: ScriptedServer, terminal: Terminal
) -> None:
    keys, there = os.openpty()
    typed = LineReader(there)
    talk = InteractiveJob(
        terminal.seat,
        terminal.account,
        typed,
        LogFiles(terminal.seat.model, None),
        password_from="the keyring",
    )
    with terminal.doing(lambda: talk.run(None, follow_everyone=False)) as result:
        client = server.let_in(more=("/passwd",))
        terminal.until_remarked("connected to")
        os.write(keys, b"/paswd secret new-secret\n")
        terminal.until_remarked("Did you mean /passwd ***")
        os.write(keys, b"/passwd secret new-secret\n")
        client.expect("/passwd secret new-secret")
        client.say("[SERVER] Password changed", "[SERVER] Announcement from dave: back at noon")
        terminal.until_remarked("the password comes from the keyring: change it there, too")
        client.reset()
        again = server.let_in(password="new-secret", more=("/passwd",))
        deadline = time.monotonic() + PATIENCE
        while terminal.remarks.count("connected to") < 2:
            assert time.monotonic() < deadline, terminal.remarks
            threading.Event().wait(0.005)
        assert "secret" not in terminal.remarks
        terminal.remarked.clear()
        again.close()
        server.close()
        terminal.until_remarked("trying again")
        os.write(keys, b"/passwd new-secret other-secret\n")
        terminal.until_remarked("Not connected: it was not sent: /passwd ***")
        os.write(keys, b"\x04")  # Ctrl+D
        assert result.result(PATIENCE) is ExitCode.UNCONFIRMED
    os.close(keys)
    os.close(there)
    assert "-- Password changed" in terminal.said
    assert "-- Announcement from dave: back at noon" in terminal.said
    assert "secret" not in terminal.remarks + "".join(terminal.said)


def test_tail_job_reports_announcement(server: ScriptedServer, terminal: Terminal) -> None:
    tail = TailJob(terminal.seat, terminal.account, "ops", ())
    with terminal.doing(tail.run) as result:
        client = server.accept()
        client.let_in(room="ops", follows="*")
        client.say("[SERVER] Announcement from dave: back at noon")
        terminal.until_remarked("Announcement from dave: back at noon")
        client.say("[SERVER] Logged out by an operator: enough")
        assert result.result(PATIENCE) is ExitCode.REJECTED
    assert terminal.said == []
    assert terminal.remarks.endswith("Logged out by an operator: enough")
