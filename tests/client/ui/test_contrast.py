"""The contrast of every text that is drawn, in both themes, and no emoji in the interface."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from chat_server.wire.protocol import Action, Message
from chat_tui.events import (
    AnnouncementReceived,
    ConnectionChanged,
    ConnectionState,
    HistoryGap,
    HistoryPage,
    HistoryRequestFailed,
    LogNotice,
    MessageArrived,
    MessagePending,
    MessageRejected,
    MessageUnconfirmed,
    PageKind,
    PersonJoined,
    RoomsListed,
)
from chat_tui.ui.screens.link import LinkScreen
from chat_tui.ui.theme import DARK, LIGHT
from chat_tui.ui.widgets.message_log import MessageLog
from tests.support.app_harness import AppHarness, chat, form
from tests.support.fake_session import at
from tests.support.project import PROJECT

MIN_CONTRAST = 4.5
"""WCAG 2.2, level AA."""

# Lines, borders, blocks and scrollbars are not text.
DECORATION = re.compile(r"[\s\u2500-\u259f]*")


def luminance(color: Color) -> float:
    parts = [part / 255 for part in color.rgb]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(style: Style) -> float:
    assert style.color
    assert style.bgcolor
    text, ground = Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor)
    if style.reverse:
        text, ground = ground, text
    if style.dim:
        text = ground.blend(text, 0.5)
    darker, lighter = sorted((luminance(text), luminance(ground)))
    return (lighter + 0.05) / (darker + 0.05)


def drawn_text(harness: AppHarness) -> Iterator[Segment]:
    """Yield the drawn texts of the screen; of a dialog, without the dimmed screen below."""
    screen = harness.app.screen
    dialog = [node.region for node in screen.children if node.display]
    for y, strip in enumerate(screen._compositor.render_strips()):
        x = 0
        for segment in strip:
            start, x = x, x + segment.cell_length
            inside = any(
                part.x <= start and x <= part.right and part.y <= y < part.bottom for part in dialog
            )
            if inside and DECORATION.fullmatch(segment.text) is None:
                yield segment


class Checker:
    """Collects the texts with too little contrast in every state that a test brings about."""

    def __init__(self, harness: AppHarness) -> None:
        self._harness = harness
        self._weak: dict[str, str] = {}
        self.states = 0

    async def check(self, state: str) -> None:
        await self._harness.settle()
        self.states += 1
        for segment in drawn_text(self._harness):
            assert segment.style, segment
            if (found := contrast(segment.style)) < MIN_CONTRAST:
                key = f"{state}: {segment.style.color} on {segment.style.bgcolor}"
                self._weak.setdefault(key, f"{segment.text.strip()[:40]!r} {found:.2f}")

    def finish(self) -> None:
        assert self.states
        assert not self._weak


async def fill(harness: AppHarness) -> None:
    """Bring about every kind and state of an entry, and every author's colour."""
    harness.session.emit(
        RoomsListed((("lobby", 5), ("dev", 12), ("ops", 1))),
        LogNotice("Subscriptions: none", "reply"),
        LogNotice("No such user", "error"),
        LogNotice("a notice", "notice"),
        PersonJoined("erin", "lobby"),
        MessageArrived("lobby", Action("21:03:00", "bob", "waves")),
        MessageArrived("dev", Message("21:03:00", "bob", "unread elsewhere")),
        HistoryGap(at("20:00:00"), at("21:02:00")),
        AnnouncementReceived("dave", "back at noon"),
        MessagePending(1, "lobby", "on its way"),
        MessagePending(2, "lobby", "lost"),
        MessageUnconfirmed(2),
        MessagePending(3, "lobby", "refused"),
        MessageRejected(3),
    )
    await harness.receive("bob", "hey alice, see https://a.example/x hello")
    for number in range(14):
        await harness.receive(f"user{number}", "hello")
    harness.app.app_focus = False
    await harness.receive("carol", "unseen")
    harness.app.app_focus = True


