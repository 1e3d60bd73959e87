"""Detection of terminals that accept OSC 52."""

import pytest

from chat_tui.ui.terminal.clipboard import supports_osc_52


@pytest.mark.parametrize(
    ("environment", "is_supported"),
    [
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, True),
        ({"TERM": "xterm-256color", "WT_SESSION": "1"}, True),
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, False),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, False),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/x,1,0"}, False),
        ({}, False),
    ],
)
def test_osc_52_support_is_detected_from_environment(
    environment: dict[str, str], is_supported: bool
) -> None:
    assert supports_osc_52(environment) is is_supported
