"""The places of the server: connections that have logged in, and connections that have not.

A part of all places is for clients that log in. If the other places are taken, a new connection
takes the place of one that has not logged in: of the network with the most of them, the oldest
first. So a flood from a few networks evicts its own connections, not users that type their
password. A client whose password is being checked keeps its place, unless its network has more
connections than that of the new one and no other can go.

Connections from thousands of networks look like honest ones. So those from *known* addresses, from
which users have logged in lately, are the last to be evicted. They also get a place while the
passwords of all others are being checked.

If operators are configured, some places are not for other users, so an operator can always log in.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final

from chat_server.addresses import blocks_of

_MAX_SCAN: Final = 64
"""Networks, and connections of one of them, that are compared to find the one to evict. So the
acceptor does not take longer the more connections there are."""

_MAX_LINGERING: Final = 32
"""Evicted connections that may linger at once, to read why. Further ones are reset."""

_MAX_LEAVING: Final = 64
"""Evicted connections that have not ended yet. They use the files reserved by `config`."""


class Place:
    """The place of one connection. Its fields belong to `Places` and are guarded by its lock."""

    __slots__ = (
        "blocks",
        "evict",
        "host",
        "is_evicted",
        "is_known",
        "is_member",
        "is_verifying",
        "port",
    )

    def __init__(self, host: str, port: int, *, is_known: bool = False) -> None:
        self.host = host
        self.port = port
        self.is_known = is_known
        self.blocks = blocks_of(host)[-3:]
        """In IPv6 the /48, /56 and /64 of the address, else the address."""
        self.evict: Callable[[bool], None] = lambda linger: None
        """Disconnects the client, and sends it the reason if `linger`. Must not block. Set once,
        before another connection can evict this one."""
        self.is_verifying = False
        self.is_member = False
        self.is_evicted = False


class Places:
    """The table of places. Any thread may call it. Its lock is a leaf."""

    def __init__(self, max_clients: int, member_places: int, operator_places: int) -> None:
        """`max_clients` places in all, at least 1.

        `member_places`: so many of them are only for clients that have logged in.
        `operator_places`: so many are not for users that are not operators.
        """
        self._max_clients = max_clients
        self._max_strangers = max(1, max_clients - member_places)
        self._max_users = max(1, max_clients - operator_places)
        self._lock = threading.Lock()
        self._taken = 0
        self._users = 0
        """Places of clients that have logged in and are not operators."""
        self._strangers: dict[bytes | str, OrderedDict[Place, None]] = {}
        """Places of clients that have not logged in, by network, the oldest first."""
        self._stranger_count = 0
        self._leaving = 0
        """Evicted connections that have not ended yet."""
        self._blocks: Counter[bytes | str] = Counter()
        """Strangers in each block of each size."""
        self._networks_by_size: dict[int, OrderedDict[bytes | str, None]] = {}
        self._largest = 0
        """Strangers of the network that has the most."""

    def enter(
        self,
        host: str,
        port: int,
        on_evict: Callable[[Place], None] = lambda place: None,
        *,
        is_known: bool = False,
    ) -> Place | None:
        """Take a place for a new connection. Return None if there is none.

        `is_known`: users have logged in from `host` lately. `on_evict` is called with the place
        that another connection loses. `leave` must still be called for that one.
        """
        place = Place(host, port, is_known=is_known)
        evicted: Place | None = None
        with self._lock:
            if self._taken >= self._max_clients or self._stranger_count >= self._max_strangers:
                evicted = self._find_victim(place)
                if evicted is None or self._leaving >= _MAX_LEAVING:
                    return None
                evicted.is_evicted = True
                self._remove_stranger(evicted)
                self._taken -= 1
                self._leaving += 1
            linger = self._leaving <= _MAX_LINGERING
            self._taken += 1
            self._add_stranger(place)
        if evicted is not None:
            on_evict(evicted)
            evicted.evict(linger)
        return place

    def start_verifying(self, place: Place) -> bool:
        """Note that the client's password is being checked. Return False if it was evicted."""
        with self._lock:
            place.is_verifying = True
            return not place.is_evicted

    def stop_verifying(self, place: Place) -> None:
        """Note that the login was rejected. While the client reads why, others may take its place.

        Otherwise clients that keep failing from many networks would keep an operator out.
        """
        with self._lock:
            place.is_verifying = False

    def promote(self, place: Place, *, is_operator: bool, has_session: bool) -> bool:
        """Note that the client has logged in. Return False if there is no place for the user.

        `has_session`: the user has an older session, which ends and frees its place.
        """
        with self._lock:
            if place.is_evicted:
                return False
            if not is_operator:
                if self._users >= self._max_users and not has_session:
                    return False
                self._users += 1
            self._remove_stranger(place)
            place.is_member = not is_operator
            place.blocks = ()
            return True

    def leave(self, place: Place) -> None:
        """Free the place of a connection that has ended."""
        with self._lock:
            if place.is_evicted:
                self._leaving -= 1
                return
            self._taken -= 1
            if place.blocks:
                self._remove_stranger(place)
            elif place.is_member:
                self._users -= 1

    @property
    def strangers(self) -> int:
        """Clients that have not logged in. Read without the lock."""
        return self._stranger_count

    def strangers_in(self, host: str) -> list[int]:
        """Return how many clients without a login each block of `host` has, the largest first."""
        with self._lock:
            return [self._blocks[block] for block in blocks_of(host)[-3:]]

    # The caller of the following methods holds the lock.

    def _find_victim(self, newcomer: Place) -> Place | None:
        """Return the connection that has to make room for a new one, or None."""
        own = newcomer.blocks[0]
        own_size = self._blocks[own]
        by_size = (
            network
            for size in sorted(self._networks_by_size, reverse=True)
            for network in self._networks_by_size[size]
            # A flood must not evict the clients of a network that has fewer.
            if size > own_size or network == own
        )
        networks = list(islice(by_size, _MAX_SCAN))
        victim = self._find_victim_among(
            networks, lambda place: not place.is_verifying and not place.is_known
        ) or self._find_victim_among(networks, lambda place: not place.is_verifying)
        if victim is not None:
            return victim
        if self._largest > own_size + 1:
            network = next(iter(self._networks_by_size[self._largest]))
            return self._find_victim_in(network, lambda place: True)
        if newcomer.is_known:
            return self._find_victim_among(networks, lambda place: not place.is_known)
        return None

    def _find_victim_among(
        self, networks: Iterable[bytes | str], may_go: Callable[[Place], bool]
    ) -> Place | None:
        """Return the connection to evict of the first of these networks that has one."""
        victims = (self._find_victim_in(network, may_go) for network in networks)
        return next((victim for victim in victims if victim is not None), None)

    def _find_victim_in(
        self, network: bytes | str, may_go: Callable[[Place], bool]
    ) -> Place | None:
        """Return the oldest one of the smaller blocks with the most, among the oldest ones."""
        candidates = [
            place for place in islice(self._strangers[network], _MAX_SCAN) if may_go(place)
        ]
        # The first of equal ones is the oldest.
        return max(
            candidates,
            key=lambda place: [self._blocks[block] for block in place.blocks],
            default=None,
        )

    def _add_stranger(self, place: Place) -> None:
        network = place.blocks[0]
        self._strangers.setdefault(network, OrderedDict())[place] = None
        self._stranger_count += 1
        size = self._blocks[network]
        self._blocks.update(place.blocks)
        self._resize(network, size, size + 1)

    def _remove_stranger(self, place: Place) -> None:
        network = place.blocks[0]
        del self._strangers[network][place]
        if not self._strangers[network]:
            del self._strangers[network]
        self._stranger_count -= 1
        size = self._blocks[network]
        for block in place.blocks:
            self._blocks[block] -= 1
            if not self._blocks[block]:
                del self._blocks[block]
        self._resize(network, size, size - 1)

    def _resize(self, network: bytes | str, old: int, new: int) -> None:
        """Move a network to its new size. The sizes differ by 1."""
        if old:
            del self._networks_by_size[old][network]
            if not self._networks_by_size[old]:
                del self._networks_by_size[old]
        if new:
            self._networks_by_size.setdefault(new, OrderedDict())[network] = None
        if new > self._largest or (old == self._largest and old not in self._networks_by_size):
            self._largest = new
