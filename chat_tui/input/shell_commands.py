"""The same by hand: a shell line that does with netcat what was done here."""

from __future__ import annotations

import base64
import shlex
from typing import Final, NamedTuple

from chat_server.wire import LOBBY
from chat_tui.account import PORT, TLS_PORT, Account, is_this_machine

PASSWORD_VARIABLE: Final = "LOBBY_PASSWORD"
"""What the shell has the password in: no line of ours ever holds one."""

_ROOM_INDEPENDENT: Final = frozenset(
    {"/join", "/leave", "/rooms", "/subscribe", "/unsubscribe", "/subs", "/msg", "/help", "/quit"}
)
"""Commands that do the same in whatever room they are given."""


class LastAction(NamedTuple):
    """The newest that the person asked for: the lines that do it, said in `room`."""

    room: str
    lines: tuple[str, ...]


def netcat_line(
    host: str,
    port: int,
    user: str,
    action: LastAction,
    *,
    one_at_a_time: bool,
    fingerprint: str = "",
) -> str:
    """A line for a POSIX shell. `one_at_a_time`: the server takes one `recv` for one line.

    It holds no control character and nothing that the shell would read as more than text.
    `fingerprint`: of the key that the server has to have; empty: nothing is encrypted.
    """
    lines = list(action.lines)
    if action.room != LOBBY and not all(map(_is_room_independent, lines)):
        lines.insert(0, f"/join {action.room}")
    if fingerprint and lines[-1:] != ["/quit"]:
        lines.append("/quit")  # openssl waits for the server's end, not for that of its input
    login = f"printf 'LOGIN %s %s\\n' {_quoted(user)} \"${PASSWORD_VARIABLE}\""
    if one_at_a_time:
        said = "; sleep 1; ".join([login, *(f"printf '%s\\n' {_quoted(line)}" for line in lines)])
        said += "; sleep 1"
    else:
        said = f"{login}; printf '%s\\n' {' '.join(map(_quoted, lines))}"
    carrier = _openssl(host, port, fingerprint) if fingerprint else f"nc -N {_quoted(host)} {port}"
    return f"{{ {said}; }} | {carrier}"


def netcat_command(account: Account) -> str:
    """For a shell, and for somebody who types the lines."""
    if account.plaintext:
        return f"nc {shlex.quote(account.host)} {account.port}"
    return f"openssl s_client -quiet -connect {shlex.quote(account.server)}"


def guessed_netcat_command(account: Account) -> str:
    """The same before anybody has connected: a server of this machine rarely encrypts."""
    if account.plaintext or not is_this_machine(account.host):
        return netcat_command(account)
    port = PORT if account.port == TLS_PORT else account.port
    return netcat_command(Account(account.host, port, account.user, "", plaintext=True))


def _openssl(host: str, port: int, fingerprint: str) -> str:
    """Without the key openssl would take anybody for the server, and send the password.

    The key stands there as in a TLSA record of the key alone (RFC 7671, section 5.1).
    """
    key = base64.b64decode(fingerprint.partition(":")[2] + "=").hex()
    return (
        f"openssl s_client -quiet -verify_return_error -dane_tlsa_domain {_quoted(host)} "
        f"-dane_ee_no_namechecks -dane_tlsa_rrdata '3 1 1 {key}' "
        f"-connect {_quoted(Account(host, port, '', '').server)}"
    )


def _is_room_independent(line: str) -> bool:
    word, _, rest = line.partition(" ")
    return word in _ROOM_INDEPENDENT or (word == "/who" and bool(rest.strip()))


def _quoted(text: str) -> str:
    # A TAB that is pasted into a shell asks it to complete something.
    return "\"$(printf '\\t')\"".join(map(_quoted_part, text.split("\t"))) if text else "''"


def _quoted_part(text: str) -> str:
    return shlex.quote(text) if text else ""
