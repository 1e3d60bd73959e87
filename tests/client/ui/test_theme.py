"""Colours have contrast in every theme and are never the only signal."""

from pathlib import Path

import pytest
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from chat_server.wire.protocol import Message
from chat_tui.config import Configuration
from chat_tui.config.settings import Settings
from chat_tui.events import MessageArrived, MessagePending
from chat_tui.launch import LaunchOptions
from chat_tui.model.author_hues import HUES, author_hue
from chat_tui.ui.theme import DARK, LIGHT, author_variables
from chat_tui.ui.widgets.message_log import MessageLog
from tests.support.app_harness import AppHarness, app_with, chat

THEMES = [DARK, LIGHT, *BUILTIN_THEMES.values()]


def contrast(one: Color, other: Color) -> float:
    """Return the contrast ratio of WCAG 2. Text of normal size needs 4.5."""

    def luminance(color: Color) -> float:
        parts = [part / 255 for part in (color.r, color.g, color.b)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [t for t in THEMES if not t.ansi], ids=lambda theme: theme.name)
def test_author_colours_have_contrast_in_every_theme(theme: Theme) -> None:
    colors = theme.to_color_system().generate()
    background = Color.parse(colors["background"])
    for hue in author_variables(theme).values():
        assert contrast(Color.parse(hue), background) >= 4.5


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_own_themes_have_sufficient_contrast(theme: Theme) -> None:
    colors = theme.to_color_system().generate()
    for ground in ("background", "panel", "surface"):
        for text in ("foreground", "accent", "error", "warning", "success"):
            found = contrast(Color.parse(colors[text]), Color.parse(colors[ground]))
            assert found >= 4.5, (text, ground, found)


def test_author_hue_is_stable_and_all_hues_are_used() -> None:
    assert [author_hue(name) for name in ("alice", "bob", "carol")] == [
        author_hue(n) for n in ("alice", "bob", "carol")
    ]
    assert {author_hue(f"user{number}") for number in range(100)} == set(range(HUES))


async def test_every_theme_renders_chat(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await harness.receive("bob", "hello")
        for theme in THEMES:
            harness.app.theme = theme.name
            await harness.settle()
            assert "hello" in harness.screen_text()


async def test_login_form_uses_default_theme(tmp_path: Path) -> None:
    app, _ = app_with(tmp_path)
    async with app.run_test():
        assert app.screen.styles.background == Color.parse(DARK.background)


async def test_theme_change_repaints_existing_messages(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await harness.receive("bob", "hello")
        log = harness.app.chat.query_one(MessageLog)
        for theme in (LIGHT, DARK):
            harness.app.theme = theme.name
            await harness.settle()
            style = next(part.style for part in log.render_line(1) if part.text == "bob")
            hue = author_variables(theme)[f"author-{author_hue('bob')}"]
            assert style
            assert style.color
            assert style.color.get_truecolor().hex == hue


async def test_no_color_keeps_every_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with chat(tmp_path, follows=("bob",)) as harness:
        assert harness.app.no_color
        harness.session.emit(
            MessageArrived("lobby", Message("21:03:00", "bob", "hello")),
            MessagePending(1, "lobby", "hi"),
        )
        await harness.settle()
        shown = harness.screen_text()
        for text in ("▸ lobby", "● bob", "○ carol", "sending…", "● connected", "(you)"):
            assert text in shown
        colors = {
            color
            for strip in harness.app.screen._compositor.render_strips()
            for segment in strip
            if segment.style
            for color in (segment.style.color, segment.style.bgcolor)
            if color
        }
        assert colors == set()
        assert "".join(await _reversed_after(harness, "escape")).strip() in {"M", "MM"}
        assert "▸ lobby" in await _reversed_after(harness, "f2")
        assert "everyone" in " ".join(await _reversed_after(harness, "f3"))
        await harness.press("escape", "ctrl+k")
        await harness.until(lambda: "room:" in harness.screen_text(), "the palette has entries")
        assert any("room:" in text for text in await _reversed_after(harness))
        await harness.press("escape")
        await harness.until(lambda: "Esc Close" not in harness.screen_text(), "it is closed")
        x, y = harness.app.cursor_position
        row = harness.app.screen._compositor.render_strips()[y]
        (cursor,) = row.crop(x, x + 1)
        assert cursor.style
        assert cursor.style.reverse, "the cursor is not visible"


async def _reversed_after(harness: AppHarness, *keys: str) -> list[str]:
    """Press keys. Return the texts that are drawn reversed."""
    await harness.press(*keys)
    await harness.settle()
    strips = harness.app.screen._compositor.render_strips()
    return [part.text for strip in strips for part in strip if part.style and part.style.reverse]


@pytest.mark.parametrize("theme", ["ansi-dark", "ansi-light"])
async def test_ansi_themes_use_terminal_colours_and_show_focus(tmp_path: Path, theme: str) -> None:
    async with chat(tmp_path, follows=("bob",)) as harness:
        harness.app.theme = theme
        await harness.receive("bob", "hello")
        await harness.press("f2")
        strips = harness.app.screen._compositor.render_strips()
        styles = [segment.style for strip in strips for segment in strip if segment.text.strip()]
        colors = [c for style in styles if style for c in (style.color, style.bgcolor) if c]
        assert colors
        assert all(color.number is None or color.number < 16 for color in colors)
        assert not any(color.triplet for color in colors)
        here = next(
            segment.style
            for strip in strips
            for segment in strip
            if segment.text.startswith("▸ lobby")
        )
        assert here
        assert here.bgcolor
        assert not here.bgcolor.is_default


@pytest.mark.parametrize(
    ("wanted", "drawn"),
    [("lobby-dark", "ansi-dark"), ("lobby-light", "ansi-light"), ("nord", "nord")],
)
async def test_sixteen_colour_terminal_gets_ansi_theme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str, drawn: str
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("COLORTERM", raising=False)
    own = Configuration(tmp_path / "config.toml", settings=Settings(theme=wanted))
    app, _ = app_with(tmp_path, LaunchOptions("127.0.0.1", 9000, "alice", configuration=own))
    async with app.run_test():
        assert app.theme == drawn
