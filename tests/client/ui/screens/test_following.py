"""Following: no slip of a key makes a user deaf without a word and a way back."""

from pathlib import Path

import pytest

from chat_tui.events import (
    ConnectionChanged,
    ConnectionState,
    Followed,
    LogNotice,
    MembersListed,
    Unfollowed,
)
from chat_tui.ui.widgets.message_log import MessageLog
from chat_tui.ui.widgets.notice_bar import NoticeBar
from tests.support.app_harness import AppHarness, chat


def bar_text(harness: AppHarness) -> str:
    return harness.screen_text(harness.app.chat.query_one(NoticeBar))


def log_text(harness: AppHarness) -> str:
    rows = harness.rows(harness.app.chat.query_one(MessageLog))
    return " ".join(" ".join(rows).split())


async def test_unfollowing_is_written_in_log_with_key_that_undoes_it(tmp_path: Path) -> None:
    async with chat(tmp_path, follows=("bob", "carol")) as harness:
        harness.model.undo_key = "Alt+U"
        harness.session.emit(Unfollowed("bob"))
        await harness.until(
            lambda: "You no longer see messages from bob. Alt+U: undo" in log_text(harness)
        )
        await harness.press("alt+u")
        assert harness.session.calls == [("follow", "bob")]


async def test_undo_follows_last_unfollowed_people_one_after_the_other(tmp_path: Path) -> None:
    async with chat(tmp_path, follows=("*", "bob")) as harness:
        harness.session.emit(Unfollowed("bob"), Unfollowed("*"))
        await harness.press("alt+u", "alt+u")
        assert harness.session.calls == [("follow", "*"), ("follow", "*")], "not confirmed yet"
        harness.session.emit(Followed("*"))
        again = "You see messages from everyone again."
        await harness.until(lambda: again in log_text(harness))
        await harness.press("alt+u")
        assert harness.session.calls[-1] == ("follow", "bob")
        harness.session.emit(Followed("bob"))
        await harness.press("alt+u")
        await harness.until(lambda: "nothing to undo" in harness.notices())


@pytest.mark.parametrize(
    ("follows", "unfollowed", "text"),
    [
        (("*", "bob"), "bob", "You still see messages from bob, because you follow everyone."),
        (("*", "bob"), "*", "You now see only messages from people that you follow by name."),
        (("*",), "*", "You no longer see messages from anyone."),
        (("*",), "carol", "You still see messages from carol, because you follow everyone."),
    ],
)
async def test_log_says_whose_messages_the_user_still_sees(
    tmp_path: Path, follows: tuple[str, ...], unfollowed: str, text: str
) -> None:
    async with chat(tmp_path, follows=follows) as harness:
        harness.session.emit(Unfollowed(unfollowed))
        await harness.until(lambda: text in log_text(harness), log_text(harness))


async def test_log_does_not_repeat_a_change_in_the_words_of_the_server(tmp_path: Path) -> None:
    async with chat(tmp_path, follows=("bob",)) as harness:
        for event, reply in (
            (Unfollowed("bob"), "Unsubscribed from bob"),
            (Followed("bob"), "Subscribed to bob"),
            (Unfollowed("carol"), "Unsubscribed from carol"),
        ):
            harness.session.emit(event, LogNotice(reply, "reply"))
        await harness.until(lambda: "Unsubscribed from carol" in log_text(harness))
        assert "You no longer see messages from bob" in log_text(harness)
        assert "You see messages from bob again" in log_text(harness)
        assert "Unsubscribed from bob" not in log_text(harness)
        assert "Subscribed to bob" not in log_text(harness)


async def test_end_of_subscription_that_did_not_exist_is_not_written(tmp_path: Path) -> None:
    async with chat(tmp_path, follows=("bob",)) as harness:
        harness.session.emit(Unfollowed("carol"))
        await harness.settle()
        assert "carol" not in log_text(harness)


async def test_line_above_composer_says_that_user_follows_no_one(tmp_path: Path) -> None:
    async with chat(tmp_path, (140, 24), follows=("bob",)) as harness:
        assert "You follow no one" not in bar_text(harness)
        harness.session.emit(Unfollowed("bob"))
        text = "You follow no one in this room, so you see no messages. F8: follow everyone"
        await harness.until(lambda: text in bar_text(harness))
        harness.session.emit(MembersListed("lobby", ("alice",)))
        await harness.until(lambda: "You follow no one yet" in bar_text(harness), "alone, too")
        harness.session.emit(ConnectionChanged(ConnectionState.WAITING, "gone", 3.0))
        await harness.until(lambda: "connection lost" in bar_text(harness))
        harness.session.emit(ConnectionChanged(ConnectionState.ONLINE), Followed("*"))
        await harness.until(lambda: "─" * 40 in bar_text(harness))


@pytest.mark.parametrize("size", [(24, 8), (40, 12), (60, 12), (80, 24), (100, 26)])
async def test_line_about_followed_people_names_key_at_every_width(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with chat(tmp_path, size) as harness:
        await harness.until(lambda: "F8: follow everyone ─" in bar_text(harness))


async def test_undo_without_connection_is_explained(tmp_path: Path) -> None:
    async with chat(tmp_path, follows=("bob",)) as harness:
        harness.session.emit(
            Unfollowed("bob"), ConnectionChanged(ConnectionState.WAITING, "gone", 3.0)
        )
        await harness.press("alt+u")
        await harness.until(lambda: "Not connected" in harness.notices())
        assert harness.session.calls == []
