"""What Enter must not say aloud: commands that went wrong, and passwords. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from chat_tui.input.fuzzy import IGNORED_PREFIX, edit_distance, normalize_command
from chat_tui.input.known_commands import KNOWN_COMMANDS, ArgumentKind
from chat_tui.input.redaction import PASSWD, holds_secret, is_passwd, redact
from chat_tui.sanitize import safe_text

_LINE_END: Final = re.compile("\r\n|\r|\n")

_WITHOUT_ARGUMENTS: Final = {
    word for word, known in KNOWN_COMMANDS.items() if known.argument is ArgumentKind.NONE
}

_COMMAND: Final = re.compile(r"/[^\W\d_]{1,20}")
"""What a command looks like. A path or a fraction does not."""

_MAX_WORD_SHOWN: Final = 24


@dataclass(frozen=True, slots=True)
class BlockedInput:
    """A reason not to send, as one line of text that is safe to show."""

    reason: str
    suggestion: str = ""
    """What may have been meant, as it has to stand in the composer; empty: nothing is near."""


def check_input(text: str, commands: Collection[str], user: str = "") -> BlockedInput | None:
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
            offered = _check_password_change(line) if len(lines) == 1 and PASSWD in known else None
            where = f"line {number} " if len(lines) > 1 else ""
            return offered or BlockedInput(
                f"Not sent: {where}looks like a password; else reword it"
            )
    if len(lines) == 1:
        return _check_line(lines[0], known)
    harmless = {""}
    for number, line in enumerate(lines, 1):
        word = _intended_word(line)
        if word not in harmless and nearest_command(word, known | KNOWN_COMMANDS.keys()):
            return BlockedInput(
                f"Not sent: line {number} looks like a command, {_format_word(word)}. "
                "Alone it would run; to say it, begin with another word"
            )
        harmless.add(word)
    return None


def nearest_command(
    word: str, commands: Iterable[str], *, has_arguments: bool = False
) -> str | None:
    """The command that `word` may stand for, misspelt or begun; None where none is near.

    `with_words`: words follow, so it is rather a command that takes some.
    """
    typed = word.casefold()
    if len(typed) > 2 * _MAX_WORD_SHOWN:  # no command is near, and the measure takes its square
        return None
    near = []
    max_distance = 2 if len(typed) > 6 else 1
    for command in commands:
        begun = len(typed) > 2 and command.startswith(typed)
        too_far = abs(len(typed) - len(command)) > max_distance
        distance = max_distance + 1 if too_far else edit_distance(typed, command)
        if begun or distance <= max_distance:
            unlikely = has_arguments and command in _WITHOUT_ARGUMENTS
            near.append((unlikely, 0 if begun else distance, command))
    return min(near)[2] if near else None


def _check_password_change(line: str) -> BlockedInput | None:
    """The way on from a line that was meant to change a password; None where it was not."""
    before = IGNORED_PREFIX.match(line)
    meant = normalize_command(line[before.end() :] if before else line)
    split = meant.startswith("/ ")
    if split:
        meant = f"/{meant[1:].lstrip()}"
    word, _, rest = meant.partition(" ")
    glued = word != PASSWD and word.startswith(PASSWD)  # where the old one begins nobody knows
    if meant.startswith("//") or glued or not rest.strip():
        return None
    if word == PASSWD:
        wrong = "a space within" if split else _prefix_description(is_space=before is not None)
        wrong += f" {word}"
    elif word == PASSWD[1:]:
        wrong = f"no / before {word}"
    elif is_passwd(word):
        wrong = f"{_format_word(word)} is no command"
    else:
        return None
    instead = f"{PASSWD} {rest.lstrip()}"
    return BlockedInput(f"Not sent: {wrong}. Tab: {redact(instead)}", instead)


def _prefix_description(*, is_space: bool) -> str:
    """What keeps a word that looks like a command from being one."""
    return "a space before" if is_space else "other signs in"


def _check_line(line: str, commands: Collection[str]) -> BlockedInput | None:
    before = IGNORED_PREFIX.match(line)
    meant = normalize_command(line[before.end() :] if before else line)
    if meant.startswith("//") or not meant.startswith("/"):
        return None
    word, *rest = meant.split(None, 1)
    near = nearest_command(word, commands, has_arguments=bool(rest))
    if line.startswith("/"):
        if near is None:
            return BlockedInput(
                f"{_format_word(word)} is no command. Tab: say it as text", "/" + line
            )
        instead = " ".join((near, *rest))
        wrong = "has no plain space behind it" if near == word else "is no command"
        return BlockedInput(f"{_format_word(word)} {wrong}. Tab: {_format_word(instead)}", instead)
    if not _COMMAND.fullmatch(word) or (near or nearest_command(word, KNOWN_COMMANDS)) is None:
        return None
    instead = " ".join((near, *rest)) if near else ""
    offered = f" Tab: {_format_word(instead)}" if instead else ""
    wrong = _prefix_description(is_space=before is not None)
    return BlockedInput(f"Not sent: {wrong} {_format_word(word)}.{offered}", instead)


def _intended_word(line: str) -> str:
    """The word of the command that a line looks like; empty where it looks like none."""
    word = normalize_command(IGNORED_PREFIX.sub(" ", line).lstrip()).partition(" ")[0]
    return word if _COMMAND.fullmatch(word) else ""


def _format_word(word: str) -> str:
    shown = safe_text(word)
    return shown if len(shown) <= _MAX_WORD_SHOWN else shown[: _MAX_WORD_SHOWN - 1] + "…"
