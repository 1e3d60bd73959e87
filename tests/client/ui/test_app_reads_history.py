"""The whole app on a screen in memory, with a real server that keeps history."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chat_tui.model.log_edge import EdgeState
from chat_tui.ui.widgets.message_log import MessageLog
from tests.support.accounts import PEOPLE, write_accounts_file
from tests.support.app_harness import press_keys, screen_rows, wait_until
from tests.support.app_with_server import AppWithServerHarness, window
from tests.support.restartable_server import RestartableServer
from tests.support.wire_client import WireClient


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RestartableServer]:
    server = RestartableServer(write_accounts_file(tmp_path / "users.json", PEOPLE))
    server.start(history=tmp_path / "users.history.db")
    yield server
    server.close()


def say(client: WireClient, numbers: range) -> None:
    """Send numbered messages and wait until the server has taken them all."""
    for number in numbers:
        client.send(f"m{number} {'and some more words to wrap ' * (number % 5)}".strip())
    client.send("/subs")
    while not (client.read_line() or "").startswith("[SERVER] Subscriptions"):
        pass


def shown_numbers(alice: AppWithServerHarness) -> list[int]:
    log = alice.app.session.model.log
    return [int(entry.text.split()[0][1:]) for entry in log if entry.author]


def texts(alice: AppWithServerHarness) -> list[str]:
    """Return the rows of the log without times, authors, scrollbar and label."""
    return [row[16:-2].rstrip() for row in screen_rows(alice.app, log_of(alice))][:-1]


def log_of(alice: AppWithServerHarness) -> MessageLog:
    return alice.app.chat.query_one(MessageLog)


async def test_user_reads_back_to_the_first_message_and_the_view_never_jumps(
    server: RestartableServer, tmp_path: Path
) -> None:
    bob = server.log_in("bob")
    say(bob, range(230))
    async with window(server, tmp_path, sign_in=False) as alice:
        await alice.sign_in("m229", "── earlier ──")
        model = alice.app.session.model
        assert shown_numbers(alice) == list(range(180, 230))
        log = log_of(alice)
        while model.log.top.state is not EdgeState.COMPLETE:
            before, held = texts(alice), len(model.log)
            log.scroll_to(y=0, animate=False)
            await press_keys(alice.pilot, "pageup")
            before = texts(alice)
            bob.send(f"m{shown_numbers(alice)[-1] + 1}")
            await wait_until(alice.pilot, lambda held=held: len(model.log) >= held + 30)  # type: ignore[misc]
            await alice.until("new below")
            assert texts(alice)[2:] == before[2:]
        numbers = shown_numbers(alice)
        assert numbers == list(range(numbers[-1] + 1))
        log.scroll_to(y=0, animate=False)
        await alice.until("Beginning of the history")


async def test_reconnected_app_shows_what_it_missed_without_a_remark(
    server: RestartableServer, tmp_path: Path
) -> None:
    async with window(server, tmp_path) as alice:
        bob = server.log_in("bob")
        say(bob, range(3))
        await alice.until("m2")
        server.stop()
        await alice.until("✕ connection lost")
        server.start()
        bob = server.log_in("bob")
        say(bob, range(3, 60))
        await press_keys(alice.pilot, "ctrl+r")
        await alice.until("● connected", "m59")
        assert shown_numbers(alice) == list(range(60))
        assert "missing" not in "\n".join(entry.text for entry in alice.app.session.model.log)
        log_of(alice).scroll_to(y=0, animate=False)
        await alice.until("─ new since ")


async def test_room_that_the_user_left_shows_what_was_said_there(
    server: RestartableServer, tmp_path: Path
) -> None:
    async with window(server, tmp_path) as alice:
        bob = server.log_in("bob")
        say(bob, range(2))
        await alice.until("m1")
        await alice.type("/join dev")
        await alice.until("▸ dev")
        say(bob, range(2, 5))
        await alice.type("/leave")
        await alice.until("▸ lobby", "─ new since ", "m4")
        assert shown_numbers(alice) == list(range(5))
        assert "elsewhere" not in alice.shown(log_of(alice))


async def test_found_message_leads_back_to_the_present_without_a_gap(
    server: RestartableServer, tmp_path: Path
) -> None:
    say(server.log_in("bob"), range(400))
    async with window(server, tmp_path, sign_in=False) as alice:
        await alice.sign_in("m399", "── earlier ──")
        model, log = alice.app.session.model, log_of(alice)
        page = []
        for number in (350, 250, 150):
            log.scroll_to(y=0, animate=False)
            await press_keys(alice.pilot, "pageup")
            await wait_until(alice.pilot, lambda n=number: shown_numbers(alice)[0] <= n)  # type: ignore[misc]
            page = [entry.stamp for entry in model.log]
        found = page[0]
        number = shown_numbers(alice)[0]
        await alice.type("/join dev")
        await alice.until("▸ dev")
        await alice.type("/leave")
        await alice.until("▸ lobby")
        model.log.drop_oldest(50)  # as after some hours in a busy room
        alice.app.chat.show_message(found)
        await wait_until(alice.pilot, lambda: model.log.present is not None)
        await alice.until(f"m{number} ")
        assert model.log.find(found) == log.cursor
        for _ in range(100):
            if model.log.present is None:
                break
            before = len(model.log)
            await press_keys(alice.pilot, "pagedown")
            if model.log.bottom.state is EdgeState.LOADING:
                await wait_until(alice.pilot, lambda n=before: len(model.log) > n)  # type: ignore[misc]
        assert model.log.present is None
        numbers = shown_numbers(alice)
        assert numbers == list(range(numbers[0], 400))
        await press_keys(alice.pilot, "end")
        await alice.until("m399")


async def test_restarted_app_shows_earlier_messages_and_what_is_new(
    server: RestartableServer, tmp_path: Path
) -> None:
    bob = server.log_in("bob")
    say(bob, range(70))
    async with window(server, tmp_path, sign_in=False) as alice:
        await alice.sign_in("m69", "── earlier ──")
    say(bob, range(70, 74))
    bob.send("alice, are you there?")
    async with window(server, tmp_path, sign_in=False) as alice:
        await alice.sign_in("alice, are you there?", "─ new since ")
        rows = [row.strip() for row in screen_rows(alice.app, log_of(alice))]
        (rule,) = (number for number, row in enumerate(rows) if "─ new since " in row)
        assert "m70" in rows[rule + 1]
        model = alice.app.session.model
        past = [entry.text.split()[0] for entry in model.log if entry.past]
        assert past == [f"m{number}" for number in range(20, 70)]
        assert model.unread.total() == 0
