"""The grammar of the wire, without I/O: bytes in, values out; values in, bytes out.

Everything here is a pure function of its arguments, or, for `LineBuffer`, of the bytes fed so far,
and may be called from any thread. Section numbers are those of docs/protocol.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

CLIENT_LINE_LIMIT: Final = 4096
"""Longest line a client may send, in bytes with its LF (section 1)."""

SERVER_LINE_LIMIT: Final = 4352
"""Longest line a server sends, in bytes with its LF: a client's line, a time and a name."""

CLIENT_RECEIVE_LIMIT: Final = 65536
"""Longest line a client takes from any server, in bytes with its LF."""

LIST_LINE_LIMIT: Final = 1000
"""A list goes on over another line above this many bytes, without the LF."""

MAX_NAME_LENGTH: Final = 32
"""Most code points in a name of a user or a room, after NFC (section 3)."""

MAX_ECHO_LENGTH: Final = 64
"""A name or command word that is echoed is cut after this many characters."""

EVERYONE: Final = "*"
"""Subscribing to this is subscribing to every publisher but oneself."""

LOBBY: Final = "lobby"
"""The room everyone is in who is in no other."""

REPLY_MARK: Final = "[SERVER] "
ERROR_MARK: Final = "[ERROR] "

# U+001C to U+001F are no white space in Unicode, though str.rstrip() takes them for it: a password
# that ends in one is a wrong password, not a right one with something to trim.
_WHITE_SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)

# Lone surrogates never come out of strict UTF-8; a client may get them from a paste.
_CONTROLS: Final = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)

_RESERVED_NAMES: Final = frozenset({"none", "server", "error"})

_CLOCK = r"\d\d:\d\d:\d\d"
_INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d"
_MESSAGE_PATTERN: Final = re.compile(
    rf"\[(?:(?P<clock>{_CLOCK})|(?P<instant>{_INSTANT}))\] "
    r"(?:\* (?P<actor>[^ ]+) (?P<deed>.*)"
    r"|(?P<sender>[^ :]+) -> (?P<recipient>[^ :]+): (?P<secret>.*)"
    r"|(?P<author>[^ :]+): (?P<text>.*))",
    re.DOTALL,
)


class LineTooLongError(ValueError):
    """A line that `CLIENT_LINE_LIMIT` does not admit; `size` is its length in bytes with the LF."""

    def __init__(self, size: int) -> None:
        super().__init__(f"line of {size} bytes, limit {CLIENT_LINE_LIMIT}")
        self.size = size


class OversizeLine:
    """The type of `OVERSIZE`, which stands in the place of a line that was too long."""


OVERSIZE: Final = OversizeLine()


class LineBuffer:
    """Cuts a stream of bytes into lines at LF and nowhere else, in bounded memory.

    Holds at most `limit` bytes between two calls. Used by the one thread that reads the stream.
    """

    __slots__ = ("_limit", "_partial", "_skipping")

    def __init__(self, limit: int) -> None:
        """`limit`: the longest line in bytes, with its LF."""
        self._limit = limit - 1
        self._partial = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes | OversizeLine]:
        """Take what came and return the lines that it completes, without their LF.

        `OVERSIZE` stands for a line over the limit: once a line, as soon as the limit is passed;
        the rest of that line is thrown away up to its LF.
        """
        if self._skipping:
            end = data.find(b"\n")
            if end < 0:
                return []
            data = data[end + 1 :]
            self._skipping = False
        lines: list[bytes | OversizeLine] = []
        lines += (self._partial + data).split(b"\n")
        rest = lines.pop()
        assert isinstance(rest, bytes)
        longest = self._limit
        for index, line in enumerate(lines):
            if len(line) > longest:  # type: ignore[arg-type]  # only bytes so far
                lines[index] = OVERSIZE
        if len(rest) > longest:
            lines.append(OVERSIZE)
            rest = b""
            self._skipping = True
        self._partial = rest
        return lines

    def finish(self) -> list[bytes]:
        """The stream has ended: what came after the last LF counts as a last line (section 1)."""
        rest, self._partial = self._partial, b""
        return [rest] if rest else []


def decode_line(raw: bytes) -> str:
    """A client's line as text, the white space at its end removed (so CR LF ends a line too).

    Raises `UnicodeDecodeError` where it is not UTF-8.
    """
    return raw.decode("utf-8").rstrip(_WHITE_SPACE)


def clean(text: str) -> str:
    """`text` without the control characters that section 1 keeps off everybody's terminal.

    Those are C0 but TAB, DEL, C1, U+2028, U+2029 and the bidi overrides, embeddings and isolates.
    """
    return text if text.isprintable() else _CONTROLS.sub("", text)


def published_form(text: str) -> str:
    """The server's form of a message: cleaned, without white space at its end.

    Empty where the server would ignore it. Applying it twice changes nothing, so a client that
    sends this form gets exactly this text back as its echo (section 4).
    """
    return clean(text).rstrip(_WHITE_SPACE)


def echoed(word: str) -> str:
    """A name or command word as it may stand in an answer: cleaned, cut after 64 characters."""
    return clean(word)[:MAX_ECHO_LENGTH]


