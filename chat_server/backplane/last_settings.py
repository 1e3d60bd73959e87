"""The last move and the subscriptions of each session, for a log that is set back by long.

What has left the ring of acknowledged entries is not sent again. But a user has read the reply to a
move, and what they type next is meant for that room. So of these entries, those that still hold are
kept: the newest move of a session, and its newest requests to subscribe and unsubscribe.
"""

from __future__ import annotations

from typing import Final

from chat_server.backplane.pending import AnySession, Pending

_MOVE: Final = "join"
_KINDS: Final = frozenset({_MOVE, "subscribe", "unsubscribe"})

_MOST: Final = 100
"""Most entries of one session: a client that subscribes to ever more names takes no more memory."""

_FEW: Final = 64
"""Sessions among which those that have ended are not looked for."""


class LastSettings:
    """The entries that are kept. Guarded by the lock of `Outgoing`."""

    def __init__(self) -> None:
        self._kept: dict[AnySession, dict[bytes, Pending]] = {}
        """By session and by the name that was typed. The move has an empty name."""
        self._limit = _FEW

    def note(self, pending: Pending) -> None:
        """Keep an entry that leaves the ring, if it still holds."""
        kind = pending.encoded.kind
        if kind not in _KINDS:
            return
        session = pending.session
        if session is None or pending.is_fenced or session.ended.is_set():
            return
        if session not in self._kept and len(self._kept) >= self._limit:
            self._forget_ended()
        kept = self._kept.setdefault(session, {})
        name = b"" if kind == _MOVE else pending.encoded.data
        kept.pop(name, None)
        kept[name] = pending
        if len(kept) > _MOST:
            del kept[next(each for each in kept if each)]

    def take_after(self, number: int) -> list[Pending]:
        """Return the entries with later numbers, in their order, and keep them no longer."""
        self._forget_ended()
        found = []
        for kept in self._kept.values():
            for name in [name for name, each in kept.items() if each.number > number]:
                found.append(kept.pop(name))
        return sorted(found, key=lambda each: each.number)

    def _forget_ended(self) -> None:
        for session in [each for each in self._kept if each.ended.is_set()]:
            del self._kept[session]
        self._limit = max(_FEW, 2 * len(self._kept))
