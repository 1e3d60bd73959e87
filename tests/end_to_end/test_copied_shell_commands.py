"""What "copy as netcat" gives does in a shell what was done in the client."""

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
def desk() -> Iterator[SessionHarness]:
    desk = SessionHarness()
    yield desk
    desk.close()


def run(line: str) -> str:
    """What a shell that knows alice's password says to this line."""
    environment = {**os.environ, "LOBBY_PASSWORD": DEMO_PASSWORD}
    done = subprocess.run(
        ["sh", "-c", line], env=environment, capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout


def test_copied_netcat_line_repeats_message_and_subscription(
    server_program: ServerProgram, desk: SessionHarness, require_program: Callable[[str], Path]
) -> None:
    require_program("nc")

    def by_hand() -> str:
        action = desk.model.wire.last_action
        assert action is not None
        line = netcat_line("127.0.0.1", server_program.port, "alice", action, one_at_a_time=False)
        assert DEMO_PASSWORD not in line
        return run(line)

    with WireClient("127.0.0.1", server_program.port) as bob:
        bob.send(f"LOGIN bob {DEMO_PASSWORD}", "/subscribe alice", "/join dev")
        while bob.read_line() != "[SERVER] Joined room 'dev'":
            pass
        desk.session.sign_in("127.0.0.1", server_program.port, "alice", DEMO_PASSWORD)
        desk.until_notice(SignedIn)
        desk.session.join("dev")
        desk.session.submit(HARD_TO_QUOTE)
        desk.until_text(HARD_TO_QUOTE.replace("\t", "    "))
        bob.expect_message("alice", HARD_TO_QUOTE)

        by_hand()
        bob.expect_message("alice", HARD_TO_QUOTE)

    desk.session.sign_in("127.0.0.1", server_program.port, "alice", DEMO_PASSWORD)
    desk.until_notice(SignedIn)
    desk.session.toggle_follow("bob")
    desk.until(lambda: desk.model.people.follows("bob"))
    assert "[SERVER] Subscribed to bob\n" in by_hand()
    sent = [line.text for line in desk.model.wire.since(0)]
    assert "LOGIN alice ***" in sent
    assert not any(DEMO_PASSWORD in text for text in sent)
