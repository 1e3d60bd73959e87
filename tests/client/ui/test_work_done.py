"""What a sign-in and an idle client do not do: work that would only cost time.

The tests count work. Times depend on the machine, and `make bench` measures them.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from textual._compositor import Compositor
from textual.css.query import DOMQuery
from textual.css.stylesheet import Stylesheet
from textual.screen import Screen

from chat_tui.events import LatencyMeasured
from chat_tui.ui.screens.help import HelpScreen
from tests.support.app_harness import chat, form, sign_in
from tests.support.loaded_modules import modules_after

COUNTED = {
    "parse all styles": (Stylesheet, "reparse"),
    "lay the screen out": (Compositor, "reflow"),
    "walk the widgets": (DOMQuery, "__init__"),
    "style a screen again": (Screen, "update_node_styles"),
}


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count calls of Textual's expensive methods, which still do their work."""
    work: Counter[str] = Counter()
    for name, (kind, method) in COUNTED.items():
        original = getattr(kind, method)

        def counting(
            self: object,
            *values: object,
            _name: str = name,
            _original: object = original,
            **named: object,
        ) -> object:
            work[_name] += 1
            return _original(self, *values, **named)  # type: ignore[operator]

        monkeypatch.setattr(kind, method, counting)
    return work


async def test_sign_in_does_not_parse_all_styles_again(tmp_path: Path, work: Counter[str]) -> None:
    async with form(tmp_path) as harness:
        work.clear()
        await sign_in(harness)
        assert work["parse all styles"] == 0
        assert work["style a screen again"] == 0
        harness.app.theme = "textual-light"  # the counter works
        await harness.until(lambda: work["parse all styles"])


async def test_chat_uses_a_theme_that_was_changed_in_the_form(tmp_path: Path) -> None:
    async with form(tmp_path) as harness:
        harness.app.theme = "textual-light"
        await harness.settle()
        await sign_in(harness)
        background = harness.app.chat.styles.background
        assert background.hex == harness.app.get_css_variables()["background"]


async def test_form_is_drawn_without_the_styles_of_other_screens(tmp_path: Path) -> None:
    async with form(tmp_path) as harness:
        sources = harness.app.stylesheet.source
        assert not any("chat.tcss" in path for path, _ in sources)
        await harness.press("f1")
        await harness.until(lambda: isinstance(harness.app.screen, HelpScreen))
        assert any("chat.tcss" in path for path, _ in sources)
        assert harness.app.screen.query_one("#help-page").styles.border.top[0] != ""


@pytest.mark.parametrize("size", [(80, 24), (40, 12)])
@pytest.mark.parametrize("theme", ["", "ansi-dark"])
async def test_form_looks_the_same_with_the_styles_of_the_other_screens(
    tmp_path: Path, size: tuple[int, int], theme: str
) -> None:
    async with form(tmp_path, size=size) as harness:
        if theme:
            harness.app.theme = theme
        harness.app.notify("a notice")
        harness.app.login.show_message("an error")
        pictures = [""]

        def stands_still() -> bool:
            pictures.append(harness.app.export_screenshot())
            return pictures[-1] == pictures[-2] and "error" in pictures[-1]

        await harness.until(stands_still)
        harness.app._read_late_styles()
        harness.app.refresh_css(animate=False)
        await harness.settle()
        await harness.until(
            lambda: harness.app.export_screenshot() == pictures[-1], "the form looks as before"
        )


async def test_covered_form_uses_a_theme_that_was_changed_meanwhile(tmp_path: Path) -> None:
    async with form(tmp_path) as harness:
        await harness.press("f1")
        await harness.until(lambda: isinstance(harness.app.screen, HelpScreen))
        harness.app.theme = "textual-light"
        await harness.press("escape")
        await harness.until(lambda: harness.app.screen is harness.app.login)
        background = harness.app.login.styles.background
        assert background.hex == harness.app.get_css_variables()["background"]


async def test_idle_tick_lays_nothing_out_and_searches_no_widget(
    tmp_path: Path, work: Counter[str]
) -> None:
    async with chat(tmp_path) as harness:
        harness.app._tick()
        await harness.settle()
        work.clear()
        for _ in range(8):
            harness.app._tick()
        assert not work["walk the widgets"]
        await harness.settle()
        assert not work["lay the screen out"]


async def test_new_latency_is_drawn_without_a_layout(tmp_path: Path, work: Counter[str]) -> None:
    async with chat(tmp_path) as harness:
        harness.session.emit(LatencyMeasured(0.5))
        await harness.until(lambda: "500 ms" in harness.screen_text())
        work.clear()
        harness.session.emit(LatencyMeasured(0.25))
        await harness.until(lambda: "250 ms" in harness.screen_text())
        assert not work["lay the screen out"]


def test_preloading_imports_all_modules_of_a_sign_in_and_then_enables_the_collector() -> None:
    code = """
import asyncio, gc, tempfile
from pathlib import Path
from chat_tui.ui import app, preload

gc.disable()
preload.import_rest()
assert gc.isenabled() and gc.get_freeze_count()
preloaded = set(sys.modules)
from tests.support.app_harness import form, sign_in

async def main():
    async with form(Path(tempfile.mkdtemp())) as harness:
        await sign_in(harness)

asyncio.run(main())
for name in preloaded:
    sys.modules.pop(name, None)
"""
    # The driver of the terminal has been loaded by then.
    late = {name for name in modules_after(code) if not name.startswith("chat_tui.ui.terminal.")}
    assert not {name for name in late if name.startswith(("chat_tui.", "textual.widgets."))}


def test_form_loads_neither_a_text_area_nor_the_chat() -> None:
    loaded = modules_after(
        "from chat_tui.ui import ChatApp\n"
        "from chat_tui.ui.screens import LoginScreen\n"
        "import chat_tui.ui.terminal.cursor, chat_tui.ui.terminal.output\n"
    )
    assert "chat_tui.ui.screens.login" in loaded
    assert not loaded & {
        "textual.widgets._text_area",
        "chat_tui.session.session",
        "chat_tui.ui.controller",
        "chat_tui.ui.screens.chat",
    }
