"""PageReader: the lines between the head and the foot of a page, as one value.

A message is past because it is in a page, never because of the form of its time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from chat_server.wire import (
    Action,
    ErrorReply,
    Message,
    PrivateMessage,
    Reply,
    ServerLine,
    history_replies,
)
from chat_tui.events import NotKept

MAX_ENTRIES: Final = 1000
"""Most entries of a page that are kept, above what a server sends: a hostile one may send no
foot."""

PastMessage = Message | Action | PrivateMessage


@dataclass(slots=True)
class Page:
    """A page of past messages, as the server sent it."""

    place: str
    """The room, or the private conversation (`@bob`)."""
    is_search: bool = False
    entries: list[PastMessage | NotKept] = field(default_factory=list)
    earlier: str | None = None
    """The stamp before which there is more."""
    later: str | None = None
    """The stamp after which there is more."""

    def texts(self) -> list[str]:
        """Return the page as lines of text, for the log."""
        name = self.place.removeprefix("@")
        if self.is_search:
            head = history_replies.found_in(name)
        elif self.place == name:
            head = history_replies.history_of(name)
        else:
            head = history_replies.history_with(name)
        foot = history_replies.end_of_history()
        if self.earlier or self.later:
            foot += "; there are more messages"
        return [head, *map(_entry_text, self.entries), foot]


class PageReader:
    """The page that is being received, if any. Between its head and foot no other line comes."""

    def __init__(self) -> None:
        self._page: Page | None = None

    def receive(self, line: ServerLine) -> Page | bool:
        """Return the page that this line completes, else True if it is a part of a page."""
        if isinstance(line, Reply):
            return self._reply(line.text)
        page = self._page
        if page is None:
            return False
        if isinstance(line, Message | Action | PrivateMessage):
            self._add(page, replace(line, past=True))
            return True
        if isinstance(line, ErrorReply):  # not a page of this protocol
            self._page = None
        return False

    def _reply(self, text: str) -> Page | bool:
        if (page := _page_of_head(text)) is not None:
            self._page = page
            return True
        page = self._page
        if page is None:
            return False
        if (foot := history_replies.parse_end_of_history(text)) is not None:
            self._page = None
            page.earlier = _stamp_of(foot.earlier)
            page.later = _stamp_of(foot.later)
            return page
        if (remark := _remark(text)) is not None:
            self._add(page, remark)
            return True
        return False

    def _add(self, page: Page, entry: PastMessage | NotKept) -> None:
        if len(page.entries) < MAX_ENTRIES:
            page.entries.append(entry)


def _page_of_head(text: str) -> Page | None:
    if (room := history_replies.parse_history_of(text)) is not None:
        return Page(room)
    if (user := history_replies.parse_history_with(text)) is not None:
        return Page(f"@{user}")
    if (room := history_replies.parse_found_in(text)) is not None:
        return Page(room, is_search=True)
    return None


def _remark(text: str) -> NotKept | None:
    if (before := history_replies.parse_not_kept_before(text)) is not None:
        return NotKept(before=before)
    count = history_replies.parse_not_kept(text)
    return None if count is None else NotKept(count=count)


def _stamp_of(command: str | None) -> str | None:
    return None if command is None else history_replies.parse_continuation(command)


def _entry_text(entry: PastMessage | NotKept) -> str:
    match entry:
        case Message(time, author, text):
            return f"[{time}] {author}: {text}"
        case Action(time, author, text):
            return f"[{time}] * {author} {text}"
        case PrivateMessage(time, author, recipient, text):
            return f"[{time}] {author} -> {recipient}: {text}"
    if entry.count is not None:
        return history_replies.not_kept(entry.count)
    return history_replies.not_kept_before(entry.before or "")
