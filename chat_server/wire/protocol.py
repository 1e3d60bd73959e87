"""The grammar of the wire, without I/O: bytes in, values out, and values in, bytes out.

Every function here is pure. A `LineBuffer` depends only on the bytes fed so far. Any thread may
call all of it. Section numbers refer to docs/protocol.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

CLIENT_LINE_LIMIT: Final = 4096
"""Longest line that a client may send, in bytes including its LF (section 1)."""

SERVER_LINE_LIMIT: Final = 4352
"""Longest line that a server sends, in bytes including its LF: a client's line, a time and a
name."""

CLIENT_RECEIVE_LIMIT: Final = 65536
"""Longest line that a client accepts from any server, in bytes including its LF."""

LIST_LINE_LIMIT: Final = 1000
"""Longest line of a list, in bytes without its LF. A longer list continues on another line."""

MAX_NAME_LENGTH: Final = 32
"""Most code points in the name of a user or a room, after NFC (section 3)."""

MAX_QUOTED_LENGTH: Final = 64
"""A quoted name or command word is truncated after this many characters."""

EVERYONE: Final = "*"
"""A subscription to this name covers every publisher except the subscriber."""

LOBBY: Final = "lobby"
"""The room of every user who has joined no other."""

REPLY_MARK: Final = "[SERVER] "
ERROR_MARK: Final = "[ERROR] "

# U+001C to U+001F are not white space in Unicode, but str.rstrip() strips them. A password that
# ends in one of them is a wrong password, not a right one with something to strip.
_WHITE_SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)

# Strict UTF-8 never decodes to lone surrogates, but a client may get them from a paste.
_CONTROLS: Final = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)

_RESERVED_NAMES: Final = frozenset({"none", "server", "error"})

_CLOCK = r"\d\d:\d\d:\d\d"
_INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d"
_MESSAGE_PATTERN: Final = re.compile(
    rf"\[(?:(?P<clock>{_CLOCK})|(?P<instant>{_INSTANT}))\] "
    r"(?:\* (?P<actor>[^ ]+) (?P<action>.*)"
    r"|(?P<sender>[^ :]+) -> (?P<recipient>[^ :]+): (?P<private>.*)"
    r"|(?P<author>[^ :]+): (?P<text>.*))",
    re.DOTALL,
)


class LineTooLongError(ValueError):
    """A line is longer than `CLIENT_LINE_LIMIT`. `size` is its length in bytes including its LF."""

    def __init__(self, size: int) -> None:
        super().__init__(f"line of {size} bytes, limit {CLIENT_LINE_LIMIT}")
        self.size = size


class OversizeLine:
    """The type of `OVERSIZE`, which replaces a line that was too long."""


OVERSIZE: Final = OversizeLine()


class LineBuffer:
    """A splitter of a byte stream into lines, at LF only and in bounded memory.

    It holds at most `limit` bytes between two calls. Only the thread that reads the stream uses it.
    """

    __slots__ = ("_max_length", "_partial", "_skipping")

    def __init__(self, limit: int) -> None:
        """`limit`: the longest line in bytes, including its LF."""
        self._max_length = limit - 1
        self._partial = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes | OversizeLine]:
        """Take received bytes and return the lines that they complete, without their LF.

        `OVERSIZE` replaces a line over the limit, once per line and as soon as the limit is
        exceeded. The rest of that line is dropped up to its LF.
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
        longest = self._max_length
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
        """Return the bytes after the last LF as the last line, when the stream ends (section 1).

        The list has 1 item, or 0 if there are no such bytes.
        """
        rest, self._partial = self._partial, b""
        return [rest] if rest else []


def decode_line(raw: bytes) -> str:
    """Return a client's line as text without trailing white space, so CR LF ends a line too.

    Raises `UnicodeDecodeError` if it is not UTF-8.
    """
    return raw.decode("utf-8").rstrip(_WHITE_SPACE)


def clean(text: str) -> str:
    """Return `text` without the control characters that must not reach a terminal (section 1).

    They are C0 except TAB, DEL, C1, U+2028, U+2029 and the bidi overrides, embeddings and isolates.
    """
    return text if text.isprintable() else _CONTROLS.sub("", text)


def published_form(text: str) -> str:
    """Return a message as the server publishes it: cleaned, without trailing white space.

    Empty if the server would ignore the message. The function is idempotent, so a client that sends
    this form receives exactly this text as its echo (section 4).
    """
    return clean(text).rstrip(_WHITE_SPACE)


