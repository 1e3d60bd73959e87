"""Reading of pages of past messages from the wire."""

from __future__ import annotations

import re

from tests.support.wait_until import until
from tests.support.wire_client import WireClient

UNAVAILABLE = "[ERROR] History is not available now; try again"
STAMP = r"\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d\]"


def read_page(client: WireClient, command: str = "/history") -> list[str]:
    """Return the messages of a page as `author: text`, and its other lines as they are.

    Skips live messages before it.
    """
    client.send(command)
    while not (head := client.read_line() or "").startswith("[SERVER] History "):
        assert re.match(r"\[\d\d:\d\d:\d\d\] ", head), head
    lines = []
    while not (line := client.read_line() or "").startswith("[SERVER] End of history"):
        lines.append(re.sub(f"^{STAMP} ", "", line))
    return lines


def page_once_available(client: WireClient) -> list[str]:
    """Return a page, as soon as the history answers with one."""
    pages: list[list[str]] = []

    def is_available() -> bool:
        client.send("/history")
        line = client.read_line()
        if line == UNAVAILABLE:
            return False
        lines = []
        while not (line := client.read_line() or "").startswith("[SERVER] End of history"):
            lines.append(re.sub(f"^{STAMP} ", "", line))
        pages.append(lines)
        return True

    until(is_available, "a page")
    return pages[0]
