"""ServerRotation: which of several servers of the same chat the client tries next."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence

from chat_tui.account import Address


class ServerRotation:
    """The servers of one account, in rounds: each round tries every server once.

    The first round has the order of the profile. Later rounds have a random order, so that the
    users of a lost server spread over the others. The server that failed last is the last one.
    """

    def __init__(self, shuffle: Callable[[list[Address]], None] = random.shuffle) -> None:
        """`shuffle` changes the order of a list."""
        self._shuffle = shuffle
        self._addresses: tuple[Address, ...] = ()
        self._untried: deque[Address] = deque()

    def begin(self, addresses: Sequence[Address]) -> None:
        """Start the first round."""
        self._addresses = tuple(addresses)
        self._untried = deque(addresses)

    def start_round(self, failed: Address) -> None:
        """Start another round. `failed`: the server that was tried or lost last."""
        others = [address for address in self._addresses if address != failed]
        self._shuffle(others)
        self._untried = deque([*others, failed])

    def prefer(self, address: Address) -> None:
        """Try this server next. Call it after `start_round`."""
        self._untried.remove(address)
        self._untried.appendleft(address)

    @property
    def has_untried(self) -> bool:
        """True if the round has a server that was not tried yet."""
        return bool(self._untried)

    def take(self) -> Address:
        """Return the next server of the round."""
        return self._untried.popleft()
