"""Which lines hold a password, and what may be shown of them. Pure.

Whatever keeps, shows or says aloud what was typed asks here first: the guard before Enter, drafts
and the history, the record of the wire, the shell line for netcat, and what comes back unsent.
"""

from __future__ import annotations

import re
from typing import Final

from chat_server.wire import MIN_PASSWORD_BYTES, clean, split_words
from chat_tui.input.fuzzy import IGNORED_PREFIX, edit_distance, normalize_command

PASSWD: Final = "/passwd"
"""The command of our protocol that is followed by passwords."""

_WITH_SECRETS: Final = frozenset(
    (PASSWD, "/login", "/password", "/pass", "/auth", "/identify", "/oper", "/register")
)
"""Commands, of this protocol or of others, that are followed by a password."""

_FUZZY_COMMANDS: Final = (PASSWD, "/password")
"""Those whose misspelt forms count, too; the others are too near to words of other meaning."""

_MAX_DISTANCE: Final = 2
"""Letters that may be wrong."""

_MIN_PREFIX: Final = 3
"""Characters from which on the beginning of a command may be it."""

_LOGIN: Final = "LOGIN"
"""The word that begins the line with the password, before a session."""

_LINE_END: Final = re.compile("(\r\n|\r|\n)")

_WIRE_SECRET: Final = re.compile(
    r"\s*(?:LOGIN\s+\S+|/passwd)(?=\s)\s*(.*)", re.DOTALL | re.IGNORECASE
)
"""A line with a password in the form in which it goes over the wire; the group is what is hidden.
"""

MASK: Final = "***"
"""What stands for a password."""


def holds_secret(text: str, user: str = "") -> bool:
    """Whether a line of `text` looks like a command with a password in it; `user`: whose."""
    return any(_holds_secret(line, user) for line in _LINE_END.split(text))


def redact(text: str, user: str = "") -> str:
    """`text` without the passwords that are in it: in each line that may hold one, `***`.

    It hides what `holds_secret` finds, and more: a line over the wire that begins like a login.
    """
    return "".join(_redact_line(part, user) for part in _LINE_END.split(text))


def is_passwd(word: str) -> bool:
    """Whether the first word of a line may be meant as `/passwd`: as it is, misspelt or begun."""
    meant = word.casefold().replace("//", "/", 1)
    if not meant.startswith("/") or len(meant) > len("/password") + _MAX_DISTANCE:
        return False
    begun = len(meant) >= _MIN_PREFIX and any(
        command.startswith(meant) for command in _FUZZY_COMMANDS
    )
    return begun or any(
        edit_distance(meant, command) <= _MAX_DISTANCE for command in _FUZZY_COMMANDS
    )


def _holds_secret(line: str, user: str) -> bool:
    first, *rest = _command_words(line)
    word = first.casefold().replace("//", "/", 1)
    if word in _WITH_SECRETS or is_passwd(first):
        return bool(rest)
    if _has_attached_secret(first):
        return True
    if word == PASSWD[1:]:  # "passwd is a file" is what people say
        return len(rest) <= 2 and any(len(one.encode()) >= MIN_PASSWORD_BYTES for one in rest)
    if first.casefold() != _LOGIN.casefold() or len(rest) < 2:
        return False
    # "login is broken" is what people say.
    return first == _LOGIN or (len(rest) == 2 and rest[0].casefold() == user.casefold())


def _has_attached_secret(word: str) -> bool:
    """Whether a password stands right behind the command: "/passwdold new", "/passwd:old"."""
    meant = word.casefold().replace("//", "/", 1)
    return meant.startswith(PASSWD) and not is_passwd(word)


def _redact_line(line: str, user: str) -> str:
    sent = _WIRE_SECRET.match(line)
    if sent is not None:
        return line[: sent.start(1)] + MASK
    if not _holds_secret(line, user):
        return line
    first = _command_words(line)[0]
    return f"{PASSWD if _has_attached_secret(first) else first} {MASK}"


def _command_words(line: str) -> list[str]:
    """The words of a line as they are meant; one that is empty where there is none."""
    found = split_words(clean(IGNORED_PREFIX.sub(" ", normalize_command(line.strip())))) or [""]
    if found[0] == "/" and len(found) > 1:  # a space has slipped in
        found[:2] = ["/" + found[1]]
    return found
