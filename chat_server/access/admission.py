"""Who may come in: what a connection is told at the door, before it has said anything."""

from __future__ import annotations

from typing import NamedTuple

from chat_server.access.bans import Bans
from chat_server.access.rate_limits import ConnectionsPerAddress, ConnectionsWithoutLogin
from chat_server.addresses import LOOPBACK
from chat_server.config import Config
from chat_server.wire import replies


class Refusal(NamedTuple):
    """Why a connection is not let in."""

    words: str
    """For the client: an error of the protocol."""
    reason: str
    """For the log."""


class Admissions:
    """Bans of addresses and the two limits on connections, asked together.

    May be called from any thread; takes leaf locks only.
    """

    def __init__(self, config: Config, bans: Bans) -> None:
        self._bans = bans
        trusted = config.trusted
        self._connections = ConnectionsPerAddress(
            config.max_connections_per_ip,
            trusted if config.limit_loopback else (*trusted, *LOOPBACK),
        )
        self._without_login = ConnectionsWithoutLogin(
            config.connections_without_login,
            config.connections_without_login_window,
            trusted if config.limit_loopback_without_login else (*trusted, *LOOPBACK),
        )

    def admit(self, host: str) -> Refusal | None:
        """Let one more connection of `host` in, which is answered by one `release`; or say why not.

        One that is refused counts nowhere.
        """
        ban = self._bans.of_address(host)
        if ban is not None:
            return Refusal(
                replies.banned(replies.BANNED_ADDRESS, ban.seconds), "its address is banned"
            )
        if self._without_login.retry_after(host) > 0:
            return Refusal(
                replies.TOO_MANY_CONNECTIONS,
                "too many connections from this address that did not log in",
            )
        if not self._connections.admit(host):
            return Refusal(replies.TOO_MANY_CONNECTIONS, "too many connections from this address")
        return None

    def release(self, host: str, *, without_login: bool = False) -> None:
        """A connection that was admitted has ended. `without_login`: it had never logged in."""
        self._connections.release(host)
        if without_login:
            self._without_login.ended(host)
