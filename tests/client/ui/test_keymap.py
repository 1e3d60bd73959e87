"""The keys of the settings: which are usable, and why others are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat_tui.config import Configuration
from chat_tui.config.settings import Settings
from chat_tui.ui.keymap import usable_keys


def configured(folder: Path, key: str) -> tuple[dict[str, str], list[str]]:
    """Return the usable keys and the problems if the settings give `jump` this key."""
    settings = Settings(keys={"jump": key})
    usable, problems = usable_keys(Configuration(folder / "config.toml", settings=settings))
    return usable, [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("key", "same"),
    [
        ("ctrl+m", "Enter"),
        ("Ctrl+I", "Tab"),
        ("ctrl+[", "Esc"),
        ("ctrl+h", "Backspace"),
        ("f9, ctrl+m", "Enter"),
        ("alt+ctrl+m", "Enter"),
    ],
)
def test_key_that_a_terminal_sends_for_another_one_is_rejected(
    tmp_path: Path, key: str, same: str
) -> None:
    usable, (problem,) = configured(tmp_path, key)
    assert usable == {}
    assert f"is {same}: a terminal sends the same for both. Choose another key" in problem
    assert key.rpartition(" ")[2] in problem


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("Ctrl+Y", "ctrl+y"),
        ("ctrl+alt+y", "alt+ctrl+y"),
        ("ctrl+]", "ctrl+right_square_bracket"),
        ("alt+/", "alt+slash"),
        ("alt+5", "alt+5"),
    ],
)
def test_key_is_stored_as_the_terminal_reports_it(tmp_path: Path, written: str, key: str) -> None:
    usable, problems = configured(tmp_path, written)
    assert (usable, problems) == ({"jump": key}, [])
