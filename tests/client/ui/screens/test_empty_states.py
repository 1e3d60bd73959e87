"""Empty panes say what is true and name the next key."""

from pathlib import Path

import pytest

from chat_tui.events import (
    ConnectionChanged,
    ConnectionState,
    Followed,
    HistoryRequestFailed,
    Joined,
    MembersListed,
    PageKind,
    SignedIn,
)
from chat_tui.local_server import LocalServer
from chat_tui.model import Location
from chat_tui.ui.screens.local_server_task import DemoAccountsFound
from chat_tui.ui.widgets.message_log import MessageLog
from chat_tui.ui.widgets.people_list import PeopleList
from tests.support.app_harness import AppHarness, chat, form
from tests.support.fake_session import COMMANDS


def log_text(harness: AppHarness) -> str:
    rows = harness.rows(harness.app.chat.query_one(MessageLog))
    return " ".join(" ".join(rows).split())


async def test_empty_room_names_keys(tmp_path: Path) -> None:
    async with chat(tmp_path, follows=("*",)) as harness:
        assert "Ctrl+K opens another room, F1 shows all keys." in log_text(harness)
        harness.app.set_keymap({"jump": "f12"})
        harness.session.emit(MembersListed("lobby", ("alice", "bob")))
        await harness.until(lambda: "F12 opens another room" in log_text(harness))


async def test_lonely_user_of_local_server_is_sent_to_second_window(tmp_path: Path) -> None:
    async with chat(tmp_path, here=("alice",), follows=("*",)) as harness:
        assert "second window" not in log_text(harness)
        server = LocalServer(tmp_path, 9000, ("DPS", "alice", "bob"), None)
        harness.app.post_message(DemoAccountsFound(server))
        await harness.settle()
        harness.session.emit(MembersListed("lobby", ("alice",)))
        text = "You are alone here. Sign in as bob in a second window."
        await harness.until(lambda: text in log_text(harness))
        people = harness.screen_text(harness.app.chat.query_one(PeopleList))
        assert "No one else is here." in " ".join(people.split())


async def test_empty_conversation_says_when_the_other_person_reads_it(tmp_path: Path) -> None:
    async with chat(tmp_path, follows=("*",)) as harness:
        harness.model.view(Location.private("bob"))
        harness.session.emit(Followed("bob"))
        text = "Only bob receives what you write here, and only if bob follows you."
        await harness.until(lambda: text in log_text(harness))


async def test_user_who_follows_no_one_sees_both_keys(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        text = "You follow no one here, so you receive no messages. F8 follows everyone, F3 chooses"
        assert text in log_text(harness)


async def test_members_that_are_not_listed_yet_are_not_called_absent(tmp_path: Path) -> None:
    async with chat(tmp_path, follows=("*",)) as harness:
        harness.session.emit(Joined("dev"))
        await harness.until(lambda: "Waiting for the list of people" in log_text(harness))
        harness.session.emit(MembersListed("dev", ("alice", "bob")))
        await harness.until(lambda: "No messages yet" in log_text(harness))


async def test_lost_connection_is_named_in_empty_log(tmp_path: Path) -> None:
    async with chat(tmp_path, follows=("*",)) as harness:
        harness.session.emit(ConnectionChanged(ConnectionState.WAITING, "gone", 3.0))
        await harness.until(lambda: "There is no connection." in log_text(harness))
        harness.session.emit(ConnectionChanged(ConnectionState.ONLINE))
        await harness.until(lambda: "No messages yet" in log_text(harness))


async def test_conversation_with_unfollowed_person_names_cure(tmp_path: Path) -> None:
    async with chat(tmp_path, follows=("carol",)) as harness:
        harness.session.emit(SignedIn("alice", (*COMMANDS, "/msg")))
        harness.app.chat.navigator.open_conversation("bob")
        await harness.until(lambda: "you see no answer: send /follow bob" in log_text(harness))
        harness.app.chat.navigator.open_conversation("carol")
        await harness.until(lambda: "Only carol receives" in log_text(harness))
        assert "/follow" not in log_text(harness)


async def test_empty_wire_log_and_empty_notices_say_so(tmp_path: Path) -> None:
    async with form(tmp_path) as harness:
        await harness.press("f6")
        await harness.until(lambda: "No lines yet." in harness.screen_text())
        await harness.press("escape", "alt+n")
        await harness.until(lambda: "There was no notice so far." in harness.screen_text())


@pytest.mark.parametrize("key", ["f1", "f6", "alt+n", "ctrl+p", "ctrl+k"])
@pytest.mark.parametrize("size", [(40, 12), (80, 24)])
async def test_dialogs_name_their_own_keys_whole(
    tmp_path: Path, key: str, size: tuple[int, int]
) -> None:
    async with chat(tmp_path, size) as harness:
        await harness.press(key)
        await harness.until(lambda: "Esc Close ─" in harness.screen_text(), harness.screen_text())


async def test_log_that_could_not_be_loaded_is_not_called_empty(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=(*COMMANDS, "/history"), follows=("*",)) as harness:
        reason = "History is not available now; try again"
        harness.session.emit(HistoryRequestFailed("lobby", PageKind.FIRST, reason))
        text = "The messages are not loaded yet: history is not available now. Trying again…"
        await harness.until(lambda: text in log_text(harness))
        assert "No messages yet" not in log_text(harness)
