"""Admission control: accept or reject a connection before its first line is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from chat_server.access.bans import BanList
from chat_server.access.connection_pace import ConnectionPace
from chat_server.access.places import Place, Places
from chat_server.access.rate_limits import ConnectionLimiter, UnauthenticatedLimiter
from chat_server.addresses import LOOPBACK
from chat_server.config import Config
from chat_server.wire import operator_replies, replies


class Rejection(NamedTuple):
    """Why a connection is rejected."""

    text: str
    """For the client: a protocol error, without its prefix."""
    reason: str
    """For the log."""


class AdmissionControl:
    """The checks of address bans, of the limits on connections, and of the places.

    Any thread may call it; it takes leaf locks only.
    """

    def __init__(
        self,
        config: Config,
        bans: BanList,
        is_known_address: Callable[[str], bool] = lambda host: False,
    ) -> None:
        """`is_known_address(host)`: users have logged in from there lately. Leaf locks only."""
        self._bans = bans
        self._is_known_address = is_known_address
        # All clients of a balancer share its address if it does not name theirs. Its health checks
        # never log in.
        trusted = (*config.trusted, *config.trusted_proxies)
        self.places = Places(
            config.max_clients, config.places_for_members, config.places_for_operators
        )
        self._connections = ConnectionLimiter(
            config.max_connections_per_ip,
            trusted if config.limit_loopback else (*trusted, *LOOPBACK),
        )
        self._pace = ConnectionPace(enabled=config.connections_without_login > 0)
        self._unauthenticated = UnauthenticatedLimiter(
            config.connections_without_login,
            config.tuning.connections_without_login_window,
            trusted if config.limit_loopback_without_login else (*trusted, *LOOPBACK),
        )

    def must_wait(self, host: str) -> bool:
        """Return whether a new connection from `host` has to wait before it is admitted."""
        return self._pace.must_wait(host)

    def weight(self, host: str) -> float:
        """Return what a new connection from `host` counts as in the pace of the acceptor."""
        return self._pace.weight(host)

    def admit(
        self, host: str, port: int, on_evict: Callable[[Place], None] = lambda place: None
    ) -> Place | Rejection:
        """Admit one more connection, or return why it is rejected.

        `on_evict` is called with the place that another connection loses for it. Call `release`
        once for each admitted connection. Rejected ones count toward no limit.
        """
        ban = self._bans.address_ban(host)
        if ban is not None:
            return Rejection(
                operator_replies.banned(operator_replies.BANNED_ADDRESS, ban.seconds),
                "its address is banned",
            )
        if self._unauthenticated.retry_after(host) > 0:
            return Rejection(
                replies.TOO_MANY_CONNECTIONS,
                "too many connections from this address that did not log in",
            )
        if not self._connections.admit(host, self.places.strangers_in(host)):
            return Rejection(replies.TOO_MANY_CONNECTIONS, "too many connections from this address")
        place = self.places.enter(host, port, on_evict, is_known=self._is_known_address(host))
        if place is None:
            self._connections.release(host)
            return Rejection(replies.SERVER_FULL, "the server is full")
        return place

    def release(
        self, place: Place, *, unauthenticated: bool = False, is_counted_elsewhere: bool = False
    ) -> None:
        """Release an admitted connection that has ended. `unauthenticated`: it never logged in.

        `is_counted_elsewhere`: the failed logins count it. If they did both, one user's wrong
        passwords would reject all connections of the users behind the same address.
        """
        host = place.host
        self.places.leave(place)
        self._connections.release(host)
        if unauthenticated:
            self._pace.record_unauthenticated(host)
            if not is_counted_elsewhere:
                self._unauthenticated.record_unauthenticated(host)
