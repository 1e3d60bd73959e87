"""InputParser: Textual's messages from the input of a terminal. No I/O."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Final

from textual import constants, events, messages
from textual._xterm_parser import IS_ITERM, XTermParser
from textual.message import Message

from chat_tui.ui.terminal.keys import key_events
from chat_tui.ui.terminal.sequences import ESC, PastedText, SequenceSplitter, Token

_MOUSE: Final = re.compile(r"\x1b\[<\d{1,6};-?\d{1,6};-?\d{1,6}[Mm]")
# The position of the cursor. "CSI 1;2R" to "CSI 1;8R" are F3 with Shift, Alt or Ctrl.
_CURSOR: Final = re.compile(r"\x1b\[(?!1;[2-8]R)\d*;\d*R")
_MODE: Final = re.compile(r"\x1b\[\?(\d{1,6});(\d)\$y")
_SIZE: Final = re.compile(r"\x1b\[48" + r";(\d{1,6})(?:[:\d]*)" * 4 + "t")

_MAX_CELLS: Final = 1_000_000
"""Most cells of a terminal. It would take minutes to lay out a larger screen."""

_FOCUS: Final[dict[str, type[Message]]] = {
    "\x1b[I": events.AppFocus,
    "\x1b[O": events.AppBlur,
}


class InputParser:
    """A parser of terminal input in place of Textual's. The thread that reads uses it.

    Textual's parser types the answers of a terminal as text, takes a sequence that arrives in two
    parts for keys, and ends with the first sequence that it cannot read.
    """

    def __init__(
        self,
        report_error: Callable[[Exception], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`report_error` is called with a bug: it costs one key, and the rest is read."""
        self._report_error = report_error
        self._clock = clock
        self._splitter = SequenceSplitter(clock)
        self._textual = XTermParser()  # its mouse parser remembers the last position

    @property
    def is_waiting(self) -> bool:
        """True if the input so far ends within a sequence or a paste. Then call `tick` soon."""
        return self._splitter.is_waiting

    @property
    def is_pasting(self) -> bool:
        """True within a paste. Then feed in one piece what the terminal has sent."""
        return self._splitter.is_pasting

    def feed(self, data: str) -> Iterator[Message]:
        """Yield the messages of what is complete after the input of one read."""
        yield from self._messages_of(self._splitter.feed(data))

    def tick(self) -> Iterator[Message]:
        """Yield what is complete after some time. Call it after each read and while waiting."""
        yield from self._messages_of(self._splitter.tick())

    def _messages_of(self, tokens: Iterator[Token]) -> Iterator[Message]:
        while True:
            try:
                token = next(tokens, None)
            except Exception as error:
                self._splitter = SequenceSplitter(self._clock)
                self._report_error(error)
                return
            if token is None:
                return
            try:
                found = list(self._messages(token))
            except Exception as error:
                self._report_error(error)
            else:
                yield from found

    def _messages(self, token: Token) -> Iterator[Message]:
        if isinstance(token, PastedText):
            yield events.Paste(token.text)
        elif len(token) == 1 or token[0] != ESC:
            yield from key_events(token)
        elif (focus := _FOCUS.get(token)) is not None:
            yield focus()
        elif _MOUSE.fullmatch(token):
            mouse = self._textual.parse_mouse_code(token)
            if mouse is not None:
                yield mouse
        elif (size := _SIZE.fullmatch(token)) is not None:
            yield from self._resized(*map(int, size.groups()))
        elif (mode := _MODE.fullmatch(token)) is not None:
            yield from _mode_report(mode[1], int(mode[2]))
        elif not _CURSOR.fullmatch(token):
            yield from key_events(token)

    def _resized(
        self, height: int, width: int, pixel_height: int, pixel_width: int
    ) -> Iterator[Message]:
        if not 0 < height * width <= _MAX_CELLS:
            return
        event = events.Resize.from_dimensions((width, height), (pixel_width, pixel_height))
        self._textual.terminal_size = event.size
        self._textual.terminal_pixel_size = event.pixel_size
        self._textual.mouse_pixels = bool(pixel_height and pixel_width)
        yield event


def _mode_report(mode: str, setting: int) -> Iterator[Message]:
    if mode == "2026" and setting > 0:
        yield messages.TerminalSupportsSynchronizedOutput()
    elif mode == "2048" and constants.SMOOTH_SCROLL and not IS_ITERM:
        yield messages.InBandWindowResize.from_setting_parameter(setting)
