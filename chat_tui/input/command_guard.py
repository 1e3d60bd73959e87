"""Block input that must not be published: mistyped commands, and passwords. Pure."""

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

_PLACES: Final = {command: place for place, command in enumerate(KNOWN_COMMANDS)}
"""The completion's order. Of commands that are equally near, Tab completes the same in both."""

_COMMAND: Final = re.compile(r"/[^\W\d_]{1,20}")
"""The form of a command. A path or a fraction has another form."""

_MAX_WORD_SHOWN: Final = 24
"""Characters of a typed word that a reason shows."""


@dataclass(frozen=True, slots=True)
class BlockedInput:
    """Why the input is not sent."""

    reason: str
    """One line of text that is safe to show."""
    suggestion: str = ""
    """A correction, as the composer must hold it. Empty: there is none."""


def check_input(text: str, commands: Collection[str], user: str = "") -> BlockedInput | None:
    """Return why `text` must not be sent, or None if it may be.

    `commands`: those that the server listed, each with its slash. `user`: the user's own name. A
    single line that begins with "/" is a command, and "//x" is the text "/x". If there are several
    lines, each is a text, even if it begins with "/".
    """
    lines = _LINE_END.split(text.rstrip("\r\n"))
    known = {*commands, "/quit"}
    if len(lines) == 1 and lines[0].partition(" ")[0] in known:
        return None
    for number, line in enumerate(lines, 1):
        if holds_secret(line, user):
            single = len(lines) == 1
            correction = _check_password_change(line) if single and PASSWD in known else None
            which = "" if single else f"line {number} "
            return correction or BlockedInput(
                f"Not sent: {which}looks like a password. If not, reword"
            )
    if len(lines) == 1:
        return _check_line(lines[0], known)
    harmless = {""}
    for number, line in enumerate(lines, 1):
        word = _intended_word(line)
        if word not in harmless and nearest_command(word, known | KNOWN_COMMANDS.keys()):
            return BlockedInput(
                f"Not sent: line {number} looks like a command, {_format_word(word)}. "
                "Send it alone to run it, or put another word first to send it as text"
            )
        harmless.add(word)
    return None


def nearest_command(
    word: str, commands: Iterable[str], *, has_arguments: bool = False, shortest: int = 3
) -> str | None:
    """Return the command that `word` may mean, misspelt or incomplete, or None.

    `has_arguments`: more words follow, so a command that takes arguments is more likely.
    `shortest`: the characters, with the slash, from which a beginning may mean a command.
    """
    typed = word.casefold()
    # No command is that long, and the edit distance takes quadratic time.
    if len(typed) > 2 * _MAX_WORD_SHOWN:
        return None
    near = []
    max_distance = 2 if len(typed) > 6 else 1
    for command in commands:
        is_prefix = len(typed) >= shortest and command.startswith(typed)
        too_far = abs(len(typed) - len(command)) > max_distance
        distance = max_distance + 1 if too_far else edit_distance(typed, command)
        if is_prefix or distance <= max_distance:
            unlikely = has_arguments and command in _WITHOUT_ARGUMENTS
            place = _PLACES.get(command, len(_PLACES))
            near.append((unlikely, 0 if is_prefix else distance, place, command))
    return min(near)[-1] if near else None


def _check_password_change(line: str) -> BlockedInput | None:
    """Return a correction for a mistyped `/passwd` line, or None if it is none."""
    prefix = IGNORED_PREFIX.match(line)
    intended = normalize_command(line[prefix.end() :] if prefix else line)
    split = intended.startswith("/ ")
    if split:
        intended = f"/{intended[1:].lstrip()}"
    word, _, rest = intended.partition(" ")
    # With the old password attached to the command, its first character is not known.
    attached = word != PASSWD and word.startswith(PASSWD)
    if intended.startswith("//") or attached or not rest.strip():
        return None
    if word == PASSWD:
        problem = "a space within" if split else _prefix_problem(is_space=prefix is not None)
        problem += f" {word}"
    elif word == PASSWD[1:]:
        problem = f"no / before {word}"
    elif is_passwd(word):
        problem = f"{_format_word(word)} is not a command"
    else:
        return None
    correction = f"{PASSWD} {rest.lstrip()}"
    return BlockedInput(f"Not sent: {problem}. Tab: {redact(correction)}", correction)


def _prefix_problem(*, is_space: bool) -> str:
    """Return why a word that looks like a command is not one."""
    return "a space before" if is_space else "other characters in"


def _check_line(line: str, commands: Collection[str]) -> BlockedInput | None:
    prefix = IGNORED_PREFIX.match(line)
    intended = normalize_command(line[prefix.end() :] if prefix else line)
    if intended.startswith("//") or not intended.startswith("/"):
        return None
    word, *rest = intended.split(None, 1)
    # A lone letter after the slash: the completion offers commands for it, and so does Tab.
    shortest = 2 if line.startswith("/") else 3
    near = nearest_command(word, commands, has_arguments=bool(rest), shortest=shortest)
    if line.startswith("/"):
        if near is None:
            return BlockedInput(
                f"{_format_word(word)} is not a command. Tab: send it as text", "/" + line
            )
        correction = " ".join((near, *rest))
        problem = "needs a plain space after it" if near == word else "is not a command"
        return BlockedInput(
            f"{_format_word(word)} {problem}. Tab: {_format_word(correction)}", correction
        )
    if not _COMMAND.fullmatch(word) or (near or nearest_command(word, KNOWN_COMMANDS)) is None:
        return None
    correction = " ".join((near, *rest)) if near else ""
    hint = f" Tab: {_format_word(correction)}" if correction else ""
    problem = _prefix_problem(is_space=prefix is not None)
    return BlockedInput(f"Not sent: {problem} {_format_word(word)}.{hint}", correction)


def _intended_word(line: str) -> str:
    """Return the command word that a line seems to begin with, or an empty string."""
    word = normalize_command(IGNORED_PREFIX.sub(" ", line).lstrip()).partition(" ")[0]
    return word if _COMMAND.fullmatch(word) else ""


def _format_word(word: str) -> str:
    shown = safe_text(word)
    return shown if len(shown) <= _MAX_WORD_SHOWN else shown[: _MAX_WORD_SHOWN - 1] + "…"