@pytest.mark.parametrize("theme", [DARK.name, LIGHT.name])
async def test_every_text_of_the_chat_has_contrast(tmp_path: Path, theme: str) -> None:
    async with chat(tmp_path, size=(120, 36), follows=("bob",)) as harness:
        harness.app.theme = theme
        checker, log = Checker(harness), harness.app.chat.query_one(MessageLog)
        await checker.check("empty log")
        await fill(harness)
        await checker.check("log")
        await harness.press("ctrl+f", *"hello")
        await checker.check("search")
        await harness.press("escape", "f2")
        await checker.check("list of rooms")
        await harness.press("f3", "down")
        await checker.check("list of people")
        await harness.press("escape")
        log.focus()
        await harness.press("up", "up")
        await checker.check("cursor")
        await harness.press("escape", *"/jo", "tab")
        await checker.check("completions")
        await harness.press("escape", "shift+home")
        await checker.check("selected text in the composer")
        for severity in ("information", "warning", "error"):
            harness.app.notify("A notice.", severity=severity)
        await checker.check("notices")
        harness.app.clear_notifications()
        region = log.region
        await harness.pilot.mouse_down(offset=(region.x + 20, region.y + 1))
        await harness.pilot.hover(offset=(region.right - 9, region.bottom - 2))
        await harness.pilot.mouse_up(offset=(region.right - 9, region.bottom - 2))
        await checker.check("selection")
        log.scroll_home(animate=False)
        await checker.check("scrolled up")
        await harness.receive("carol", "new below")
        await checker.check("new below")
        past = Message(
            "2026-11-22T20:00:00.000000+00:00", "bob", "see https://a.example/y", past=True
        )
        harness.session.emit(HistoryPage("lobby", PageKind.FIRST, (past,), earlier=past.time))
        log.scroll_home(animate=False)
        await checker.check("past messages")
        harness.session.emit(HistoryRequestFailed("lobby", PageKind.EARLIER, "not now"))
        await checker.check("past messages not loaded")
        harness.session.emit(ConnectionChanged(ConnectionState.WAITING, "broken", 4.0))
        await checker.check("connection lost")
        checker.finish()


@pytest.mark.parametrize("theme", [DARK.name, LIGHT.name])
async def test_every_text_of_the_dialogs_has_contrast(tmp_path: Path, theme: str) -> None:
    async with chat(tmp_path, size=(100, 30)) as harness:
        harness.app.theme = theme
        checker = Checker(harness)
        await fill(harness)
        for key in ("f1", "f6", "ctrl+p", "ctrl+k"):
            await harness.press(key)
            await harness.until(lambda: len(harness.app.screen_stack) > 1)
            await checker.check(key)
            await harness.press("escape")
            await harness.until(lambda: len(harness.app.screen_stack) == 1)
        harness.app.chat.query_one(MessageLog).action_open_link()
        await harness.until(lambda: isinstance(harness.app.screen, LinkScreen))
        for _ in range(3):
            await checker.check("link")
            await harness.press("tab")
        await harness.press("escape")
        harness.app.chat.action_change_password()
        for _ in range(5):
            await checker.check("change of password")
            await harness.press("tab")
        checker.finish()


@pytest.mark.parametrize("theme", [DARK.name, LIGHT.name])
async def test_every_text_of_the_login_form_has_contrast(tmp_path: Path, theme: str) -> None:
    async with form(tmp_path) as harness:
        harness.app.theme = theme
        checker = Checker(harness)
        for _ in range(8):
            await checker.check("form")
            await harness.press("tab")
        await harness.press(*"xyz", "shift+home")
        await checker.check("selected text")
        harness.app.login.show_message("User or password is wrong.")
        await checker.check("error")
        checker.finish()


# Characters that terminals draw as pictures: by Unicode's table of emoji, or because of U+FE0F.
EMOJI = re.compile(
    "[\u231a\u231b\u23e9-\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693\u26a1\u26aa\u26ab"
    "\u26bd\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u270a\u270b\u2728"
    "\u274c\u274e\u2753-\u2755\u2757\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55\ufe0f"
    "\U0001f000-\U0001faff]"
)


def interface_texts() -> Iterator[tuple[Path, int, str]]:
    """Yield the strings of the client's and the server's code, apart from docs and patterns."""
    for package in ("chat_tui", "chat_server"):
        for path in sorted((PROJECT / package).rglob("*.py")):
            tree = ast.parse(path.read_text("utf-8"))
            documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
            docstrings = {
                ast.get_docstring(node, clean=False)
                for node in ast.walk(tree)
                if isinstance(node, documented)
            }
            patterns = {
                id(part)
                for node in ast.walk(tree)
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "re.compile"
                for part in ast.walk(node)
            }
            for node in ast.walk(tree):
                if not isinstance(node, ast.Constant) or id(node) in patterns:
                    continue
                if isinstance(node.value, str) and node.value not in docstrings:
                    yield path, node.lineno, node.value


def test_interface_has_no_emoji() -> None:
    texts = list(interface_texts())
    assert len(texts) > 1_000
    assert [(path.name, line, text) for path, line, text in texts if EMOJI.search(text)] == []
