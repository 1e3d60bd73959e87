"""The same by hand: a shell line that does with netcat what was done here."""

from __future__ import annotations

import shlex
from typing import Final

from chat_server.wire.protocol import LOBBY
from chat_tui.model.wire_record import LastAction

PASSWORD_VARIABLE: Final = "LOBBY_PASSWORD"
"""What the shell has the password in: no line of ours ever holds one."""

_ELSEWHERE_TOO: Final = frozenset(
    {"/join", "/leave", "/rooms", "/subscribe", "/unsubscribe", "/subs", "/msg", "/help", "/quit"}
)
"""Commands that do the same in whatever room they are given."""


def netcat_line(host: str, port: int, user: str, action: LastAction, *, one_at_a_time: bool) -> str:
    """A line for a POSIX shell. `one_at_a_time`: the server takes one `recv` for one line.

    It holds no control character and nothing that the shell would read as more than text.
    """
    lines = list(action.lines)
    if action.room != LOBBY and not all(map(_is_the_same_anywhere, lines)):
        lines.insert(0, f"/join {action.room}")
    login = f"printf 'LOGIN %s %s\\n' {_quoted(user)} \"${PASSWORD_VARIABLE}\""
    if one_at_a_time:
        said = "; sleep 1; ".join([login, *(f"printf '%s\\n' {_quoted(line)}" for line in lines)])
        said += "; sleep 1"
    else:
        said = f"{login}; printf '%s\\n' {' '.join(map(_quoted, lines))}"
    return f"{{ {said}; }} | nc -N {_quoted(host)} {port}"


def _is_the_same_anywhere(line: str) -> bool:
    word, _, rest = line.partition(" ")
    return word in _ELSEWHERE_TOO or (word == "/who" and bool(rest.strip()))


def _quoted(text: str) -> str:
    # A TAB that is pasted into a shell asks it to complete something.
    return "\"$(printf '\\t')\"".join(map(_quoted_part, text.split("\t"))) if text else "''"


def _quoted_part(text: str) -> str:
    return shlex.quote(text) if text else ""
