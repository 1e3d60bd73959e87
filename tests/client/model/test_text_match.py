"""Folded text: what is equal for a reader, and where it is in the original."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_tui.model.text_match import FoldedText, fold


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("JOSÉ", "jose\u0301"),
        ("한국", "\u1112\u1161\u11ab\u1100\u116e\u11a8"),
        ("red build", "red\u00a0build"),
        ("red build", "red\u3000build"),
        ("STRASSE", "straße"),
        ("ａｌｉｃｅ", "alice"),
        ("が", "か\u3099"),
        ("ガ", "ｶﾞ"),
        ("\u1e69", "s\u0307\u0323"),
    ],
)
def test_texts_that_look_alike_are_folded_to_the_same(one: str, other: str) -> None:
    assert fold(one) == fold(other)
    assert FoldedText(one).text == FoldedText(other).text == fold(one)


def test_span_of_folded_text_is_that_of_whole_characters() -> None:
    folded = FoldedText("see Jose\u0301 and straße")
    start = folded.text.index("josé")
    assert folded.span(start, start + 4) == (4, 9)
    start = folded.text.index("ss")
    assert folded.span(start, start + 1) == (18, 19)
    assert folded.span(0, 3) == (0, 3)


@given(st.text(max_size=30))
def test_folding_is_idempotent_and_spans_cover_the_original(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    folded = FoldedText(text)
    if folded.text:
        start, end = folded.span(0, len(folded.text))
        assert 0 <= start < end <= len(text)
