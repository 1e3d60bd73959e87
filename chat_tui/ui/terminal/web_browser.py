"""Opening a link in a graphical browser. A text browser would draw over the chat."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from threading import Thread


def browser_command(
    environment: Mapping[str, str],
    platform: str = sys.platform,
    which: Callable[[str], str | None] = shutil.which,
) -> list[str] | None:
    """Return the command that opens a link, which is appended as the last argument; None: none."""
    if platform == "darwin":
        return ["open"]
    if platform == "win32":
        return ["rundll32", "url.dll,FileProtocolHandler"]
    names = []
    if "WSL_DISTRO_NAME" in environment:
        names.append("wslview")
    if "DISPLAY" in environment or "WAYLAND_DISPLAY" in environment:
        names += ["xdg-open", "gio"]
    for name in names:
        if path := which(name):
            return [path, "open"] if name == "gio" else [path]
    return None


def open_in(command: list[str], target: str) -> None:
    """Open an http or https link and return at once. Raises `OSError` if that fails.

    The output of the program does not reach the terminal, and the program outlives the client.
    """
    if not target.lower().startswith(("http://", "https://")):
        raise OSError(f"not a link: {target}")
    process = subprocess.Popen(
        [*command, target],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # A thread waits for the process, or it would stay as a zombie.
    Thread(target=process.wait, name="browser", daemon=True).start()
