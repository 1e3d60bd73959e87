"""The drafts of two windows become one state, and no text of either is lost."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from chat_tui.storage.draft_merge import StoredDraft, merge

NOW = datetime(2026, 11, 22, 21, 3)
ONE, TWO, THREE = ((NOW + timedelta(seconds=n), f"text {n}") for n in range(3))


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "merged"),
    [
        ("a", "a", "a", "a"),
        ("a", "ab", "a", "ab"),  # only this window has typed
        ("a", "a", "ab", "ab"),  # only the other one
        ("a", "a", "", ""),  # the other one has sent it
        ("a", "", "a", ""),  # this one has sent it
        ("a", "ab", "", "ab"),  # sent there, and typed further here
        ("a", "", "ab", "ab"),  # sent here, and typed further there
        ("a", "ab", "abc", "abc"),
        ("a", "abc", "ab", "abc"),
        ("", "mine", "theirs", "theirs\nmine"),
        ("a", "help", "hello", "hello\nhelp"),
        ("mine", "mine!", "theirs\nmine", "theirs\nmine!"),  # merged before
        ("mine", "", "theirs\nmine", "theirs"),  # merged before, and sent here
        ("theirs", "theirs\nmine", "theirs!", "theirs!\nmine"),
        ("a", "/join dev", "a", "/join dev"),
    ],
)
def test_drafts_merge(base: str, mine: str, theirs: str, merged: str) -> None:
    result = merge(StoredDraft(base), StoredDraft(mine), StoredDraft(theirs))
    assert result == (StoredDraft(merged), "")


@pytest.mark.parametrize(("mine", "theirs"), [("/join dev", "text"), ("text", "/join dev")])
def test_command_is_not_joined_with_a_text(mine: str, theirs: str) -> None:
    """A command in several lines would be published as a text."""
    assert merge(StoredDraft(), StoredDraft(mine), StoredDraft(theirs)) == (
        StoredDraft(mine),
        theirs,
    )


def test_unconfirmed_marks_merge() -> None:
    base = StoredDraft("", (ONE, TWO))
    merged, _ = merge(base, StoredDraft("", (TWO,)), StoredDraft("", (ONE, TWO, THREE)))
    assert merged.unconfirmed == (TWO, THREE), "one was settled here, and one was added there"
    merged, _ = merge(base, StoredDraft("", (ONE, TWO, THREE)), StoredDraft("", (TWO,)))
    assert merged.unconfirmed == (TWO, THREE)
    merged, _ = merge(base, StoredDraft("", (ONE, TWO, THREE)), StoredDraft("", (ONE, TWO, THREE)))
    assert merged.unconfirmed == (ONE, TWO, THREE), "the same change in both windows counts once"
