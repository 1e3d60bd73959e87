"""Checks after every abuse test: the server is empty, and its log is clean."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

from tests.support.running_server import RunningServer
from tests.support.wait_until import until


def check_log(log: str) -> None:
    """Fail if the log holds an unexpected error, a password or a raw control character."""
    assert "Unexpected" not in log, log
    assert "Traceback" not in log, log
    assert "pw-of-" not in log, "a password is in the log"
    raw = {character for character in log if unicodedata.category(character) == "Cc"} - {"\n"}
    assert not raw, f"control characters are in the log: {raw!r}"


def check_server(server: RunningServer) -> None:
    """Fail if the server, running or stopped, keeps state of clients that have all left.

    Threads and sockets are counted after every test anyway.
    """
    until(
        lambda: not _leftovers(server),
        "no state is left:",
        lambda: ", ".join(_leftovers(server)),
    )
    check_log(server.log.getvalue())


def _leftovers(server: RunningServer) -> list[str]:
    chat = server.server
    hub, delivery = chat._hub._applier.state, chat._delivery
    tables: dict[str, Collection[object]] = {
        "clients": chat._clients.current(),
        "connections of an address": chat._admission._connections._connections,
        "sessions": hub.sessions,
        "rooms": hub.rooms.keys() - {"lobby"},
        "members of the lobby": hub.lobby.members,
        "audiences that keep a session alive": [
            a for a in hub.lobby.recipients_by_author.values() if a
        ],
        "sessions with presence on": hub.watchers,
        "lines to deliver": delivery._queue,
        "tracked outboxes": delivery._flusher._tracked,
        "logins to check": range(chat._services.hash_pool.waiting),
    }
    return [f"{len(table)} {name}" for name, table in tables.items() if table]
