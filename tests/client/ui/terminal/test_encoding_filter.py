"""Terminals that are not UTF-8 get lines of the same width, without a character that they lack."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from chat_tui.ui.terminal.encoding_filter import in_encoding, is_unicode

ENCODINGS = ("ascii", "iso8859-1", "koi8-r", "cp437", "euc_jp", "gb18030", "utf-8")


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("╭─ Help ─╮", "+- Help -+"),
        ("│ ▸ lobby · 3 │", "| > lobby . 3 |"),
        ("● bob ○ carol ◉", "* bob o carol @"),
        ("Müller naïve", "Muller naive"),
        ("日本 ok", "???? ok"),
        ("sending…", "sending."),
    ],
)
def test_ascii_terminal_gets_signs_that_look_alike(text: str, drawn: str) -> None:
    assert in_encoding(text, "ascii") == drawn


def test_encoding_keeps_what_it_has() -> None:
    assert in_encoding("Müller │", "iso8859-1") == "Müller |"
    assert in_encoding("Привет │", "koi8-r") == "Привет │"


@given(st.text(st.characters(exclude_categories=("Cs", "Cc", "Mn", "Me", "Cf", "Zl", "Zp"))))
def test_text_keeps_its_width_and_can_be_encoded(text: str) -> None:
    for encoding in ENCODINGS:
        drawn = in_encoding(text, encoding)
        drawn.encode(encoding)
        assert sum(map(cell_len, drawn)) == sum(map(cell_len, text))


def test_unicode_encodings_are_known() -> None:
    assert is_unicode("utf-8")
    assert is_unicode("gb18030")
    assert not is_unicode("ascii")
    assert not is_unicode("iso8859-15")
