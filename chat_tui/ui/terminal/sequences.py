"""SequenceSplitter: terminal input as characters, whole escape sequences and pastes. No I/O.

A terminal sends three things through one stream: the keys of the user, pastes, and answers to
questions that a program asked, perhaps a program that has ended. A read may end anywhere. The
splitter keeps three rules:

- Only a lone ESC times out, because it is also a key. Every other sequence waits for its rest.
- Strings (OSC, DCS, APC, PM and SOS) are answers and are dropped whole. If the end of a string is
  missing, only the burst of input in which it began is dropped. What the user typed is kept.
- A paste ends at the last end marker of a read. A text that contains such a marker must not press
  keys, Enter among them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Final

from textual.constants import ESCAPE_DELAY

ESC: Final = "\x1b"
PASTE_START: Final = "\x1b[200~"
PASTE_END: Final = "\x1b[201~"

MAX_PASTE: Final = 1024 * 1024
"""Most characters that are kept of a paste; every field accepts less."""

PASTE_TIMEOUT: Final = 2.0
"""Seconds without more input after which a paste without an end counts as complete."""

STRING_TIMEOUT: Final = 2.0
"""Seconds without more input after which a string without an end is dropped."""

LATE_SECONDS: Final = 5.0
"""Seconds after a timeout in which the rest of the sequence is still recognized."""

MAX_HELD: Final = 4096
"""Most characters that are held of an incomplete sequence.

