"""PageRequests: the pages that were requested on one connection, and for what."""

from __future__ import annotations

from dataclasses import dataclass, field

from chat_server.wire import LineTooLongError
from chat_tui.events import NotKept, PageKind
from chat_tui.input import make_command
from chat_tui.protocol.catch_up import CatchUp, Step
from chat_tui.protocol.page_reader import PastMessage
from chat_tui.protocol.pending_requests import Request, RequestOrigin, make_request
from chat_tui.protocol.send_queue import SendQueue


@dataclass(slots=True)
class Around:
    """The two pages around a message."""

    entries: list[PastMessage | NotKept] = field(default_factory=list)
    earlier: str | None = None
    is_failed: bool = False


@dataclass(slots=True)
class PageRequest:
    """A page that was requested."""

    request: Request
    place: str
    kind: PageKind
    catch_up: CatchUp | None = None
    step: Step | None = None
    around: Around | None = None
    is_second: bool = False
    """True for the page after the message in the middle."""


class PageRequests:
    """The requests for pages that are not answered yet."""

    def __init__(self, sender: SendQueue) -> None:
        self._sender = sender
        self._open: list[PageRequest] = []

    def ask(
        self,
        place: str,
        kind: PageKind,
        *words: str,
        now: float,
        catch_up: CatchUp | None = None,
        step: Step | None = None,
        around: Around | None = None,
        is_second: bool = False,
    ) -> bool:
        """Request a page of a room or conversation. Return False if the line is too long.

        `words`: the arguments of `/history`, without `with <user>`.
        """
        partner = ("with", place[1:]) if place.startswith("@") else ()
        request = make_request(make_command("/history", *partner, *words), RequestOrigin.INTERNAL)
        return self._send(PageRequest(request, place, kind, catch_up, step, around, is_second), now)

    def search(self, room: str, words: str, now: float) -> bool:
        """Search the room that the user is in. Return False if that is not possible."""
        if not self._sender.capabilities.history_search or not words.strip():
            return False
        request = make_request(make_command("/search", *words.split(" ")), RequestOrigin.INTERNAL)
        return self._send(PageRequest(request, room, PageKind.FOUND), now)

    def take(self, request: Request | None) -> PageRequest | None:
        """Remove and return what was requested by `request`, None if it requested no page."""
        for index, asked in enumerate(self._open):
            if asked.request is request:
                return self._open.pop(index)
        return None

    def _send(self, asked: PageRequest, now: float) -> bool:
        asked.request.subject = asked.place
        try:
            self._sender.send(asked.request, now)
        except LineTooLongError:
            return False
        self._open.append(asked)
        return True
