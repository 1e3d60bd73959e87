"""A command line copied with "copy as netcat" repeats the client's action in a shell."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chat_server.accounts.demo import DEMO_PASSWORD
from chat_tui.events import SignedIn
from chat_tui.input.shell_commands import netcat_line
from tests.support.server_program import ServerProgram
from tests.support.session_harness import SessionHarness
from tests.support.wire_client import WireClient

HARD_TO_QUOTE = 'it\'s $(id) `id` "two" \\ ! %s; | & > * ~ #\ttab'


@pytest.fixture
def harness() -> Iterator[SessionHarness]:
    harness = SessionHarness()
    yield harness
    harness.close()


def run(line: str) -> str:
    """Run a line in a shell with alice's password in the environment. Return its output."""
    environment = {**os.environ, "LOBBY_PASSWORD": DEMO_PASSWORD}
    done = subprocess.run(
        ["sh", "-c", line], env=environment, capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout


def test_copied_netcat_line_repeats_message_and_subscription(
    server_program: ServerProgram, harness: SessionHarness, require_program: Callable[[str], Path]
) -> None:
    require_program("nc")

    def run_copied_line() -> str:
        action = harness.model.wire.last_action
        assert action is not None
        line = netcat_line("127.0.0.1", server_program.port, "alice", action, pipelining=True)
        assert DEMO_PASSWORD not in line
        return run(line)

    with WireClient("127.0.0.1", server_program.port) as bob:
        bob.send(f"LOGIN bob {DEMO_PASSWORD}", "/subscribe alice", "/join dev")
        while bob.read_line() != "[SERVER] Joined room 'dev'":
            pass
        harness.session.sign_in("127.0.0.1", server_program.port, "alice", DEMO_PASSWORD)
        harness.until_notice(SignedIn)
        harness.session.join("dev")
        harness.session.submit(HARD_TO_QUOTE)
        harness.until_text(HARD_TO_QUOTE.replace("\t", "    "))
        bob.expect_message("alice", HARD_TO_QUOTE)

        run_copied_line()
        bob.expect_message("alice", HARD_TO_QUOTE)

    harness.session.sign_in("127.0.0.1", server_program.port, "alice", DEMO_PASSWORD)
    harness.until_notice(SignedIn)
    harness.session.toggle_follow("bob")
    harness.until(lambda: harness.model.people.follows("bob"))
    assert "[SERVER] Subscribed to bob\n" in run_copied_line()
    sent = [line.text for line in harness.model.wire.since(0)]
    assert "LOGIN alice ***" in sent
    assert not any(DEMO_PASSWORD in text for text in sent)
