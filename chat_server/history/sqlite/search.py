"""Search for words in a room, with the index of words. Runs in a reader's transaction."""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Sequence
from typing import Final

from chat_server.config import HistoryFrom
from chat_server.history.sqlite import erased_authors
from chat_server.history.sqlite.visibility import condition, visibility
from chat_server.history.store import (
    MAX_PAGE_BYTES,
    MAX_SEARCH_HITS,
    MAX_SEARCH_WORDS,
    line_bytes,
)
from chat_server.history.values import Page, PastMessage, Reader

_MAX_INDEXED_AUTHORS: Final = 64
"""Up to this many authors are looked up in the index, which skips the messages of others. More
authors have written more of the messages, so few are skipped in vain."""


def search(
    connection: sqlite3.Connection, reader: Reader, words: Sequence[str], start: HistoryFrom
) -> Page:
    """Return the newest messages of the reader's room that contain all words."""
    view = visibility(connection, reader, reader.room, start)
    authors = view.readable
    wanted = [word for word in words if _is_indexed(word)][:MAX_SEARCH_WORDS]
    if view.room is None or not wanted or authors == frozenset():
        return Page()
    terms = [f"{{text}} : {_quoted(word)}" for word in wanted]
    # The room and the author are in the index, too. Otherwise a word that every room uses would be
    # read to its end to find the few messages of a small room.
    terms.append(f'{{scope}} : "r{view.room}"')
    if authors is not None and len(authors) <= _MAX_INDEXED_AUTHORS:
        terms.append("{scope} : (" + " OR ".join(f'"a{each}"' for each in sorted(authors)) + ")")
    rows = connection.execute(
        "SELECT message.stamp, account.name, message.text, message.is_action FROM search_index"
        " CROSS JOIN message ON message.id = search_index.rowid"
        " CROSS JOIN account ON account.id = message.author"
        f" WHERE search_index MATCH ? AND message.stamp >= ? AND {condition(authors)}"
        f" AND {erased_authors.condition(view.erased, 'message.id')}"
        " ORDER BY search_index.rowid DESC LIMIT ?",
        (" AND ".join(terms), view.floor, MAX_SEARCH_HITS),
    )
    found: list[PastMessage] = []
    size = 0
    for stamp, author, text, is_action in rows:
        message = PastMessage(stamp, author, text, bool(is_action))
        size += line_bytes(message)
        if found and size > MAX_PAGE_BYTES:
            break
        found.append(message)
    return Page(tuple(reversed(found)))


def _is_indexed(word: str) -> bool:
    """Return True if the index has a part of the word: letters, digits, private characters."""
    return any(unicodedata.category(char)[0] in "LN" or _is_private(char) for char in word)


def _is_private(char: str) -> bool:
    return unicodedata.category(char) == "Co"


def _quoted(word: str) -> str:
    """Return a string of the query language. Nothing in it has a meaning but the word."""
    return '"' + word.replace("\0", " ").replace('"', '""') + '"'
