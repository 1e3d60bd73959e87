"""The complete history of rooms, read from a node with its own commands."""

from __future__ import annotations

from collections.abc import Iterable

from chat_server.wire import replies
from tests.abuse.catch_up_client import BEGINNING, STAMPED, ReadMessage
from tests.support.wire_client import WireClient

_NOTICES = {
    f"[SERVER] {each}" for each in (replies.SERVERS_DISCONNECTED, replies.SERVERS_CONNECTED)
}
_FOOT = "[SERVER] End of history"


def read_histories(client: WireClient, rooms: Iterable[str]) -> dict[str, list[ReadMessage]]:
    """Return everything that a node has kept of each room, by all authors but the reader.

    `client` is logged in, in the lobby. It ends in the lobby, and follows everyone.
    """
    assert _request(client, "/subscribe *") == "[SERVER] Subscribed to *"
    histories = {}
    for room in rooms:
        if room != "lobby":
            assert _request(client, f"/join {room}") == f"[SERVER] Joined room '{room}'"
        histories[room] = [
            message
            for page in _pages(client, f"/history after {BEGINNING} 200")
            for message in _messages(page)
        ]
        if room != "lobby":
            assert _request(client, "/leave") == "[SERVER] Joined room 'lobby'"
    return histories


def _request(client: WireClient, line: str) -> str:
    """Return the reply, which may come behind notices about the other servers."""
    reply: str | None = client.request(line)
    while reply in _NOTICES:
        reply = client.read_line()
    assert reply is not None
    return reply


def _pages(client: WireClient, question: str) -> Iterable[list[str]]:
    """Yield the lines of each page without its head and foot."""
    while question:
        head = _request(client, question)
        assert head.startswith("[SERVER] History of "), head
        lines: list[str] = []
        while not lines or not lines[-1].startswith(_FOOT):
            line = client.read_line()
            assert line is not None
            lines.append(line)
        question = lines[-1].partition("; later: ")[2]
        yield lines[:-1]


def _messages(lines: list[str]) -> Iterable[ReadMessage]:
    for line in lines:
        match = STAMPED.fullmatch(line)
        assert match is not None, f"in a page: {line!r}"
        yield ReadMessage(match[1], match[2] or match[3], match[4])
