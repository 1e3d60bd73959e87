"""Passwords that were checked a short time ago, so that a reconnect does not cost a hash.

When a network fails, all its users reconnect at the same moment, and hundreds of hashes would take
minutes. So the server remembers that a password was right for a stored hash: as a keyed digest of
both, in memory only. The key is random, and it ends with the process.

A digest is fast to compute, and the key is in the same memory. So a copy of the memory of the
process lets an attacker guess these passwords fast; SECURITY.md says so.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

MAX_VERIFIED: Final = 65_536
"""Most accounts whose password is remembered: about 25 MB."""


@dataclass(slots=True)
class _Verified:
    hashed: str
    """The stored hash for which the password was right."""
    digest: bytes = field(repr=False)
    used_at: float


class VerifiedPasswords:
    """The remembered passwords: one for each account, during its sessions and `lifetime` after.

    Any thread may call it. The lock is a leaf. Its `repr` and its errors hold no digest.
    """

    def __init__(
        self,
        lifetime: float,
        clock: Callable[[], float] = time.monotonic,
        max_accounts: int = MAX_VERIFIED,
    ) -> None:
        """`lifetime`: seconds after the last login or the end of the last session; 0: off."""
        self._lifetime = lifetime
        self._clock = clock
        self._max_accounts = max_accounts
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        # Ordered by the last use; the newest is last.
        self._verified: OrderedDict[str, _Verified] = OrderedDict()
        self._sessions: Counter[str] = Counter()

    def remember(self, user: str, password: str, hashed: str) -> None:
        """Record that `password` was right for the stored hash of the canonical `user`."""
        if self._lifetime <= 0:
            return
        entry = _Verified(hashed, self._digest(password, hashed), self._clock())
        with self._lock:
            self._verified[user] = entry
            self._verified.move_to_end(user)
            self._drop_expired(entry.used_at)

    def matches(self, user: str, password: str, hashed: str) -> bool:
        """Return True if `password` was right for this stored hash of `user` lately.

        False says nothing about the password. The caller counts failed guesses and bounds them:
        this check is fast.
        """
        if self._lifetime <= 0:
            return False
        digest = self._digest(password, hashed)
        now = self._clock()
        with self._lock:
            self._drop_expired(now)
            entry = self._verified.get(user)
            if entry is None or self._is_expired(user, entry, now):
                return False
            if entry.hashed != hashed:
                del self._verified[user]
                return False
            return compare_digest(entry.digest, digest)

    def session_started(self, user: str) -> None:
        """Keep the password of `user` until `session_ended` was called as often."""
        with self._lock:
            self._sessions[user] += 1

    def session_ended(self, user: str) -> None:
        """Let the lifetime begin, if this was the last session of `user`."""
        with self._lock:
            self._sessions[user] -= 1
            if self._sessions[user] <= 0:
                del self._sessions[user]
            entry = self._verified.get(user)
            if entry is not None:
                entry.used_at = self._clock()
                self._verified.move_to_end(user)

    def retain(self, accounts: Mapping[str, str]) -> None:
        """Forget every account that is not in `accounts` with the same hash as before.

        `accounts`: the hashes of the accounts that may log in, by canonical name.
        """
        with self._lock:
            gone = [
                user for user, entry in self._verified.items() if accounts.get(user) != entry.hashed
            ]
            for user in gone:
                del self._verified[user]

    def _digest(self, password: str, hashed: str) -> bytes:
        # A stored hash is ASCII without NUL, so the first NUL ends it. A lone surrogate may arrive.
        data = hashed.encode() + b"\0" + password.encode(errors="surrogatepass")
        return blake2b(data, key=self._key, digest_size=32).digest()

    def _is_expired(self, user: str, entry: _Verified, now: float) -> bool:
        return user not in self._sessions and now - entry.used_at >= self._lifetime

    def _drop_expired(self, now: float) -> None:
        """Delete the oldest entries that have expired or are too many. The caller has the lock."""
        while self._verified:
            user, entry = next(iter(self._verified.items()))
            if len(self._verified) > self._max_accounts or self._is_expired(user, entry, now):
                del self._verified[user]
            elif user in self._sessions and now - entry.used_at >= self._lifetime:
                # A session keeps it. Renew it, so that the expired ones behind it are reached.
                entry.used_at = now
                self._verified.move_to_end(user)
            else:
                return
