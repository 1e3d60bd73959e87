"""Many clients that all ask for a page of history at the same moment.

A program of its own: `python -m benchmarks.page_storm PORT CLIENTS FIRST`. Its users are the ones
from the number FIRST on. It writes `ready` once all of them are in a room with history. For each
line of its standard input all ask at once, and it writes a line of JSON when all pages are
complete: the seconds until the last one, and how many messages a page had.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from collections.abc import Callable
from typing import Final

from benchmarks.accounts import PASSWORD, user_name

ROOM: Final = "storm"
PAGE: Final = 100
PUBLISHED: Final = 3 * PAGE
_TEXT: Final = "x" * 100
_FOOT: Final = b"[SERVER] End of history"
_TIMEOUT: Final = 60.0
_AT_ONCE: Final = 64
"""Clients that log in at the same time."""


class Asker:
    """One connection. It keeps what it has read since the last request."""

    def __init__(self, port: int, number: int, selector: selectors.BaseSelector) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), _TIMEOUT)
        self.received = b""
        self.name = user_name(number)
        selector.register(self._socket, selectors.EVENT_READ, self)
        self.send(f"LOGIN {self.name} {PASSWORD.decode()}")

    def send(self, *lines: str) -> None:
        self._socket.sendall("".join(f"{line}\n" for line in lines).encode())

    def read(self) -> None:
        data = self._socket.recv(1 << 18)
        if not data:
            raise SystemExit(f"the server closed a connection: {self.received[-200:]!r}")
        self.received += data


class Storm:
    """All clients, in one thread."""

    def __init__(self, port: int, clients: int, first: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._askers: list[Asker] = []
        author = Asker(port, first, self._selector)
        author.send(f"/join {ROOM}", *[_TEXT] * PUBLISHED, "/subs")
        self._wait([author], lambda asker: b"Subscriptions: " in asker.received)
        for begin in range(1, clients + 1, _AT_ONCE):
            group = [
                Asker(port, first + number, self._selector)
                for number in range(begin, min(begin + _AT_ONCE, clients + 1))
            ]
            for asker in group:
                asker.send(f"/subscribe {author.name}", f"/join {ROOM}")
            self._wait(group, lambda asker: b"Joined room" in asker.received)
            self._askers += group

    def ask(self) -> dict[str, float]:
        """Let all ask. Return when all have their pages."""
        for asker in self._askers:
            asker.received = b""
        began = time.monotonic()
        for asker in self._askers:
            asker.send(f"/history {PAGE}")
        self._wait(self._askers, _has_page)
        seconds = time.monotonic() - began
        lines = [asker.received.count(b"\n") for asker in self._askers]
        return {"seconds": seconds, "least": min(lines) - 2, "most": max(lines) - 2}

    def _wait(self, askers: list[Asker], is_done: Callable[[Asker], bool]) -> None:
        waiting = set(askers)
        deadline = time.monotonic() + _TIMEOUT
        while waiting:
            if time.monotonic() > deadline:
                raise SystemExit(f"{len(waiting)} clients wait: {waiting.pop().received[-200:]!r}")
            for key, _ in self._selector.select(1.0):
                asker = key.data
                assert isinstance(asker, Asker)
                asker.read()
                if is_done(asker):
                    waiting.discard(asker)


def _has_page(asker: Asker) -> bool:
    return asker.received.endswith(b"\n") and _FOOT in asker.received[-200:]


def main() -> None:
    """Connect, then ask for each line of standard input."""
    port, clients, first = map(int, sys.argv[1:])
    storm = Storm(port, clients, first)
    print("ready", flush=True)
    for _ in sys.stdin:
        print(json.dumps(storm.ask()), flush=True)


if __name__ == "__main__":
    main()
