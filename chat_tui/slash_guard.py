"""What Enter must not say aloud: commands that went wrong, and passwords. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final
from unicodedata import normalize

from chat_server.wire.protocol import clean, words
from chat_tui.model.known_commands import KNOWN_COMMANDS, Argument
from chat_tui.model.text import safe_text

_LINE_END: Final = re.compile("\r\n|\r|\n")

_WITH_SECRETS: Final = frozenset(
    ("/login", "/passwd", "/password", "/pass", "/auth", "/identify", "/oper", "/register")
)
"""Commands, of this protocol or of others, that are followed by a password."""

_TAKING_NOTHING: Final = {
    word for word, known in KNOWN_COMMANDS.items() if known.argument is Argument.NONE
}

_LOGIN: Final = "LOGIN"
"""The word that begins the line with the password, before a session."""

_COMMAND: Final = re.compile(r"/[^\W\d_]{1,20}")
"""What a command looks like. A path or a fraction does not."""

# Also what has no width, and what is taken out before it is sent: a line that looks as if it began
# with "/" was meant to.
_BEFORE_IT: Final = re.compile(
    r"[\s\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]+"
)

_SLASHES: Final = str.maketrans("\uff0f\u2044\u2215\u29f8", "////")
"""What looks like a slash: an input method for Chinese or Japanese gives the first."""

_WORD_SHOWN: Final = 24


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A reason not to send, as one line of text that is safe to show."""

    why: str
    instead: str = ""
    """What may have been meant, as it has to stand in the composer; empty: nothing is near."""


def held_back(text: str, commands: Collection[str], user: str = "") -> HeldBack | None:
    """Why Enter should leave `text` where it is, or None where it may go.

    `commands` are those that the server listed, each with its slash; `user` is our own name.
    A single line that begins with "/" is a command, and "//x" is the text "/x"; of several lines
    each is a text, whatever it begins with.
    """
    lines = _LINE_END.split(text.rstrip("\r\n"))
    known = {*commands, "/quit"}
    if len(lines) == 1 and lines[0].partition(" ")[0] in known:
        return None
    for number, line in enumerate(lines, 1):
        if _holds_secret(line, user):
            where = f"line {number}" if len(lines) > 1 else "this"
            return HeldBack(
                f"Not sent: {where} looks like a password. If not, begin with another word"
            )
    if len(lines) == 1:
        return _one_line(lines[0], known)
    harmless = {""}
    for number, line in enumerate(lines, 1):
        word = _meant_word(line)
        if word not in harmless and nearest(word, known | KNOWN_COMMANDS.keys()):
            return HeldBack(
                f"Not sent: line {number} looks like a command, {_shown(word)}. "
                "Alone it would run; to say it, begin with another word"
            )
        harmless.add(word)
    return None


def holds_secret(text: str, user: str = "") -> bool:
    """Whether a line of `text` looks like a command with a password in it; `user`: whose."""
    return any(_holds_secret(line, user) for line in _LINE_END.split(text))


def nearest(word: str, commands: Iterable[str], *, with_words: bool = False) -> str | None:
    """The command that `word` may stand for, misspelt or begun; None where none is near.

    `with_words`: words follow, so it is rather a command that takes some.
    """
    asked = word.casefold()
    if len(asked) > 2 * _WORD_SHOWN:  # no command is near, and the measure takes its square
        return None
    near = []
    most = 2 if len(asked) > 6 else 1
    for command in commands:
        begun = len(asked) > 2 and command.startswith(asked)
        too_far = abs(len(asked) - len(command)) > most
        distance = most + 1 if too_far else _distance(asked, command)
        if begun or distance <= most:
            unlikely = with_words and command in _TAKING_NOTHING
            near.append((unlikely, 0 if begun else distance, command))
    return min(near)[2] if near else None


def _one_line(line: str, commands: Collection[str]) -> HeldBack | None:
    before = _BEFORE_IT.match(line)
    meant = _as_typed_plainly(line[before.end() :] if before else line)
    if meant.startswith("//") or not meant.startswith("/"):
        return None
    word, *rest = meant.split(None, 1)
    near = nearest(word, commands, with_words=bool(rest))
    if line.startswith("/"):
        if near is None:
            return HeldBack(f"{_shown(word)} is no command. Tab: say it as text", "/" + line)
        instead = " ".join((near, *rest))
        wrong = "has no plain space behind it" if near == word else "is no command"
        return HeldBack(f"{_shown(word)} {wrong}. Tab: {_shown(instead)}", instead)
    if not _COMMAND.fullmatch(word) or (near or nearest(word, KNOWN_COMMANDS)) is None:
        return None
    instead = " ".join((near, *rest)) if near else ""
    offered = f" Tab: {_shown(instead)}" if instead else ""
    wrong = "a space before" if before else "other signs in"
    return HeldBack(f"Not sent: {wrong} {_shown(word)}.{offered}", instead)


def _as_typed_plainly(line: str) -> str:
    """The line with its first word as a keyboard of ASCII gives it."""
    if line[:1].translate(_SLASHES) != "/":
        return line
    word, *rest = line.split(None, 1)
    return " ".join((normalize("NFKC", word.translate(_SLASHES)), *rest))


def _holds_secret(line: str, user: str = "") -> bool:
    first, *rest = words(clean(_BEFORE_IT.sub(" ", _as_typed_plainly(line.strip())))) or [""]
    if first.casefold().replace("//", "/", 1) in _WITH_SECRETS:
        return bool(rest)
    if first.casefold() != _LOGIN.casefold() or len(rest) < 2:
        return False
    # "login is broken" is what people say.
    return first == _LOGIN or (len(rest) == 2 and rest[0].casefold() == user.casefold())


def _meant_word(line: str) -> str:
    """The word of the command that a line looks like; empty where it looks like none."""
    word = _as_typed_plainly(_BEFORE_IT.sub(" ", line).lstrip()).partition(" ")[0]
    return word if _COMMAND.fullmatch(word) else ""


def _distance(one: str, other: str) -> int:
    """Letters to leave out, put in, change or swap with the next, to get from one to the other."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        older, before, row = before, row, [i]
        for j, wanted in enumerate(other, 1):
            steps = min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                steps = min(steps, older[j - 2] + 1)
            row.append(steps)
    return row[-1]


def _shown(word: str) -> str:
    shown = safe_text(word)
    return shown if len(shown) <= _WORD_SHOWN else shown[: _WORD_SHOWN - 1] + "…"
