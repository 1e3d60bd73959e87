"""The headless modes with the history of a real server, over a connection that breaks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat_tui.headless.exit_code import ExitCode
from chat_tui.headless.tail import TailJob, TailOptions
from tests.support.accounts import write_accounts_file
from tests.support.cutting_proxy import CuttingProxy
from tests.support.headless_harness import HeadlessHarness
from tests.support.restartable_server import RestartableServer, texts_until
from tests.support.scripted_server import ScriptedServer
from tests.support.wait_until import WAIT_TIMEOUT


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RestartableServer]:
    server = RestartableServer(write_accounts_file(tmp_path / "users.json"))
    server.start(history=tmp_path / "users.history.db")
    yield server
    server.close()


@pytest.mark.parametrize("arrives", [True, False])
def test_interactive_job_succeeds_if_an_unconfirmed_message_arrived_after_all(
    server: RestartableServer, proxy: CuttingProxy, arrives: bool
) -> None:
    bob = server.log_in("bob")
    headless = HeadlessHarness(proxy.port, "pw-of-alice")
    read_end, write_end = os.pipe()
    with (
        os.fdopen(write_end, "w", buffering=1) as typed,
        headless.running(headless.interactive_job(read_end)) as result,
    ):
        print("one", file=typed)
        assert str(bob.read_line()).endswith("alice: one")
        proxy.swallow_output()
        if not arrives:
            proxy.swallow_input_after(0)
        print("two", file=typed)
        if arrives:
            assert str(bob.read_line()).endswith("alice: two")
        else:
            proxy.until_swallowed("two")
        proxy.cut()
        if arrives:
            headless.until_logged("arrived after all: two")
        else:
            assert str(bob.read_line()).endswith("alice: two")
        typed.close()
        assert result.result(WAIT_TIMEOUT) is ExitCode.DONE
    os.close(read_end)
    assert headless.log_text.count("not confirmed, may have arrived: two") == 1
    assert headless.log_text.count("arrived after all: two") == arrives
    bob.send("/history 10")
    texts_until(bob, "[SERVER] History of")
    assert texts_until(bob, "[SERVER] End of history") == ["one", "two"]


def test_tail_job_reports_that_past_messages_are_missing() -> None:
    server = ScriptedServer()
    headless = HeadlessHarness(server.port)
    options = TailOptions(since="1h", until="now")
    job = TailJob(headless.runner, headless.account, "lobby", options)
    with headless.running(job.run) as result:
        client = server.accept()
        client.send("[SERVER] Login using: LOGIN <username> <password>")
        client.expect("LOGIN alice secret")
        commands = "/subscribe, /subs, /history, /stamps, /quit"
        client.send("[SERVER] Login successful", f"[SERVER] Available commands: {commands}")
        answers = {
            "/subscribe alice": "[SERVER] Subscribed to alice",
            "/subscribe *": "[SERVER] Subscribed to *",
            "/stamps on": "[SERVER] Stamps on",
            "/history after 1h 200": "[ERROR] History is not available now; try again",
            "/subs": "[SERVER] Subscriptions: *, alice",
        }
        while answers:
            client.send(answers.pop(client.read_line()))
        headless.until_logged("past messages are missing: History is not available now")
        client.expect("/history after 1h 200")
        client.send("[SERVER] History of 'lobby'", "[SERVER] End of history")
        assert result.result(WAIT_TIMEOUT) is ExitCode.DONE
    server.close()
    assert headless.log_text.count("missing") == 1