The longest keys carry text from an input method. Of an answer, such as the content of a clipboard,
only the beginning and the end matter.
"""

_MAX_TYPED: Final = 8
"""Most characters that a keyboard sends at once; a longer read is a paste or an answer."""

_BURST_SECONDS: Final = 0.05
"""Input that follows within this time belongs to the same burst: no user typed it by hand."""

_CSI: Final = re.compile(
    r"\x1b\[(?:M[^\x1b]{3}|\[.|\d{1,2}\$|[\x30-\x3f]*[\x20-\x2f]*[\x40-\x4c\x4e-\x5a\x5c-\x7e]|[\x30-\x3f]+M)"
)
_CSI_BEGUN: Final = re.compile(r"\x1b\[(?:\[|M[^\x1b]{0,2}|[\x30-\x3f]*[\x20-\x2f]*)")
_SS3: Final = re.compile(r"\x1bO[0-9;]*[A-Za-z ]")
_SS3_BEGUN: Final = re.compile(r"\x1bO[0-9;]*")
_STRING: Final = re.compile(r"\x1b[\]PX^_]")
_STRING_END: Final = re.compile(r"\x07|\x1b\\|\x1b(?=[^\\])", re.DOTALL)
_CONTROL: Final = re.compile("[\x00-\x06\x08-\x1a\x1c-\x1f\x7f]")

# Keys that begin with ESC. With another ESC before them, they are the same keys with Alt.
_KEY: Final = re.compile(r"\x1b(?:\[[\d;:]*[A-HPQRSZu~a-d^$@]|\[\[[A-E]|O[\d;]*[A-Za-z])")

# Two-character beginnings are keys with Alt, too: Alt+[ and Alt+Shift+O. These follow them.
_COMPLETES_BEGINNING: Final = re.compile(r"\x1b(?:\[[A-FHIMOPQRSZ\[]|O[A-DFHMP-Sa-dj-y])")

# The rest of a sequence whose ESC has timed out, in one read. Nothing that a user types.
_LATE_REST: Final = re.compile(
    r"\[[\d;:<=>?]+[ -/]*[A-Za-z~^$@]|\[(?:[A-DFHIOZ]|\[[A-E])(?:\x1b|\Z)|O[A-DFHP-S](?:\x1b|\Z)"
    r"|\]\d+;|P(?:[01]?[$+]|>\||!\|)|[\]P_^X][^\x1b\x07\x9c]*(?:[\x07\x9c]|\x1b\\)"
)
_LATE_STRING_END: Final = re.compile(r"[^\x00-\x1f\x7f\x9c]*(?:[\x07\x9c]|\x1b\\)|\\\Z")

# C1 control characters that begin a sequence or end a string: SS3, DCS, SOS, CSI, ST, OSC, PM, APC;
# as characters, and as single bytes that a decoder has escaped.
_C1: Final = re.compile("[\x8f\x90\x98\x9b-\x9f\udc8f\udc90\udc98\udc9b-\udc9f]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class PastedText:
    """The text of one paste, at most `MAX_PASTE` characters."""

    text: str


Token = str | PastedText
"""A character, an escape sequence as the terminal sent it, or a paste. ESC alone is the key."""


class SequenceSplitter:
    """A splitter of terminal input. It is not thread-safe: the thread that reads uses it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pending = ""  # an incomplete sequence, which begins with ESC, and what followed it
        self._burst = 0  # how much of `_pending` came in the burst in which it began
        self._newest = 0.0  # the time of the latest input of that burst, or of the paste
        self._pasted: list[str] | None = None  # None: no paste is under way
        self._size = 0
        self._tail = ""  # the last characters of the paste: its end marker may be split
        self._passed = ""  # the last characters passed on: a paste's start may be split anywhere
        self._late = ""  # the beginning of a string, the ESC, or the paste start that timed out
        self._late_until = 0.0

    @property
    def is_waiting(self) -> bool:
        """True if the input so far ends within a sequence or a paste. Then call `tick` soon."""
        return bool(self._pending) or self._pasted is not None

    @property
    def is_pasting(self) -> bool:
        """True within a paste. Then pass on in one piece what the terminal has sent."""
        return self._pasted is not None

    def feed(self, data: str) -> Iterator[Token]:
        """Yield the complete tokens after the input of one read."""
        data = self._after_timeout(data)
        if self._pasted is not None:
            data = yield from self._continue_paste(data)
        data = _with_seven_bits(data)
        if not data:
            return
        if self._pending.strip(ESC):
            is_burst = self._burst == len(self._pending) and (
                len(data) > _MAX_TYPED or self._clock() - self._newest < _BURST_SECONDS
            )
        elif self._pending:
            is_burst = True
        else:
            is_burst = True
            data = yield from self._complete_paste_start(data)
        self._pending += data
        if is_burst:
            self._burst, self._newest = len(self._pending), self._clock()
        yield from self._drain()
        if not is_burst and _is_string(self._pending) and _CONTROL.search(data):
            yield from self._give_up_string()  # the user pressed Enter, for example
        elif len(self._pending) > MAX_HELD:
            # A CSI sequence with "?" is an answer. The last character may be half an end: an ESC.
            begun = self._pending[:3] if _is_string(self._pending) else "\x1b[?"
            self._pending = begun + self._pending[-1]
            self._burst = len(self._pending)

    def tick(self) -> Iterator[Token]:
        """Yield what is complete after some time. Call it after each read and while waiting."""
        waited = self._clock() - self._newest
        if self._pasted is not None:
            if waited >= PASTE_TIMEOUT:
                self._remember_late(PASTE_START)
                paste = self._end_paste(self._tail)
                if paste.text:
                    yield paste
        elif self._pending.strip(ESC) == "":
            if self._pending and waited >= ESCAPE_DELAY:
                keys, self._pending = self._pending, ""
                self._remember_late(ESC)
                yield from map(self._pass_on, keys)
        elif len(self._pending) > 2 and waited >= STRING_TIMEOUT and _is_string(self._pending):
            yield from self._give_up_string()

    def _drain(self) -> Iterator[Token]:
        """Yield the tokens at the beginning of `_pending`, up to an incomplete one."""
        position = 0
        while position < len(self._pending):
            if self._pending[position] != ESC:
                token = self._pending[position]
                position += 1
                yield self._pass_on(token)
                continue
            self._drop(position)
            position = 0
            token, length = _first_sequence(self._pending, self._burst)
            if not length:
                return
            self._drop(length)
            if token == PASTE_START:
                self._begin_paste()
                data, self._pending = self._pending, ""
                self._pending = yield from self._continue_paste(data)
                self._burst = len(self._pending)
            elif token and token != PASTE_END:
                yield self._pass_on(token)
        self._drop(position)

    def _drop(self, length: int) -> None:
        """Forget the first characters. The rest is a burst of its own."""
        if length:
            self._pending = self._pending[length:]
            self._burst, self._newest = len(self._pending), self._clock()

    def _pass_on(self, token: str) -> str:
        self._passed = (self._passed + token)[-len(PASTE_START) :]
        return token

    def _give_up_string(self) -> Iterator[Token]:
        """Drop a string without an end, but read as keys what came after its first burst."""
        first = self._pending[: self._burst]
        self._remember_late(first[:2])
        self._drop(len(first))
        if len(first) == 2:  # a key with Alt is the same
            yield self._pass_on(first)
        yield from self._drain()

    def _remember_late(self, beginning: str) -> None:
        self._late, self._late_until = beginning, self._clock() + LATE_SECONDS

    def _after_timeout(self, data: str) -> str:
        """Return the input without the late rest of a string, and with an ESC that it lacks."""
        late, self._late = self._late, ""
        if not late or self._clock() > self._late_until or not data:
            return data
        if late == PASTE_START:
            if len(data) > _MAX_TYPED and not data.startswith(ESC):
                self._begin_paste()
        elif late == ESC:
            if _LATE_REST.match(data):
                return ESC + data
        elif end := _LATE_STRING_END.match(data):
            return data[end.end() :]
        return data

    # Pastes

    def _complete_paste_start(self, data: str) -> Generator[Token, None, str]:
        """Begin a paste if `data` completes its start, whose beginning was passed on as keys."""
        for cut in range(1, len(PASTE_START)):
            if self._passed.endswith(PASTE_START[:cut]) and data.startswith(PASTE_START[cut:]):
                self._begin_paste()
                return (yield from self._continue_paste(data[len(PASTE_START) - cut :]))
        return data

    def _begin_paste(self) -> None:
        self._pasted, self._size, self._tail, self._passed = [], 0, "", ""
        self._newest = self._clock()

    def _continue_paste(self, data: str) -> Generator[Token, None, str]:
        """Add input to the paste. Return the input after its end."""
        assert self._pasted is not None
        if len(data) > _MAX_TYPED:  # otherwise the user may be pressing keys that have no effect
            self._newest = self._clock()
        seen = self._tail + data
        inside, end, rest = seen.rpartition(PASTE_END)
        if end:
            yield self._end_paste(inside)
            return rest
        self._tail = seen[-len(PASTE_END) :]
        self._keep(seen[: -len(PASTE_END)])
        return ""

    def _keep(self, text: str) -> None:
        assert self._pasted is not None
        self._pasted.append(text[: max(0, MAX_PASTE - self._size)])
        self._size += len(self._pasted[-1])

    def _end_paste(self, rest: str) -> PastedText:
        assert self._pasted is not None
        self._keep(rest)
        text = "".join(self._pasted)
        self._pasted = None
        # Markers inside are part of the pasted text, or of another paste within the same read.
        for part in (PASTE_START, PASTE_END, "\x00"):
            text = text.replace(part, "")
        return PastedText(_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text))


