"""The headless modes with a scripted server."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chat_server.wire import replies
from chat_tui.headless.exit_code import ExitCode
from chat_tui.headless.interactive import MAX_PENDING, InteractiveJob
from chat_tui.headless.line_io import LineProblem, LineReader
from chat_tui.headless.send import SendJob
from chat_tui.headless.tail import TailJob, TailOptions
from chat_tui.storage.log_files import LogFiles
from tests.support.headless_harness import HeadlessHarness
from tests.support.scripted_server import ScriptedServer
from tests.support.wait_until import WAIT_TIMEOUT, until

ECHO = "[21:03:04] alice: "


@pytest.fixture
def headless(server: ScriptedServer) -> HeadlessHarness:
    return HeadlessHarness(server.port)


def test_send_job_succeeds_when_all_lines_are_echoed(
    server: ScriptedServer, headless: HeadlessHarness
) -> None:
    with headless.running(headless.send_job("deployed\n\n/etc is full\n")) as result:
        client = server.accept_login("ops")
        client.expect("deployed", "//etc is full", "/quit")
        client.send(f"{ECHO}deployed", f"{ECHO}/etc is full", "[SERVER] Goodbye")
        assert result.result(WAIT_TIMEOUT) is ExitCode.DONE
    assert headless.output == []
    assert headless.log_lines == []


def test_send_job_says_that_it_waits_for_the_check_of_the_password(
    server: ScriptedServer, headless: HeadlessHarness
) -> None:
    with headless.running(headless.send_job("deployed")) as result:
        client = server.accept()
        client.send("[SERVER] Login using: LOGIN <username> <password>")
        client.expect("LOGIN alice secret")
        headless.until_logged("waiting for the server to check the password")
        client.send("[ERROR] Too many logins are waiting; try again in 30 s")
        assert result.result(WAIT_TIMEOUT) is ExitCode.NO_CONNECTION
    assert "Too many logins are waiting; try again in 30 s" in headless.log_text


def test_send_job_reports_unconfirmed_lines(
    server: ScriptedServer, headless: HeadlessHarness
) -> None:
    with headless.running(headless.send_job("one\ntwo")) as result:
        client = server.accept_login("ops")
        client.expect("one", "two")
        client.send(f"{ECHO}one")
        client.reset()
        assert result.result(WAIT_TIMEOUT) is ExitCode.UNCONFIRMED
    assert "1 of 2 lines are confirmed" in headless.log_text


def test_send_job_sends_nothing_if_join_fails(
    server: ScriptedServer, headless: HeadlessHarness
) -> None:
    with headless.running(headless.send_job("secret plans")) as result:
        client = server.accept()
        client.send("[SERVER] Login using: LOGIN <username> <password>")
        client.expect("LOGIN alice secret")
        client.send("[SERVER] Login successful")
        client.send("[SERVER] Available commands: /join, /subscribe, /subs, /help, /quit")
        client.expect("/subscribe alice")
        client.send("[SERVER] Subscribed to alice", "[ERROR] Invalid room name: ops")
        client.expect("/join ops", "/subs", "/quit")
        client.send("[SERVER] Subscriptions: alice", "[SERVER] Goodbye")
        assert result.result(WAIT_TIMEOUT) is ExitCode.UNCONFIRMED
    assert "Invalid room name: ops" in headless.log_text


def test_send_job_reports_too_long_line_and_sends_others(
    server: ScriptedServer, headless: HeadlessHarness
) -> None:
    with headless.running(headless.send_job(f"{'x' * 5000}\nshort")) as result:
        client = server.accept_login("ops")
        client.expect("short", "/quit")
        client.send(f"{ECHO}short", "[SERVER] Goodbye")
        assert result.result(WAIT_TIMEOUT) is ExitCode.UNCONFIRMED
    assert "Not sent" in headless.log_text


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("Authentication failed", ExitCode.REJECTED),
        ("Server is full; try again later", ExitCode.NO_CONNECTION),
    ],
)
def test_send_job_reports_rejected_login(
    server: ScriptedServer, headless: HeadlessHarness, error: str, code: ExitCode
) -> None:
    with headless.running(headless.send_job("hello")) as result:
        client = server.accept()
        client.send("[SERVER] Login using: LOGIN <username> <password>")
        client.expect("LOGIN alice secret")
        client.send(f"[ERROR] {error}")
        assert result.result(WAIT_TIMEOUT) is code
    assert error in headless.log_text
    assert "secret" not in headless.log_text


def test_interactive_job_on_pipe_survives_lost_connection(
    server: ScriptedServer, headless: HeadlessHarness
) -> None:
    read_end, write_end = os.pipe()
    with (
        os.fdopen(write_end, "w", buffering=1) as typed,
        headless.running(headless.interactive_job(read_end)) as result,
    ):
        client = server.accept_login()
        print("one", file=typed)
        client.expect("one")
        client.send("[21:03:04] bob: hi \x1b[2J", f"{ECHO}one")
        print("two", file=typed)
        client.expect("two")
        client.close()
        headless.until_logged("retrying")
        print("three", "LOGIN alice hunter2", "//four", sep="\n", file=typed)
        typed.close()
        again = server.accept_login()
        again.expect("three", "//four", "/quit")  # "two" may have arrived: it is not sent again
        again.send(f"{ECHO}three", f"{ECHO}/four", "[SERVER] Goodbye")
        assert result.result(WAIT_TIMEOUT) is ExitCode.UNCONFIRMED
    os.close(read_end)
    assert headless.output[:2] == ["[21:03:04] bob: hi ␛[2J", "[21:03:04] alice (you): one"]
    assert "[21:03:04] alice (you): three" in headless.output
    assert "[21:03:04] alice (you): /four" in headless.output
    assert any(line.startswith("-- no connection from ") for line in headless.output)
    assert "not confirmed, may have arrived: two" in headless.log_text
    assert "looks like a password" in headless.log_text
    assert "hunter2" not in headless.log_text


def test_interactive_job_sends_unsent_lines_after_reconnect(
    server: ScriptedServer, headless: HeadlessHarness
) -> None:
    lines = [f"line {number}" for number in range(2 * MAX_PENDING)]
    read_end, write_end = os.pipe()
    os.write(write_end, "\n".join(lines).encode())
    os.close(write_end)
    with headless.running(headless.interactive_job(read_end)) as result:
        client = server.accept_login()
        client.expect(*lines[:MAX_PENDING])  # no more, because no echo arrives
        client.close()
        again = server.accept_login()
        again.expect(*lines[MAX_PENDING:])
        again.send(*(ECHO + line for line in lines[MAX_PENDING:]))
        again.expect("/quit")
        again.send("[SERVER] Goodbye")
        assert result.result(WAIT_TIMEOUT) is ExitCode.UNCONFIRMED
    os.close(read_end)
    assert len(headless.output) == MAX_PENDING + 2
    assert headless.log_text.count("not confirmed") == MAX_PENDING


def test_interactive_job_on_terminal_reports_unsent_line_at_once(
    server: ScriptedServer, headless: HeadlessHarness
) -> None:
    keyboard, terminal = os.openpty()
    with headless.running(headless.interactive_job(terminal)) as result:
        server.accept_login()
        headless.until_logged("connected to")
        server.close()
        headless.until_logged("retrying")
        os.write(keyboard, b"hello?\n")
        headless.until_logged("Not connected: it was not sent: hello?")
        os.write(keyboard, b"\x04")  # Ctrl+D
        assert result.result(WAIT_TIMEOUT) is ExitCode.UNCONFIRMED
    os.close(keyboard)
    os.close(terminal)


def test_tail_job_prints_selected_authors_and_reports_gap(
    server: ScriptedServer, headless: HeadlessHarness
) -> None:
    tail = TailJob(headless.runner, headless.account, "ops", TailOptions(frozenset({"bob"})))
    with headless.running(tail.run) as result:
        client = server.accept_login("ops")
        client.expect("/subscribe bob")
        client.send("[SERVER] Subscribed to bob", "[21:03:00] carol: no", "[21:03:01] bob: yes")
        client.send("[21:03:02] * bob waves")
        client.close()
        again = server.accept_login("ops", follows="alice, bob")
        again.send("[21:04:00] bob: again", "[SERVER] Logged out due to new login")
        assert result.result(WAIT_TIMEOUT) is ExitCode.REJECTED
    assert headless.output == [
        "[21:03:01] bob: yes",
        "[21:03:02] * bob waves",
        "[21:04:00] bob: again",
    ]
    assert "no connection from" in headless.log_text
    assert "Logged out due to new login" in headless.log_text


def test_send_job_does_not_send_line_with_password(
    server: ScriptedServer, headless: HeadlessHarness
) -> None:
    with headless.running(headless.send_job("/passwd secret new-secret\nhello")) as result:
        client = server.accept_login("ops")
        client.expect("hello", "/quit")
        client.send(f"{ECHO}hello", "[SERVER] Goodbye")
        assert result.result(WAIT_TIMEOUT) is ExitCode.UNCONFIRMED
    assert headless.log_lines == ["Not sent: the line looks like a password"]


def test_interactive_job_changes_password_without_printing_it(
    server: ScriptedServer, headless: HeadlessHarness
) -> None:
    keyboard, terminal = os.openpty()
    typed = LineReader(terminal)
    job = InteractiveJob(
        headless.runner,
        headless.account,
        typed,
        LogFiles(headless.runner.model, None),
        password_source="the keyring",
    )
    with headless.running(lambda: job.run(None, follow_everyone=False)) as result:
        client = server.accept_login(more=("/passwd",))
        headless.until_logged("connected to")
        os.write(keyboard, b"/away lunch\n/theme x\n")
        headless.until_logged("Not sent: /away: There is no away status.")
        headless.until_logged("Not sent: /theme needs the full-screen client")
        os.write(keyboard, b"/paswd secret new-secret\n")
        headless.until_logged("Did you mean /passwd ***")
        os.write(keyboard, b"/passwd secret new-secret\n")
        client.expect("/passwd secret new-secret")
        client.send("[SERVER] Password changed", "[SERVER] Announcement from dave: back at noon")
        headless.until_logged("the password comes from the keyring: change it there too")
        client.reset()
        again = server.accept_login(password="new-secret", more=("/passwd",))
        until(
            lambda: headless.log_text.count("connected to") >= 2,
            "the client has reconnected",
            lambda: headless.log_text,
        )
        assert "secret" not in headless.log_text
        headless.log_lines.clear()
        again.close()
        server.close()
        headless.until_logged("retrying")
        os.write(keyboard, b"/passwd new-secret other-secret\n")
        headless.until_logged("Not connected: it was not sent: /passwd ***")
        os.write(keyboard, b"\x04")  # Ctrl+D
        assert result.result(WAIT_TIMEOUT) is ExitCode.UNCONFIRMED
    os.close(keyboard)
    os.close(terminal)
    assert "-- Password changed" in headless.output
    assert "-- Announcement from dave: back at noon" in headless.output
    assert "secret" not in headless.log_text + "".join(headless.output)


def test_tail_job_reports_announcement(server: ScriptedServer, headless: HeadlessHarness) -> None:
    tail = TailJob(headless.runner, headless.account, "ops", TailOptions())
    with headless.running(tail.run) as result:
        client = server.accept()
        client.accept_login(room="ops", follows="*")
        client.send("[SERVER] Announcement from dave: back at noon")
        headless.until_logged("Announcement from dave: back at noon")
        client.send("[SERVER] Logged out by an operator: enough")
        assert result.result(WAIT_TIMEOUT) is ExitCode.REJECTED
    assert headless.output == []
    assert headless.log_text.endswith("Logged out by an operator: enough")


@pytest.mark.parametrize(
    "line", [b"caf\xe9", b"\xff\xfeh\x00i\x00", b"\xed\xa0\x80", b"\xc0\xaf", b"cut \xe2\x82"]
)
def test_send_job_fails_for_a_line_that_is_not_utf8(
    server: ScriptedServer, headless: HeadlessHarness, line: bytes
) -> None:
    with headless.running(headless.send_job(f"{os.fsdecode(line)}\ncafé")) as result:
        client = server.accept_login("ops")
        client.expect("café", "/quit")
        client.send(f"{ECHO}café", "[SERVER] Goodbye")
        assert result.result(WAIT_TIMEOUT) is ExitCode.UNCONFIRMED
    assert headless.log_lines == [LineProblem.NOT_UTF8.value]


@pytest.mark.parametrize("kind", ["send", "interactive"])
def test_input_that_is_not_utf8_is_not_altered(
    server: ScriptedServer, headless: HeadlessHarness, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"caf\xe9\ngood\n")
    with path.open("rb") as file:
        job = headless.interactive_job(file.fileno())
        if kind == "send":
            reader = LineReader(file.fileno())
            job = SendJob(headless.runner, headless.account, "lobby", reader).run
        with headless.running(job) as result:
            client = server.accept_login()
            client.expect("good", "/quit")
            client.send("[21:03:00] alice: good", "[SERVER] Goodbye")
            assert result.result(WAIT_TIMEOUT) is ExitCode.UNCONFIRMED
    assert LineProblem.NOT_UTF8.value in headless.log_text


def test_tail_job_ends_if_a_name_is_unknown(
    server: ScriptedServer, headless: HeadlessHarness
) -> None:
    options = TailOptions(frozenset({"bob", "carool", "alice"}))
    tail = TailJob(headless.runner, headless.account, "ops", options)
    with headless.running(tail.run) as result:
        client = server.accept_login("ops")
        client.expect("/subscribe bob", "/subscribe carool")
        client.send("[SERVER] Subscribed to bob", "[ERROR] No such user: carool")
        assert result.result(WAIT_TIMEOUT) is ExitCode.USAGE
    assert headless.log_lines == ["the server has no user carool. Correct the name of --from"]


LOST, BACK = replies.SERVERS_DISCONNECTED, replies.SERVERS_CONNECTED


def test_send_job_waits_until_the_servers_are_connected_again(
    server: ScriptedServer, headless: HeadlessHarness
) -> None:
    with headless.running(headless.send_job("deployed")) as result:
        client = server.accept_login("ops")
        client.expect("deployed", "/quit")
        client.send(f"[SERVER] {LOST}")
        headless.until_logged(LOST)
        client.send(f"[SERVER] {BACK}", f"{ECHO}deployed", "[SERVER] Goodbye")
        assert result.result(WAIT_TIMEOUT) is ExitCode.DONE
    assert headless.log_lines == [LOST, BACK]
    assert headless.output == []


def test_send_job_says_what_is_uncertain_if_the_servers_stay_disconnected(
    server: ScriptedServer, headless: HeadlessHarness
) -> None:
    lines = LineReader.from_text("one\ntwo")
    job = SendJob(headless.runner, headless.account, "ops", lines, delivery_timeout=0.05)
    with headless.running(job.run) as result:
        client = server.accept_login("ops")
        client.expect("one", "two", "/quit")
        client.send(f"{ECHO}one", f"[SERVER] {LOST}")
        assert result.result(WAIT_TIMEOUT) is ExitCode.UNCONFIRMED
    assert "the servers still cannot reach each other" in headless.log_lines
    assert "1 of 2 lines are confirmed. The others may or may not have arrived" in headless.log_text


def test_send_job_ends_without_connection_if_the_servers_accept_no_login(
    server: ScriptedServer, headless: HeadlessHarness
) -> None:
    with headless.running(headless.send_job("deployed")) as result:
        client = server.accept()
        client.send(f"[SERVER] {replies.LOGIN_PROMPT}", f"[ERROR] {replies.SERVERS_UNREACHABLE}")
        assert result.result(WAIT_TIMEOUT) is ExitCode.NO_CONNECTION
    assert replies.SERVERS_UNREACHABLE in headless.log_text


def test_tail_job_reports_disconnected_servers_on_standard_error(
    server: ScriptedServer, headless: HeadlessHarness
) -> None:
    tail = TailJob(headless.runner, headless.account, "ops", TailOptions(frozenset({"bob"})))
    with headless.running(tail.run) as result:
        client = server.accept_login("ops")
        client.send(f"[SERVER] {LOST}", f"[SERVER] {BACK}")
        client.send("[SERVER] Logged out due to new login")
        assert result.result(WAIT_TIMEOUT) is ExitCode.REJECTED
    assert headless.output == []
    assert headless.log_lines[:2] == [LOST, BACK]


def test_interactive_job_reports_disconnected_servers_on_standard_error(
    server: ScriptedServer, headless: HeadlessHarness
) -> None:
    reader, writer = os.pipe()
    with headless.running(headless.interactive_job(reader)) as result:
        client = server.accept_login()
        client.send(f"[SERVER] {LOST}", f"[SERVER] {BACK}")
        headless.until_logged(BACK)
        os.close(writer)
        client.expect("/quit")
        client.send("[SERVER] Goodbye")
        assert result.result(WAIT_TIMEOUT) is ExitCode.DONE
    os.close(reader)
    assert not any("other servers" in line for line in headless.output)
    assert headless.log_lines[1:] == [LOST, BACK]
