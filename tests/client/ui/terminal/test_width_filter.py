"""Drawn text is as wide as measured in every terminal; text of unambiguous width is kept."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len, get_character_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from chat_tui.ui.terminal.width_filter import MAX_COMBINING_MARKS, WidthFilter, substitute


def drawn_text(text: str) -> str:
    return "".join(piece for piece, _ in substitute(text))


def replaced_pieces(text: str) -> list[str]:
    return [piece for piece, is_itself in substitute(text) if not is_itself]


@pytest.mark.parametrize(
    "text",
    [
        "plain words",
        "Grüße, Привет, Γειά σου, Việt Nam",
        "日本語、한국어！",
        "e\u0301 n\u0303 o\u0302\u0323",
        "😀👍⌚ ❤ ☎ → … ✓ ─│┌",
        "שָׁלוֹם",
        "بّ",
        "ที่นี่",
    ],
)
def test_width_filter_keeps_text_of_unambiguous_width(text: str) -> None:
    assert drawn_text(text) == unicodedata.normalize("NFC", text)
    assert replaced_pieces(text) == []


@pytest.mark.parametrize(
    ("text", "replacement"),
    [
        ("👨‍👩‍👧", "👨"),
        ("👩‍💻", "👩"),
        ("❤️", "❤ "),
        ("❤️‍🔥", "❤ "),
        ("🏳️‍🌈", "🏳 "),
        ("1️⃣", "1 "),
        ("🇩🇪", "DE"),
        ("👍🏽", "👍"),
        ("a" + "\u0300\u0301\u0302\u0303\u0304" * 40, "à\u0301\u0302\u0303"),
        ("नी", "न"),
        ("a\u200db", "▯"),  # no letter is hidden behind another
        ("👨\u200db", "▯▯"),
        ("\U0001fae9", "▯▯"),  # of Unicode 16
        ("☰", "▯▯"),
        ("\ue0b0", "▯"),
        ("\u0600", "▯"),
        ("\U0001f9d1\U0001f3fb\u200d\U0001f91d", "🧑"),
        ("\u00ad", "-"),
    ],
)
def test_width_filter_replaces_text_of_ambiguous_width_with_same_width(
    text: str, replacement: str
) -> None:
    assert (drawn_text(text), replaced_pieces(text)) == (replacement, [replacement])
    assert cell_len(replacement) == cell_len(text)


def test_width_filter_removes_zero_width_text() -> None:
    assert drawn_text("a\u200bb\u2060c\ufeff" + "\u200b" * 4_000) == "abc"
    assert drawn_text("\u0301x\U0001f3fd") == "x"
    assert drawn_text("a\x1b]0;x\x07\x9b\x00\u202eb") == "a]0;xb"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\u200d", ""),
        ("\u200d0", ""),  # measured as 0 cells: the joiner counts as joined to what follows
        ("\u200d👩", ""),
        ("\u200d0x", "x"),
        ("\u200d\u200d0x", "0x"),
        ("\u200d0\u200d1x", "x"),
    ],
)
def test_width_filter_draws_text_after_leading_joiner_as_measured(text: str, expected: str) -> None:
    assert drawn_text(text) == expected
    assert cell_len(expected) == cell_len(text)


def test_width_filter_composes_hangul_jamo() -> None:
    assert drawn_text("\u1112\u1161\u11ab") == "\ud55c"


@example("\u200d0")
@example("\u200d👩")
@example("\u200d\u200d0x")
@given(st.text(st.characters(codec="utf-8") | st.sampled_from("\u200d\ufe0f🏽👩🇩\u0301न\u093fa")))
def test_width_filter_preserves_measured_width_and_removes_joiners_and_controls(text: str) -> None:
    result = drawn_text(text)
    assert cell_len(result) == cell_len(text)
    letters = [c for c in result if unicodedata.category(c) != "Mn"]
    assert sum(map(get_character_cell_size, letters)) == cell_len(text)
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Cn", "Co", "Mc") for c in result)
    assert "M" * (MAX_COMBINING_MARKS + 1) not in "".join(
        "M" if unicodedata.category(c) == "Mn" else "-" for c in result
    )


def test_width_filter_underlines_replaced_text() -> None:
    style = Style(color="red", meta={"offset": (3, 4)})
    line = [Segment("│ "), Segment("a ❤️ b", style), Segment("│")]
    result = WidthFilter().apply(line, Color(0, 0, 0))
    assert [segment.text for segment in result] == ["│ ", "a ", "❤ ", " b", "│"]
    assert [bool(segment.style and segment.style.underline) for segment in result] == [
        *(False, False, True),
        *(False, False),
    ]
    assert sum(segment.cell_length for segment in result) == sum(s.cell_length for s in line)
