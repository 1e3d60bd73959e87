"""The client as a program without a terminal."""

from __future__ import annotations

import subprocess
import sys

from tests.support.wait_until import WAIT_TIMEOUT


def run_client(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the client without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "chat_tui", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WAIT_TIMEOUT,
    )
