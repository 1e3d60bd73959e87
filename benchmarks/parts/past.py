"""Pages and searches in a long past: CPU time of a request, and the size of the file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from benchmarks.bench import Bench, Part
from benchmarks.errors import BenchmarkError
from benchmarks.servers import LOBBY
from chat_server.core.values import PublishedMessages
from chat_server.history import Page, PageRequest, Reader, Store
from chat_server.history.sqlite import SqliteStore

SIZES: Final = (10_000, 1_000_000)
PAGE: Final = 100
TEXT_BYTES: Final = 100
ROOM: Final = "bench"
SMALL_ROOM: Final = "small"
SMALL: Final = 1_000
"""Messages of the small room, from the same authors, before all others."""

AUTHORS: Final = 20
RUN: Final = 20
"""Messages of one author in a row."""

BATCH: Final = 100
"""Runs that are stored in one transaction."""

FIRST_STAMP: Final = 1_700_000_000_000_000
EVERY: Final = "every"
"""A word in every message of the large room."""
COMMON: Final = "common"
"""A word in one of ten messages."""
RARE: Final = "rare"
"""A word in one message, the oldest one."""

WORDS: Final = 5_000
PAGES: Final = 20
"""Requests of each kind in a repetition. The figure is their mean."""

SEARCHED: Final = 3
"""Searches for each word in a repetition."""

PAGES_OF: Final = ("newest", "before", "after")
"""The kinds of pages, as measures."""

NOBODY: Final = "nobody"
"""A measure, and the author that the reader of that page follows: it has never published."""

SEARCHES: Final = {
    "in one message": (RARE, ROOM, "*"),
    "in every tenth message": (COMMON, ROOM, "*"),
    "in every message": (EVERY, ROOM, "*"),
    "in every message of another room": (EVERY, SMALL_ROOM, "*"),
    "in every message, by authors that are not followed": (EVERY, ROOM, NOBODY),
    "in no message": ("absent", ROOM, "*"),
}
"""The word, the room of the reader and the reader's subscription, by the words' place."""

FOUND: Final = {"in one message": 1, "in every tenth message": 20, "in every message": 20}
"""How many messages these searches return: without an index they would find nothing, fast."""


def scenario(size: int) -> str:
    """Return the scenario name of a number of messages."""
    return f"past/{size}"


def _measure(bench: Bench) -> None:
    stores: dict[int, Store] = {}
    try:
        for size in SIZES:
            bench.progress.step(f"storing {size:,} messages")
            file = bench.folder / f"past-{size}.db"
            _fill(file, size)
            if size == SIZES[-1]:
                bytes_each = file.stat().st_size / (size + SMALL)
                bench.figures.add("past-file", LOBBY.name, "bytes_each", bytes_each)
            stores[size] = SqliteStore(file)
        for _ in bench.repetitions():
            for size, store in stores.items():
                for name, milliseconds in _time_pages(store, size):
                    bench.figures.add(scenario(size), LOBBY.name, name, milliseconds)
            for name, milliseconds in _time_searches(stores[SIZES[-1]]):
                bench.figures.add("past-search", LOBBY.name, name, milliseconds)
    finally:
        for store in stores.values():
            store.close()


def _fill(file: Path, size: int) -> None:
    """Store messages as a server does. All of them are in the file and in its index afterwards."""
    store = SqliteStore(file)
    try:
        store.start({NOBODY: None})
        runs: list[PublishedMessages] = []
        for run in _runs(size):
            runs.append(run)
            if len(runs) == BATCH:
                store.apply(runs)
                runs = []
        if runs:
            store.apply(runs)
        while not store.is_indexed:
            store.index()
    finally:
        store.close()


def _runs(size: int) -> Iterator[PublishedMessages]:
    chance = Random(1)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(WORDS)]
    filler = [" ".join(chance.choices(words, k=20)) for _ in range(5_000)]
    stamp = FIRST_STAMP
    for number in range(0, size + SMALL, RUN):
        is_small = number < SMALL
        texts: list[str] = []
        for text in chance.choices(filler, k=RUN):
            first = "small" if is_small else EVERY
            if number + len(texts) == SMALL:
                first += f" {RARE}"
            if chance.random() < 0.1:
                first += f" {COMMON}"
            texts.append(f"{first} {text}"[:TEXT_BYTES])
        author = f"author{number // RUN % AUTHORS}"
        yield PublishedMessages(SMALL_ROOM if is_small else ROOM, author, tuple(texts), stamp)
        stamp += RUN * 1_000


def _time_pages(store: Store, size: int) -> Iterator[tuple[str, float]]:
    reader = Reader("reader", ROOM, frozenset({"*"}))
    middle = FIRST_STAMP + size // 2 * 1_000
    requests = (
        PageRequest(PAGE),
        PageRequest(PAGE, before=middle),
        PageRequest(PAGE, after=middle, newest=False),
    )
    for name, request in zip(PAGES_OF, requests, strict=True):
        yield name, _cpu_milliseconds(partial(store.reader.room_page, reader, request), PAGE)
    # The bound on the messages that a page looks at, and not the size of the log, limits this one.
    stranger = Reader("reader", ROOM, frozenset({NOBODY}))
    page = partial(store.reader.room_page, stranger, PageRequest(PAGE))
    yield NOBODY, _cpu_milliseconds(page)


def _time_searches(store: Store) -> Iterator[tuple[str, float]]:
    for name, (word, room, subscription) in SEARCHES.items():
        reader = Reader("reader", room, frozenset({subscription}))
        search = partial(store.reader.search, reader, [word])
        yield name, _cpu_milliseconds(search, FOUND.get(name), times=SEARCHED)


def _cpu_milliseconds(
    request: Callable[[], Page], expected: int | None = None, times: int = PAGES
) -> float:
    """Return the mean CPU time of a request. `expected`: how many messages it has to return."""
    began = time.thread_time()
    for _ in range(times):
        page = request()
        if expected is not None and len(page.entries) != expected:
            raise BenchmarkError(f"a page has {len(page.entries)} messages, not {expected}")
    return (time.thread_time() - began) / times * 1000


PART: Final = Part("past", "Pages and searches in a million messages", _measure, 25, 2)