def quoted_in_reply(word: str) -> str:
    """Return a name or command word for use in a reply: cleaned, truncated after 64 characters."""
    return clean(word)[:MAX_QUOTED_LENGTH]


def canonical_name(text: str) -> str | None:
    """Return the canonical form (NFC) of the name of a room or a user, or None if it is invalid.

    A name has 1 to 32 letters, marks, digits, `_`, `-` or `.` of any script. `none`, `server` and
    `error` are reserved in any case (section 3).
    """
    # Longer text still exceeds 32 code points after NFC. Normalizing it would be wasted work.
    if len(text) > 8 * MAX_NAME_LENGTH:
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
    """A line that begins with one `/`: its first word including the slash, and its arguments."""

    word: str
    arguments: tuple[str, ...]
    line: str = field(default="", compare=False)
    """The whole line, for commands whose last argument is a text."""

    def text_after(self, count: int) -> str:
        """Return what follows the first `count` words and the spaces after them, unchanged."""
        rest = self.line
        for _ in range(count):
            rest = rest.lstrip(" ").partition(" ")[2]
        return rest.lstrip(" ")


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line that its sender wants to publish, before cleaning."""

    text: str


def split_words(line: str) -> list[str]:
    """Return the words of a line, which are separated by one or more spaces (U+0020) only."""
    return [word for word in line.split(" ") if word]


def parse_client_line(line: str) -> Command | TextLine | None:
    """Return the request in a decoded line, or None if the line is empty.

    Only a `/` as the very first character makes a command. `//text` is the text `/text`.
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
    """Return a client's line and its LF. Raises `LineTooLongError` over `CLIENT_LINE_LIMIT`."""
    data = line.encode("utf-8", "replace") + b"\n"
    if len(data) > CLIENT_LINE_LIMIT:
        raise LineTooLongError(len(data))
    return data


def encode_message(text: str) -> bytes:
    """Return the client's line that publishes `text`. A leading `/` is doubled.

    Raises `LineTooLongError` over `CLIENT_LINE_LIMIT` bytes.
    """
    return encode_line("/" + text if text.startswith("/") else text)


def encode_replies(texts: Sequence[str]) -> bytes:
    """Return replies or notices of the server, one line each."""
    return "".join(f"{REPLY_MARK}{text}\n" for text in texts).encode()


def encode_error(text: str) -> bytes:
    """Return an error of the server as its line."""
    return f"{ERROR_MARK}{text}\n".encode()


def encode_messages(clock: str, author: str, texts: Sequence[str]) -> bytes:
    """Return the lines of messages that one author published within one second.

    `clock` is the server's local time as `HH:MM:SS`. One join and one encode serve the whole run.
    """
    head = f"[{clock}] {author}: "
    return (head + f"\n{head}".join(texts) + "\n").encode()


def encode_actions(clock: str, author: str, actions: Sequence[str]) -> bytes:
    """Return the lines of one author's actions within one second; see `encode_messages`."""
    head = f"[{clock}] * {author} "
    return (head + f"\n{head}".join(actions) + "\n").encode()


def encode_private(clock: str, author: str, recipient: str, text: str) -> bytes:
    """Return the line of a private message."""
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
    """A message. `time` is the text in the brackets. `past` is True if that was in ISO 8601."""

    time: str
    author: str
    text: str
    past: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """An action (section 4): `* <author> <text>`."""

    time: str
    author: str
    text: str
    past: bool = False


@dataclass(frozen=True, slots=True)
class PrivateMessage:
    """A private message (section 4): `<author> -> <recipient>: <text>`."""

    time: str
    author: str
    recipient: str
    text: str
    past: bool = False


@dataclass(frozen=True, slots=True)
class UnknownLine:
    """A line of no known kind, which a client shows unchanged."""

    text: str


ServerLine = Reply | ErrorReply | Message | Action | PrivateMessage | UnknownLine


def parse_server_line(line: str) -> ServerLine:
    """Parse a server's line; its start alone determines its kind (section 1). Never raise."""
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
        return Action(time, match["actor"], match["action"], past)
    if match["sender"] is not None:
        return PrivateMessage(time, match["sender"], match["recipient"], match["private"], past)
    return Message(time, match["author"], match["text"], past)
