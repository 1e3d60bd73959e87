"""What the terminal sends us: keys as Textual reads them, pastes as they were meant.

Textual alone takes an ESC within a paste for the start of a key, and what follows it for keys,
Enter among them: somebody else's text could send itself. It waits without end for the end of a
paste that never comes, deaf to every key, and takes a second for each two megabytes.
"""

from __future__ import annotations

import os
import selectors
import time
from codecs import getincrementaldecoder
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from typing import Final

from textual import events
from textual._xterm_parser import BRACKETED_PASTE_END as END
from textual._xterm_parser import BRACKETED_PASTE_START as START
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

MAX_PASTE: Final = 1024 * 1024
"""Most characters that are kept of a paste; more than anybody takes."""

PASTE_TIMEOUT: Final = 2.0
"""Seconds without more of a paste after which it is taken for ended, though its end never came."""

_MAX_TYPED: Final = 8
"""Most characters that a keyboard sends at once; more of them belong to the paste."""

_POLL_SECONDS: Final = 0.1
"""Seconds between two looks at the clock."""

_READ: Final = 65536


class PasteReader(XTermParser):
    """Takes pastes out of what comes before it is looked at for keys."""

    def __init__(self, debug: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(debug)
        self._clock = clock
        self._passed = ""  # the last characters that were read as keys: a start may be cut in two
        self._pasted: list[str] | None = None  # None: no paste is under way
        self._size = 0
        self._tail = ""  # the last characters of the paste: its end may be cut in two
        self._newest = 0.0  # when more of the paste came
        self._given_up = False  # the end never came; more of it may come yet

    def feed(self, data: str) -> Iterable[Message]:
        """Take what came; the keys and pastes in it. Empty: it was the last."""
        if not data:
            yield from self._end_paste()
            yield from super().feed(data)
            return
        if self._given_up:
            self._given_up = False
            if len(data) > _MAX_TYPED and not data.startswith("\x1b"):
                self._begin_paste()
        while data:
            if self._pasted is None:
                before, data = self._split_at_paste(data)
                if before:
                    self._passed = (self._passed + before)[-len(START) :]
                    yield from filter(_is_not_empty_paste, super().feed(before))
            else:
                data = yield from self._continue_paste(data)

    def tick(self) -> Iterable[Message]:
        """Time has passed: a lone ESC is a key then, and a paste without an end is over."""
        if self._pasted is not None and self._clock() - self._newest >= PASTE_TIMEOUT:
            yield from self._end_paste()
            self._given_up = True
        for message in super().tick():
            self._passed = ""
            yield message

    def _split_at_paste(self, data: str) -> tuple[str, str]:
        """What comes before a paste, and what is in it and behind it; the paste is begun."""
        for cut in range(1, len(START)):
            if self._passed.endswith(START[:cut]) and data.startswith(START[cut:]):
                # Its first part was read already: it gets its start and, at once, its end.
                self._begin_paste()
                return START[cut:] + END, data[len(START) - cut :]
        before, start, rest = data.partition(START)
        if start:
            self._begin_paste()
        return before, rest

    def _begin_paste(self) -> None:
        self._pasted, self._size, self._tail, self._passed = [], 0, "", ""
        self._newest = self._clock()

    def _continue_paste(self, data: str) -> Generator[Message, None, str]:
        """Take more of the paste; returns what is behind it."""
        assert self._pasted is not None
        if len(data) > _MAX_TYPED:  # else it may be somebody who wonders why no key does anything
            self._newest = self._clock()
        seen = self._tail + data
        inside, end, rest = seen.partition(END)
        kept = inside if end else seen[: -len(END)]
        self._tail = "" if end else seen[-len(END) :]
        self._pasted.append(kept[: max(0, MAX_PASTE - self._size)])
        self._size += len(self._pasted[-1])
        if end:
            yield from self._end_paste()
        return rest

    def _end_paste(self) -> Iterator[Message]:
        if self._pasted is not None:
            text = "".join([*self._pasted, self._tail])
            self._pasted = None
            yield events.Paste(text.replace("\x00", ""))


class TerminalDriver(LinuxDriver):
    """Textual's driver with our reader of what comes from the keyboard."""

    def run_input_thread(self) -> None:
        """Read what comes until the terminal is given back. In a thread of its own."""
        reader = PasteReader(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)

            def read_ready() -> None:
                if selector.select(_POLL_SECONDS):
                    data = os.read(self.fileno, _READ)
                    if not data:
                        self.exit_event.wait(_POLL_SECONDS)  # the file has ended: no more will come
                    for message in reader.feed(decode(data)) if data else ():
                        self.process_message(message)
                for message in reader.tick():
                    self.process_message(message)

            with suppress(OSError):  # the terminal is gone: whoever waits for that ends the client
                while not self.exit_event.is_set():
                    read_ready()
                read_ready()  # what the terminal still answers is not for the shell


def _is_not_empty_paste(message: Message) -> bool:
    return not (isinstance(message, events.Paste) and not message.text)
