"""Past messages of the headless modes: pages of the history as lines of text or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

from chat_server.wire import Action, Message, PrivateMessage, history_replies
from chat_tui import events
from chat_tui.events import Event, HistoryPage, NotKept
from chat_tui.model import Entry, EntryKind
from chat_tui.sanitize import safe_name, safe_text

PastMessage = Message | Action | PrivateMessage


class PageFeed:
    """The pages that the session has received, for the job that prints them."""

    def __init__(self) -> None:
        self._pages: list[HistoryPage] = []
        self._stamps: set[tuple[str, str]] = set()
        self.failures: list[events.HistoryRequestFailed] = []
        """The failures since they were read last. The reader removes them."""
        self.caught_up: set[str] = set()
        """The places whose logs are complete. The reader removes them."""

    def handle(self, event: Event) -> None:
        """Take an event of the session, before the model."""
        match event:
            case HistoryPage():
                self._pages.append(event)
                self._stamps.update(
                    (event.location, entry.time)
                    for entry in event.entries
                    if not isinstance(entry, NotKept)
                )
            case events.HistoryRequestFailed():
                self.failures.append(event)
            case events.CaughtUp(location):
                self.caught_up.add(location)

    def take(self) -> list[HistoryPage]:
        """Return the pages since the last call, in their order."""
        taken, self._pages = self._pages, []
        return taken

    def live(self, entries: list[tuple[str, Entry]]) -> Iterator[tuple[str, Entry]]:
        """Yield the new entries of the logs that did not come in a page since the last call."""
        stamps, self._stamps = self._stamps, set()
        for location, entry in entries:
            if entry.kind is EntryKind.GAP and entry.stamp == "" and stamps:
                continue  # a remark of the page
            if (location, entry.stamp) not in stamps:
                yield location, entry


def past_line(message: PastMessage, user: str) -> str:
    """Return a past message as a line with its date, in local time of the client."""
    author = safe_name(message.author)
    author = f"{author} (you)" if author == user else author
    when = f"[{_local(message.time):%Y-%m-%d %H:%M:%S}]"
    text = safe_text(message.text)
    match message:
        case Action():
            return f"{when} * {author} {text}"
        case PrivateMessage(recipient=recipient):
            return f"{when} {author} -> {safe_name(recipient)}: {text}"
    return f"{when} {author}: {text}"


def not_kept_text(remark: NotKept) -> str:
    """Return a remark about messages that the server does not have."""
    if remark.count is not None:
        return history_replies.not_kept(remark.count)
    return history_replies.not_kept_before(safe_text(remark.before or ""))


def past_json(room: str, message: PastMessage) -> str:
    """Return a past message as JSON: see `json_line`."""
    kind = "action" if isinstance(message, Action) else "message"
    return _json(
        message.time, _local(message.time), room, message.author, message.text, kind, past=True
    )


def live_json(room: str, entry: Entry) -> str:
    """Return a live message as JSON, with the same keys as `past_json`."""
    kind = "action" if entry.kind is EntryKind.ACTION else "message"
    time = entry.timestamp.astimezone()
    return _json(entry.stamp or None, time, room, entry.author, entry.text, kind, past=False)


def _json(
    stamp: str | None, time: datetime, room: str, author: str, text: str, kind: str, *, past: bool
) -> str:
    return json.dumps(
        {
            "stamp": stamp,
            "time": time.isoformat(timespec="seconds"),
            "room": room,
            "author": safe_name(author),
            "text": safe_text(text),
            "kind": kind,
            "past": past,
        },
        ensure_ascii=False,
    )


def _local(stamp: str) -> datetime:
    try:
        return datetime.fromisoformat(stamp).astimezone()
    except (ValueError, OverflowError):
        return datetime.now().astimezone()
