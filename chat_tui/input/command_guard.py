"""What Enter must not say aloud: commands that went wrong, and passwords. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from chat_tui.input.fuzzy import BEFORE_IT, as_typed_plainly, distance
from chat_tui.input.known_commands import KNOWN_COMMANDS, Argument
from chat_tui.input.redaction import PASSWD, holds_secret, is_passwd, masked
from chat_tui.sanitize import safe_text

_LINE_END: Final = re.compile("\r\n|\r|\n")

_TAKING_NOTHING: Final = {
    word for word, known in KNOWN_COMMANDS.items() if known.argument is Argument.NONE
}

_COMMAND: Final = re.compile(r"/[^\W\d_]{1,20}")
"""What a command looks like. A path or a fraction does not."""

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
        if holds_secret(line, user):
            offered = _change_of_password(line) if len(lines) == 1 and PASSWD in known else None
            where = f"line {number} " if len(lines) > 1 else ""
            return offered or HeldBack(f"Not sent: {where}looks like a password; else reword it")
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
        slips = most + 1 if too_far else distance(asked, command)
        if begun or slips <= most:
            unlikely = with_words and command in _TAKING_NOTHING
            near.append((unlikely, 0 if begun else slips, command))
    return min(near)[2] if near else None


def _change_of_password(line: str) -> HeldBack | None:
    """The way on from a line that was meant to change a password; None where it was not."""
    before = BEFORE_IT.match(line)
    meant = as_typed_plainly(line[before.end() :] if before else line)
    split = meant.startswith("/ ")
    if split:
        meant = f"/{meant[1:].lstrip()}"
    word, _, rest = meant.partition(" ")
    glued = word != PASSWD and word.startswith(PASSWD)  # where the old one begins nobody knows
    if meant.startswith("//") or glued or not rest.strip():
        return None
    if word == PASSWD:
        wrong = "a space within" if split else _what_is_before(is_space=before is not None)
        wrong += f" {word}"
    elif word == PASSWD[1:]:
        wrong = f"no / before {word}"
    elif is_passwd(word):
        wrong = f"{_shown(word)} is no command"
    else:
        return None
    instead = f"{PASSWD} {rest.lstrip()}"
    return HeldBack(f"Not sent: {wrong}. Tab: {masked(instead)}", instead)


def _what_is_before(*, is_space: bool) -> str:
    """What keeps a word that looks like a command from being one."""
    return "a space before" if is_space else "other signs in"


def _one_line(line: str, commands: Collection[str]) -> HeldBack | None:
    before = BEFORE_IT.match(line)
    meant = as_typed_plainly(line[before.end() :] if before else line)
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
    wrong = _what_is_before(is_space=before is not None)
    return HeldBack(f"Not sent: {wrong} {_shown(word)}.{offered}", instead)


def _meant_word(line: str) -> str:
    """The word of the command that a line looks like; empty where it looks like none."""
    word = as_typed_plainly(BEFORE_IT.sub(" ", line).lstrip()).partition(" ")[0]
    return word if _COMMAND.fullmatch(word) else ""


def _shown(word: str) -> str:
    shown = safe_text(word)
    return shown if len(shown) <= _WORD_SHOWN else shown[: _WORD_SHOWN - 1] + "…"
