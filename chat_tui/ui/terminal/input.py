"""Terminal input: keys as Textual parses them, and pastes taken out before that.

Textual's parser has three faults with pastes. It takes an ESC within a paste for the start of a
key, and what follows for keys, Enter among them: a text that a peer wrote could send itself when it
is pasted. If the end of a paste is missing, it waits for ever and ignores every key. It takes a
second for each two megabytes.
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
"""Most characters that are kept of a paste; every field accepts less."""

PASTE_TIMEOUT: Final = 2.0
"""Seconds without more input after which a paste without an end counts as complete."""

_MAX_TYPED: Final = 8
"""Most characters that a keyboard sends at once; a longer read belongs to the paste."""

_POLL_SECONDS: Final = 0.1
"""Seconds between two ticks of the parser."""

_READ_BYTES: Final = 65536


class PasteReader(XTermParser):
    """Parser of terminal input that takes pastes out before it parses keys."""

    def __init__(self, debug: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(debug)
        self._clock = clock
        # The last characters that were parsed as keys: the start of a paste may be split.
        self._passed = ""
        self._pasted: list[str] | None = None  # None: no paste is under way
        self._size = 0
        self._tail = ""  # the last characters of the paste: its end marker may be split
        self._newest = 0.0  # the time of the latest input of the paste
        self._timed_out = False  # the paste ended without its marker; more of it may come

    def feed(self, data: str) -> Iterable[Message]:
        """Yield the keys and pastes in the input `data`. An empty `data` ends the input."""
        if not data:
            yield from self._end_paste()
            yield from super().feed(data)
            return
        if self._timed_out:
            self._timed_out = False
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
        """Yield what is complete after some time: a lone ESC as a key, a paste that timed out."""
        if self._pasted is not None and self._clock() - self._newest >= PASTE_TIMEOUT:
            yield from self._end_paste()
            self._timed_out = True
        for message in super().tick():
            self._passed = ""
            yield message

    def _split_at_paste(self, data: str) -> tuple[str, str]:
        """Return the input before a paste, and the rest; begin the paste if there is one."""
        for cut in range(1, len(START)):
            if self._passed.endswith(START[:cut]) and data.startswith(START[cut:]):
                # Textual has parsed the first part of the start marker already: complete the
                # marker for it, and end that paste at once.
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
        """Add input to the paste. Return the input after its end."""
        assert self._pasted is not None
        if len(data) > _MAX_TYPED:  # otherwise the user may be pressing keys that have no effect
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
    """Textual's driver with `PasteReader` as the parser of its input."""

    def run_input_thread(self) -> None:
        """Read input until the driver stops. Textual calls it in a thread of its own."""
        reader = PasteReader(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)

            def read_ready() -> None:
                if selector.select(_POLL_SECONDS):
                    data = os.read(self.fileno, _READ_BYTES)
                    if not data:
                        self.exit_event.wait(_POLL_SECONDS)  # end of file: do not spin
                    for message in reader.feed(decode(data)) if data else ():
                        self.process_message(message)
                for message in reader.tick():
                    self.process_message(message)

            with suppress(OSError):  # the terminal has hung up: `exit_on_hangup` ends the client
                while not self.exit_event.is_set():
                    read_ready()
                read_ready()  # late answers of the terminal must not reach the shell


def _is_not_empty_paste(message: Message) -> bool:
    return not (isinstance(message, events.Paste) and not message.text)
