"""Wrapping: addresses, paths and indented lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from chat_tui.ui.widgets.log_wrapping import indent_of, wrap


def rows(text: str, width: int) -> list[str]:
    indent = indent_of(text, width)
    return [text[start:end] for start, end in wrap(text, width, indent)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "https://git.example.org/lobby/pull/218/files#diff-7",
            ["https://git.example.org/lobby/pull/218/", "files#diff-7"],
        ),
        (
            "see https://git.example.org/lobby/pull/218/files#diff-7 now",
            ["see https://git.example.org/lobby/pull/", "218/files#diff-7 now"],
        ),
        (
            "https://example.org/search?q=message&language=en&page=2",
            ["https://example.org/search?q=message&", "language=en&page=2"],
        ),
        (
            "see https://git.example.org/a/b fits in one row",
            ["see https://git.example.org/a/b fits in", "one row"],
        ),
        (
            "a word and then https://git.example.org/abc",
            ["a word and then", "https://git.example.org/abc"],
        ),
        (
            "/usr/lib/python3/dist-packages/chat_tui/widgets",
            ["/usr/lib/python3/dist-packages/chat_tui/", "widgets"],
        ),
        (
            "https://example.org/wiki/日本語のページ/とても長い名前のページ",
            ["https://example.org/wiki/日本語のページ/", "とても長い名前のページ"],
        ),
    ],
)
def test_long_address_breaks_after_its_signs(text: str, expected: list[str]) -> None:
    assert rows(text, 40) == expected


def test_scheme_stays_with_its_host() -> None:
    assert rows("https://" + "a" * 30 + "/b", 12)[0] == "https://aaaa"


@pytest.mark.parametrize("letter", ["x", "é", "e\u0301"])
def test_address_wraps_alike_with_and_without_measuring(letter: str) -> None:
    text = f"look at https://example.org/{letter}{letter}/one?two=three&four-five/six {letter}"
    shown = [row.replace(letter, "x") for row in rows(text, 20)]
    assert shown == rows(text.replace(letter, "x"), 20)
    assert all(row[-1] in "/?&-x" or row.endswith("at") for row in shown)


def test_wrapped_rows_of_indented_line_keep_indent() -> None:
    text = "    event.wait(timeout=5) or raise the error of the last attempt"
    assert indent_of(text, 30) == 4
    assert rows(text, 30) == [
        "    event.wait(timeout=5) or",
        "raise the error of the",
        "last attempt",
    ]
    assert indent_of(" " * 40 + "x", 30) == 15
    assert indent_of("\u3000\u3000字" * 20, 30) == 4
    assert indent_of("    ", 30) == indent_of("none", 30) == 0


@given(st.text("ab /?&-:  é漢e\u0301\N{WOMAN}", max_size=60), st.integers(4, 14), st.integers(0, 7))
def test_wrap_loses_only_spaces_with_any_indent(text: str, width: int, indent: int) -> None:
    indent = min(indent, width // 2)
    position = 0
    for number, (start, end) in enumerate(wrap(text, width, indent)):
        assert not text[position:start].strip(" ")
        assert cell_len(text[start:end]) <= width - (indent if number else 0)
        position = end
    assert not text[position:].strip(" ")
