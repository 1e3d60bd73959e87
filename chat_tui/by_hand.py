"""The command that talks to a server by hand. Pure."""

from __future__ import annotations

import shlex

from chat_tui.account import PORT, TLS_PORT, Account, stays_here


def by_hand(at: Account) -> str:
    """For a shell, and for somebody who types the lines."""
    if at.plaintext:
        return f"nc {shlex.quote(at.host)} {at.port}"
    return f"openssl s_client -quiet -connect {shlex.quote(at.server)}"


def guessed_by_hand(asked: Account) -> str:
    """The same before anybody has connected: a server of this machine rarely encrypts."""
    if asked.plaintext or not stays_here(asked.host):
        return by_hand(asked)
    port = PORT if asked.port == TLS_PORT else asked.port
    return by_hand(Account(asked.host, port, asked.user, "", plaintext=True))
