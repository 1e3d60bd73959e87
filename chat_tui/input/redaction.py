"""Find lines that hold a password, and redact them. Pure.

All code that stores, shows or sends typed text uses this module first: the guard before Enter,
drafts and the history, the wire log, the shell line for netcat, and text that is returned unsent.
"""

from __future__ import annotations

import re
from typing import Final

from chat_server.wire import MIN_PASSWORD_BYTES, clean, split_words
from chat_tui.input.fuzzy import IGNORED_PREFIX, edit_distance, normalize_command

PASSWD: Final = "/passwd"
"""The command of this protocol that takes passwords."""

_WITH_SECRETS: Final = frozenset(
    (PASSWD, "/login", "/password", "/pass", "/auth", "/identify", "/oper", "/register")
)
"""Commands, of this protocol or of others, that take a password."""

_FUZZY_COMMANDS: Final = (PASSWD, "/password")
"""Commands that are recognized even if misspelt. The others are too close to unrelated words."""

_MAX_DISTANCE: Final = 2
"""Maximum edit distance of a misspelt command."""

_MIN_PREFIX: Final = 3
"""Characters from which the beginning of a command is recognized."""

_LOGIN: Final = "LOGIN"
"""The first word of the login line, which holds the password."""

_LINE_END: Final = re.compile("(\r\n|\r|\n)")

_WIRE_SECRET: Final = re.compile(
    r"\s*(?:LOGIN\s+\S+|/passwd)(?=\s)\s*(.*)", re.DOTALL | re.IGNORECASE
)
"""A line with a password in its wire form. The group is the part to redact."""

MASK: Final = "***"
"""Replaces a password."""


def holds_secret(text: str, user: str = "") -> bool:
    """Return True if a line of `text` looks like a command with a password.

    `user`: the user's own name. A line that begins with "login" and this name counts, too.
    """
    return any(_holds_secret(line, user) for line in _LINE_END.split(text))


def redact(text: str, user: str = "") -> str:
    """Return `text` with `***` in place of passwords.

    It redacts what `holds_secret` finds, and more: any line in the wire form of a login.
    """
    return "".join(_redact_line(part, user) for part in _LINE_END.split(text))


def is_passwd(word: str) -> bool:
    """Return True if the first word of a line may be meant as `/passwd`: misspelt or incomplete."""
    candidate = word.casefold().replace("//", "/", 1)
    if not candidate.startswith("/") or len(candidate) > len("/password") + _MAX_DISTANCE:
        return False
    is_prefix = len(candidate) >= _MIN_PREFIX and any(
        command.startswith(candidate) for command in _FUZZY_COMMANDS
    )
    return is_prefix or any(
        edit_distance(candidate, command) <= _MAX_DISTANCE for command in _FUZZY_COMMANDS
    )


def _holds_secret(line: str, user: str) -> bool:
    first, *rest = _command_words(line)
    word = first.casefold().replace("//", "/", 1)
    if word in _WITH_SECRETS or is_passwd(first):
        return bool(rest)
    if _has_attached_secret(first):
        return True
    if word == PASSWD[1:]:  # but "passwd is a file" is an ordinary text
        return len(rest) <= 2 and any(len(one.encode()) >= MIN_PASSWORD_BYTES for one in rest)
    if first.casefold() != _LOGIN.casefold() or len(rest) < 2:
        return False
    # "login is broken" is an ordinary text.
    return first == _LOGIN or (len(rest) == 2 and rest[0].casefold() == user.casefold())


def _has_attached_secret(word: str) -> bool:
    """Return True if a password is attached to the command: "/passwdold", "/passwd:old"."""
    candidate = word.casefold().replace("//", "/", 1)
    return candidate.startswith(PASSWD) and not is_passwd(word)


def _redact_line(line: str, user: str) -> str:
    wire_line = _WIRE_SECRET.match(line)
    if wire_line is not None:
        return line[: wire_line.start(1)] + MASK
    if not _holds_secret(line, user):
        return line
    first = _command_words(line)[0]
    return f"{PASSWD if _has_attached_secret(first) else first} {MASK}"


def _command_words(line: str) -> list[str]:
    """Return the normalized words of a line. The list is never empty; its first word may be."""
    words = split_words(clean(IGNORED_PREFIX.sub(" ", normalize_command(line.strip())))) or [""]
    if words[0] == "/" and len(words) > 1:  # a space after the slash
        words[:2] = ["/" + words[1]]
    return words
