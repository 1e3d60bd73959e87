"""Keys in the composer and in text fields move and delete by grapheme cluster."""

from __future__ import annotations

from pathlib import Path

from chat_tui.ui.widgets.composer import Composer
from chat_tui.ui.widgets.text_input import SafeInput
from tests.support.app_harness import AppHarness, chat, form
from tests.support.clusters import CLUSTERS

ONE_LINE = [cluster for cluster in CLUSTERS if cluster != "\r\n"]


async def test_composer_keys_do_not_split_a_cluster(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        for cluster in ONE_LINE:
            await press_keys_in_composer(harness, cluster)


async def press_keys_in_composer(harness: AppHarness, cluster: str) -> None:
    composer = harness.app.chat.query_one(Composer)
    size = len(cluster)

    async def columns_after(*keys: str) -> list[int]:
        columns = []
        for key in keys:
            await harness.press(key)
            columns.append(composer.cursor_location[1])
        return columns

    composer.load_text(f"x{cluster}y")
    composer.move_cursor((0, 0))
    end = size + 2
    assert await columns_after("right", "right", "right") == [1, end - 1, end]
    assert await columns_after("left", "left", "left") == [end - 1, 1, 0]
    await harness.press("right", "shift+right")
    assert composer.selected_text == cluster
    await harness.press("shift+left")
    assert composer.selected_text == ""
    composer.move_cursor((0, 2))
    assert composer.cursor_location[1] in (1, end - 1), "a mouse click"
    for key in ("ctrl+right", "ctrl+right", "ctrl+left", "ctrl+left"):
        await harness.press(key)
        assert composer.cursor_location[1] in (0, 1, end - 1, end)
    composer.move_cursor((0, end - 1))
    await harness.press("backspace")
    assert composer.text == "xy"
    composer.load_text(f"x{cluster}y")
    composer.move_cursor((0, 1))
    await harness.press("delete")
    assert composer.text == "xy"


async def test_composer_joins_what_is_typed_into_one_cluster(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        composer = harness.app.chat.query_one(Composer)
        for part in ("e", "\u0301", "🇩", "🇪", "a"):
            composer.insert(part)
        assert composer.cursor_location == (0, 5)
        await harness.press("left", "left", "left")
        assert composer.cursor_location == (0, 0)
        await harness.press("end", "backspace", "backspace", "backspace")
        assert composer.text == ""


async def test_composer_moves_over_line_ends_and_vertically(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        composer = harness.app.chat.query_one(Composer)
        composer.load_text("ab\ne\u0301🇩🇪")
        composer.move_cursor((0, 1))
        await harness.press("down")
        assert composer.cursor_location[1] in (0, 2), "not between e and its accent"
        await harness.press("home", "left")
        assert composer.cursor_location == (0, 2)
        await harness.press("delete")
        assert composer.text == "abe\u0301🇩🇪"


async def test_field_keys_do_not_split_a_cluster(tmp_path: Path) -> None:
    async with form(tmp_path) as harness:
        for cluster in ONE_LINE:
            await press_keys_in_field(harness, cluster)


async def press_keys_in_field(harness: AppHarness, cluster: str) -> None:
    field = harness.app.login.query_one("#user", SafeInput)
    field.focus()
    field.value, size = f"x{cluster}y", len(cluster)
    await harness.press("home", "right", "right")
    assert field.cursor_position == size + 1
    await harness.press("left")
    assert field.cursor_position == 1
    await harness.press("shift+right")
    assert field.selected_text == cluster
    field.cursor_position = 2
    assert field.cursor_position in (1, size + 1), "a mouse click"
    await harness.press("end", "left", "backspace")
    assert field.value == "xy"
    field.value = f"x{cluster}y"
    await harness.press("home", "right", "delete")
    assert field.value == "xy"
