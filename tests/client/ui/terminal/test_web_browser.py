"""A link is opened outside the terminal, or not at all."""

import sys
from pathlib import Path

import pytest

from chat_tui.ui.terminal.web_browser import browser_command, open_in
from tests.support.wait_until import until


def which(name: str) -> str | None:
    return f"/usr/bin/{name}" if name in ("xdg-open", "wslview", "lynx", "w3m") else None


def test_browser_command_requires_desktop_session() -> None:
    assert browser_command({"TERM": "xterm"}, "linux", which) is None
    assert browser_command({"BROWSER": "lynx"}, "linux", which) is None
    assert browser_command({"DISPLAY": ":0"}, "linux", lambda name: None) is None
    assert browser_command({"DISPLAY": ":0"}, "linux", which) == ["/usr/bin/xdg-open"]
    assert browser_command({"WAYLAND_DISPLAY": "w"}, "linux", which) == ["/usr/bin/xdg-open"]
    assert browser_command({"WSL_DISTRO_NAME": "x"}, "linux", which) == ["/usr/bin/wslview"]
    assert browser_command({}, "darwin", which) == ["open"]


def test_browser_gets_unchanged_link_and_its_output_is_discarded(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    received = tmp_path / "received"
    code = (
        "import sys, os; print('noise'); print('noise', file=sys.stderr); "
        f"open({str(received)!r} + '~', 'w').write(sys.argv[1]); "
        f"os.rename({str(received)!r} + '~', {str(received)!r})"
    )
    target = "https://a.example/?a=1&b=$(touch x);'\""
    open_in([sys.executable, "-c", code], target)
    until(received.exists, "the browser has started")
    assert received.read_text() == target
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("target", ["file:///etc/passwd", "-a", "javascript:x", "ssh://x"])
def test_open_in_rejects_non_http_targets(target: str) -> None:
    with pytest.raises(OSError, match="not a link"):
        open_in([sys.executable, "-c", "raise SystemExit"], target)
