"""Pages of history as a client reads them."""

from __future__ import annotations

from dataclasses import dataclass

from chat_server.wire.history_replies import PageFoot, parse_end_of_history
from chat_server.wire.protocol import (
    Action,
    Message,
    PrivateMessage,
    Reply,
    UnknownLine,
    parse_server_line,
)
from tests.support.wire_client import WireClient


@dataclass(frozen=True)
class ReadPage:
    """A page: its head, the messages in it, the remarks between them, and its foot."""

    head: str
    messages: list[Message | Action | PrivateMessage]
    remarks: list[str]
    foot: PageFoot
    size: int
    """Bytes of all lines."""

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.messages]

    @property
    def stamps(self) -> list[str]:
        return [message.time for message in self.messages]


def read_page(client: WireClient) -> ReadPage:
    """Read one page. Check that nothing but its lines is between its head and its foot."""
    line = client.read_line()
    assert line is not None
    head = parse_server_line(line)
    assert isinstance(head, Reply), f"not the head of a page: {line!r}"
    size = len(line.encode()) + 1
    messages: list[Message | Action | PrivateMessage] = []
    remarks: list[str] = []
    while True:
        line = client.read_line()
        assert line is not None
        size += len(line.encode()) + 1
        match parse_server_line(line):
            case Reply(text):
                foot = parse_end_of_history(text)
                if foot is not None:
                    return ReadPage(head.text, messages, remarks, foot, size)
                assert text.startswith("Not kept: "), f"within a page: {line!r}"
                remarks.append(text)
            case UnknownLine() | PrivateMessage() | Message() | Action() as message:
                assert not isinstance(message, UnknownLine), line
                assert message.past, f"a live message within a page: {line!r}"
                messages.append(message)
            case _:
                raise AssertionError(f"within a page: {line!r}")


def request_page(client: WireClient, command: str) -> ReadPage:
    """Send a command and read the page that it requests."""
    client.send(command)
    return read_page(client)
