"""Shell commands that repeat with netcat or openssl what the user did in the client. Pure."""

from __future__ import annotations

import base64
import shlex
from typing import Final, NamedTuple

from chat_server.wire import LOBBY
from chat_tui.account import PORT, TLS_PORT, Account, is_this_machine

PASSWORD_VARIABLE: Final = "LOBBY_PASSWORD"
"""The shell variable with the password. A generated line never holds a password."""

_ROOM_INDEPENDENT: Final = frozenset(
    {"/join", "/leave", "/rooms", "/subscribe", "/unsubscribe", "/subs", "/msg", "/help", "/quit"}
)
"""Commands whose effect does not depend on the current room."""


class LastAction(NamedTuple):
    """The user's last request: the lines that make it, and the room that they are sent in."""

    room: str
    lines: tuple[str, ...]


def netcat_line(
    host: str,
    port: int,
    user: str,
    action: LastAction,
    *,
    pipelining: bool,
    fingerprint: str = "",
) -> str:
    """Return a line for a POSIX shell that signs in and sends the action.

    It holds no control character and no text that the shell would interpret. Without `pipelining`
    the server takes one `recv` for one line, so the script waits after each. `fingerprint`: the key
    that the server must have. Empty: unencrypted.
    """
    lines = list(action.lines)
    if action.room != LOBBY and not all(map(_is_room_independent, lines)):
        lines.insert(0, f"/join {action.room}")
    if fingerprint and lines[-1:] != ["/quit"]:
        lines.append("/quit")  # openssl ends when the server does, not at the end of its input
    login = f"printf 'LOGIN %s %s\\n' {_quoted(user)} \"${PASSWORD_VARIABLE}\""
    if pipelining:
        script = f"{login}; printf '%s\\n' {' '.join(map(_quoted, lines))}"
    else:
        script = "; sleep 1; ".join([login, *(f"printf '%s\\n' {_quoted(line)}" for line in lines)])
        script += "; sleep 1"
    client = _openssl(host, port, fingerprint) if fingerprint else f"nc -N {_quoted(host)} {port}"
    return f"{{ {script}; }} | {client}"


def netcat_command(account: Account) -> str:
    """Return a shell command for a user who types the lines by hand."""
    if account.plaintext:
        return f"nc {shlex.quote(account.host)} {account.port}"
    return f"openssl s_client -quiet -connect {shlex.quote(account.server)}"


def guessed_netcat_command(account: Account) -> str:
    """Return `netcat_command` before the first connection.

    A server on this machine is assumed not to encrypt.
    """
    if account.plaintext or not is_this_machine(account.host):
        return netcat_command(account)
    port = PORT if account.port == TLS_PORT else account.port
    return netcat_command(Account(account.host, port, account.user, "", plaintext=True))


def _openssl(host: str, port: int, fingerprint: str) -> str:
    """Return an openssl command that accepts the pinned key only.

    Without the key, openssl would accept any server and send the password to it. The key is given
    as a TLSA record of the key alone (RFC 7671, section 5.1).
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
    # A TAB pasted into a shell would trigger its completion.
    return "\"$(printf '\\t')\"".join(map(_quoted_part, text.split("\t"))) if text else "''"


def _quoted_part(text: str) -> str:
    return shlex.quote(text) if text else ""
