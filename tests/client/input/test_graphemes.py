"""The boundaries of grapheme clusters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_tui.input.graphemes import cluster_ceil, cluster_floor, snap_to_cluster
from tests.support.clusters import CLUSTERS


@pytest.mark.parametrize("cluster", CLUSTERS)
@pytest.mark.parametrize(("before", "after"), [("", ""), ("a", "b"), ("日", "日"), ("🇫🇷", "🇫🇷")])
def test_cluster_is_not_split(cluster: str, before: str, after: str) -> None:
    text = before + cluster + after
    start, end = len(before), len(before) + len(cluster)
    for index in range(start + 1, end):
        assert cluster_floor(text, index) == start
        assert cluster_ceil(text, index) == end
        assert snap_to_cluster(text, index, 0) == end
        assert snap_to_cluster(text, index, len(text)) == start
    for index in (start, end):
        assert cluster_floor(text, index) == cluster_ceil(text, index) == index


@given(st.text(), st.integers(-5, 30))
def test_result_is_within_the_text_and_stable(text: str, index: int) -> None:
    low, high = cluster_floor(text, index), cluster_ceil(text, index)
    assert 0 <= low <= high <= len(text)
    assert cluster_floor(text, low) == low
    assert cluster_ceil(text, high) == high
