"""An attack on the logins: connections that log in again and again, until the process is killed."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import NamedTuple

NETWORKS = 40
EACH = 4
"""Connections from each network. With sixteen, the server would answer most as throttled."""

ACCOUNT_CONNECTIONS = 16


class Login(NamedTuple):
    """What one connection sends, and from where."""

    address: str
    credentials: str


def logins(kind: str, number: int, user: str, password: str) -> list[Login]:
    """Return the connections of an attack.

    `account`: sixteen with the right password of one account. `networks`: strangers at forty
    addresses with wrong ones. `mixture`: both, and wrong passwords for that account.
    """
    account = [Login(f"127.{number}.0.1", f"{user} {password}")] * ACCOUNT_CONNECTIONS
    networks = [
        Login(f"127.{number}.{network}.1", f"nobody-{each} guess")
        for network in range(1, NETWORKS + 1)
        for each in range(EACH)
    ]
    guesses = [Login(f"127.{number}.0.1", f"{user} guess")] * ACCOUNT_CONNECTIONS
    kinds = {"account": account, "networks": networks, "mixture": account + networks + guesses}
    return kinds[kind]


async def attack(port: int, login: Login) -> None:
    """Log in again as soon as the server has answered, or has ended the session."""
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, local_addr=(login.address, 0)
            )
            await reader.readline()
            writer.write(f"LOGIN {login.credentials}\n".encode())
            await reader.readline()
            writer.close()


async def main() -> None:
    """Attack with the given arguments: kind, port, number, user and password."""
    kind, port, number, user, password = sys.argv[1:]
    connections = logins(kind, int(number), user, password)
    await asyncio.gather(*(attack(int(port), login) for login in connections))


if __name__ == "__main__":
    asyncio.run(main())