def canonical_name(text: str) -> str | None:
    """The name of a room or a user in its one form (NFC), or None where `text` is no name.

    A name is 1 to 32 letters, marks, digits, `_`, `-` or `.` of any script; `none`, `server` and
    `error` are nobody's in any case (section 3).
    """
    if (
        len(text) > 8 * MAX_NAME_LENGTH
    ):  # no 33 code points of NFC come from so many: spare the work
        return None
    name = unicodedata.normalize("NFC", text)
    if not 1 <= len(name) <= MAX_NAME_LENGTH or name.casefold() in _RESERVED_NAMES:
        return None
    if name.isascii() and name.isalnum():
        return name
    return name if all(map(_is_name_character, name)) else None


def _is_name_character(character: str) -> bool:
    if character in "_-.":
        return True
    category = unicodedata.category(character)
    return category[0] in "LM" or category == "Nd"


@dataclass(frozen=True, slots=True)
class Command:
    """A line that begins with one `/`: its first word, slash and all, and the words after it."""

    word: str
    arguments: tuple[str, ...]
    line: str = field(default="", compare=False)
    """The whole of it, for commands that end in a text."""

    def text_after(self, count: int) -> str:
        """What follows the first `count` words and the spaces behind them, as it was typed."""
        rest = self.line
        for _ in range(count):
            rest = rest.lstrip(" ").partition(" ")[2]
        return rest.lstrip(" ")


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line that its sender wants published, before cleaning."""

    text: str


def split_words(line: str) -> list[str]:
    """The words of a line: separated by spaces (U+0020) alone, however many."""
    return [word for word in line.split(" ") if word]


def parse_client_line(line: str) -> Command | TextLine | None:
    """What a decoded line asks for; None for a line of nothing but white space.

    Only a `/` as the very first character makes a command; `//text` is the text `/text`.
    """
    if not line:
        return None
    if line[0] != "/":
        return TextLine(line)
    if line.startswith("//"):
        return TextLine(line[1:])
    first, *rest = split_words(line)
    return Command(first, tuple(rest), line)


def encode_line(line: str) -> bytes:
    """A client's line with its LF. Raises `LineTooLongError` above `CLIENT_LINE_LIMIT` bytes."""
    data = line.encode("utf-8", "replace") + b"\n"
    if len(data) > CLIENT_LINE_LIMIT:
        raise LineTooLongError(len(data))
    return data


def encode_message(text: str) -> bytes:
    """The client's line that publishes `text`: a `/` at its start is doubled.

    Raises `LineTooLongError` above `CLIENT_LINE_LIMIT` bytes.
    """
    return encode_line("/" + text if text.startswith("/") else text)


def encode_replies(texts: Sequence[str]) -> bytes:
    """Replies or notices of the server, one line each."""
    return "".join(f"{REPLY_MARK}{text}\n" for text in texts).encode()


def encode_error(text: str) -> bytes:
    """An error of the server, as its line."""
    return f"{ERROR_MARK}{text}\n".encode()


def encode_live_messages(clock: str, author: str, texts: Sequence[str]) -> bytes:
    """The lines of messages that one author published within one second.

    `clock` is the server's local time as `HH:MM:SS`. One join and one encode for a whole run.
    """
    head = f"[{clock}] {author}: "
    return (head + f"\n{head}".join(texts) + "\n").encode()


def encode_actions(clock: str, author: str, actions: Sequence[str]) -> bytes:
    """The lines of what one author did within one second; see `encode_live_messages`."""
    head = f"[{clock}] * {author} "
    return (head + f"\n{head}".join(actions) + "\n").encode()


def encode_private(clock: str, author: str, recipient: str, text: str) -> bytes:
    """The line of a message from one to one."""
    return f"[{clock}] {author} -> {recipient}: {text}\n".encode()


@dataclass(frozen=True, slots=True)
class Reply:
    """`[SERVER] <text>`: a reply or a notice."""

    text: str


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """`[ERROR] <text>`."""

    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """Somebody's words. `time` is as it stood in the brackets; `past` where that was ISO 8601."""

    time: str
    author: str
    text: str
    past: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """Somebody's deed (section 4): `* <author> <text>`."""

    time: str
    author: str
    text: str
    past: bool = False


@dataclass(frozen=True, slots=True)
class PrivateMessage:
    """Words from one to one (section 4): `<author> -> <recipient>: <text>`."""

    time: str
    author: str
    recipient: str
    text: str
    past: bool = False


@dataclass(frozen=True, slots=True)
class UnknownLine:
    """A line of no kind that this page knows; shown as it is."""

    text: str


ServerLine = Reply | ErrorReply | Message | Action | PrivateMessage | UnknownLine


def parse_server_line(line: str) -> ServerLine:
    """Tell the kind of a server's line by its start alone (section 1). Never raises."""
    if line.startswith(REPLY_MARK):
        return Reply(line[len(REPLY_MARK) :])
    if line.startswith(ERROR_MARK):
        return ErrorReply(line[len(ERROR_MARK) :])
    match = _MESSAGE_PATTERN.fullmatch(line)
    if match is None:
        return UnknownLine(line)
    past = match["instant"] is not None
    time = match["instant"] if past else match["clock"]
    if match["actor"] is not None:
        return Action(time, match["actor"], match["deed"], past)
    if match["sender"] is not None:
        return PrivateMessage(time, match["sender"], match["recipient"], match["secret"], past)
    return Message(time, match["author"], match["text"], past)
