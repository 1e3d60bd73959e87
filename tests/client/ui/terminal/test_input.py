"""Terminal input: a paste is text whatever it contains, is complete, and always ends."""

from __future__ import annotations

import pytest
from textual import events

from chat_tui.ui.terminal.input import MAX_PASTE, PASTE_TIMEOUT, PasteReader

START, END = "\x1b[200~", "\x1b[201~"


class KeyboardHarness:
    """A `PasteReader` with a fake clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self._reader = PasteReader(clock=lambda: self.now)

    def sends(self, *chunks: str) -> list[str]:
        """Return what is read from the chunks: keys by name, pastes in quotes."""
        return [_name(message) for chunk in chunks for message in self._reader.feed(chunk)]

    def after(self, seconds: float) -> list[str]:
        self.now += seconds
        return [_name(message) for message in self._reader.tick()]


def _name(message: object) -> str:
    if isinstance(message, events.Paste):
        return repr(message.text)
    assert isinstance(message, events.Key)
    return message.key


@pytest.mark.parametrize("hostile", ["\x1b", "\x1b[A", "\x1b]0;x\x07", "\x1b[200~", "\x1bOP"])
def test_paste_content_is_never_read_as_keys(hostile: str) -> None:
    text = f"hello {hostile} and then\rmore text, longer than any key could be\r/quit\r"
    assert KeyboardHarness().sends(f"a{START}{text}{END}b") == ["a", repr(text), "b"]


def test_paste_is_reassembled_from_any_split() -> None:
    whole = f"a{START}one\rtwo{END}b{START}{END}c"
    expected = ["a", repr("one\rtwo"), "b", "''", "c"]
    for first in range(1, len(whole)):
        assert KeyboardHarness().sends(whole[:first], whole[first:]) == expected, first
    assert KeyboardHarness().sends(*whole) == expected


def test_keys_are_read_outside_paste() -> None:
    keyboard = KeyboardHarness()
    assert keyboard.sends("a", "\x1b[A", "é", "\r", "\x1bOP") == ["a", "up", "é", "enter", "f1"]
    assert keyboard.sends("\x1b[", "B") == ["down"]


def test_unterminated_paste_times_out() -> None:
    keyboard = KeyboardHarness()
    assert keyboard.sends(START + "some text that was pasted\r") == []
    assert keyboard.after(PASTE_TIMEOUT / 2) == []
    assert keyboard.sends("?") == [], "a key during the paste"
    assert keyboard.after(PASTE_TIMEOUT / 2) == [repr("some text that was pasted\r?")]
    assert keyboard.sends("x", "\r") == ["x", "enter"]
    keyboard.sends(START + "some text that was pasted ")
    assert keyboard.after(PASTE_TIMEOUT) == [repr("some text that was pasted ")]
    late = "and came late\rover a slow line\r"
    assert keyboard.sends(late, END, "x") == [repr(late), "x"], "late text was read as keys"


def test_huge_paste_is_bounded() -> None:
    keyboard = KeyboardHarness()
    piece = "x" * 60_000
    assert keyboard.sends(START, *[piece] * 200) == []
    (pasted,) = keyboard.sends(END)
    assert len(pasted) <= MAX_PASTE + 10
