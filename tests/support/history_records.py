"""Short forms for records and pages of the history."""

from collections.abc import Sequence

from chat_server.core.records import VisitEnded, VisitStarted
from chat_server.core.values import PrivateMessageSent, PublishedMessages, Subscribed
from chat_server.history import Hole, Page, PageRequest, PastMessage, Reader, Store

DAY = 24 * 60 * 60 * 1_000_000


def said(author: str, stamp: int, *texts: str, room: str = "lobby") -> PublishedMessages:
    return PublishedMessages(room, author, texts or ("text",), stamp)


def sent(
    author: str, recipient: str, stamp: int, text: str = "text", *, is_kept: bool = False
) -> PrivateMessageSent:
    return PrivateMessageSent(author, recipient, text, stamp, is_kept=is_kept)


def entered(user: str, stamp: int, room: str = "lobby", *, is_return: bool = False) -> VisitStarted:
    return VisitStarted(user, room, stamp, is_return)


def left(user: str, stamp: int, room: str = "lobby", *, is_orderly: bool = True) -> VisitEnded:
    return VisitEnded(user, room, stamp, is_orderly)


def followed(user: str, publisher: str) -> Subscribed:
    return Subscribed(user, publisher)


def reads(user: str, *followed: str, room: str = "lobby") -> Reader:
    return Reader(user, room, frozenset(followed))


def shown(page: Page) -> list[int | str]:
    """Return the stamps of the messages, and the holes as text."""
    return [
        f"{entry.count} missing" if isinstance(entry, Hole) else entry.stamp
        for entry in page.entries
    ]


def texts(page: Page) -> list[str]:
    return [entry.text for entry in page.entries if isinstance(entry, PastMessage)]


def room_stamps(store: Store, reader: Reader) -> list[int | str]:
    """Return what the newest page of the reader's room shows."""
    return shown(store.reader.room_page(reader, PageRequest(200)))


def search(store: Store, reader: Reader, words: Sequence[str]) -> Page:
    """Return what a search finds after all messages were added to the index."""
    index(store)
    return store.reader.search(reader, words)


def index(store: Store) -> None:
    """Let searches find everything that is stored."""
    while store.index():
        pass