def _with_seven_bits(data: str) -> str:
    """Return `data` with ESC sequences for C1 control characters, except in the text of a paste."""
    before, start, rest = data.partition(PASTE_START)
    inside, end, after = rest.rpartition(PASTE_END)
    if start and not end:
        inside, after = after, ""
    return _C1.sub(_seven_bit, before) + start + inside + end + _C1.sub(_seven_bit, after)


def _seven_bit(match: re.Match[str]) -> str:
    return ESC + chr((ord(match[0]) & 0xFF) - 0x40)


def _is_string(pending: str) -> bool:
    return _STRING.match(pending) is not None


def _first_sequence(pending: str, burst: int) -> tuple[str, int]:
    """Return the sequence at the beginning of `pending`, and how many characters it takes.

    The sequence is "" if it is dropped. The length is 0 if it is incomplete. The first `burst`
    characters came at once.
    """
    second = pending[1:2]
    if pending.startswith(ESC * 3):
        return ESC, 1
    if second == ESC:
        inner, length = _first_sequence(pending[1:], burst - 1)
        if not length and not _is_string(pending[1:]):
            return "", 0
        if _KEY.fullmatch(inner) and inner not in (PASTE_START, PASTE_END):
            return ESC + inner, 1 + length
        return ESC, 1
    if second == "[":
        return _control_sequence(pending, burst, _CSI, _CSI_BEGUN)
    if second == "O":
        return _control_sequence(pending, burst, _SS3, _SS3_BEGUN)
    if _is_string(pending):
        end = _STRING_END.search(pending, 2)
        if end is None:
            return "", 0
        if end[0] != ESC:
            return "", end.end()
        length = min(end.start(), burst)  # another sequence begins: this one has no end
        return (pending[:2] if length == 2 else ""), length
    return pending[:2], len(pending[:2]) if second else 0


def _control_sequence(
    pending: str, burst: int, whole: re.Pattern[str], begun: re.Pattern[str]
) -> tuple[str, int]:
    match = whole.match(pending)
    if match is not None:
        is_typed = burst == 2 and match.end() == 3
        if not is_typed or _COMPLETES_BEGINNING.match(pending):
            return match[0], match.end()
        return pending[:2], 2
    beginning = begun.match(pending)
    assert beginning is not None
    length = beginning.end()
    if length == len(pending):
        return "", 0
    return (pending[:2] if length == 2 else ""), length
