"""A request of this server on its way through the log."""

from __future__ import annotations

import threading
from typing import Any, Final

from chat_server.backplane import scripts
from chat_server.backplane.connection import script_call
from chat_server.backplane.entry_codec import Encoded, encode
from chat_server.core import Session, requests

_OVERHEAD: Final = 256
"""Bytes that a request costs in memory in addition to its data, about."""

AnySession = Session[Any]


class Pending:
    """A request of this server on its way through the log. Guarded by the lock of `Outgoing`."""

    __slots__ = (
        "account",
        "acknowledged_at",
        "done",
        "encoded",
        "first_stamp",
        "generation",
        "is_abandoned",
        "is_complete",
        "is_fenced",
        "number",
        "previous",
        "request",
        "result",
        "room",
        "session",
        "size",
        "stamp",
        "user",
    )

    def __init__(self, request: requests.Request, session: AnySession | None, user: str) -> None:
        """Encode the request, which takes no lock.

        `user`: that of the session, or the one that logs in.
        """
        self.request: requests.Request | None = request
        """None once it is applied: only the encoded form may be sent again."""
        self.encoded: Encoded = encode(request)
        self.session = session
        self.user = user
        self.generation = 0 if session is None else session.generation
        self.size = len(self.encoded.data) + _OVERHEAD
        self.account: tuple[str, str, str, str] = ("", "", "", "")
        """For a change of an account: name, expected and new account in JSON, and old name."""
        self.number = 0
        """0: it waits and may be withdrawn."""
        self.previous = 0
        """The number that the log has before it. Smaller by 1, unless those between are lost."""
        self.stamp = 0
        """The stamp that the log gave it. 0: not known yet."""
        self.first_stamp = 0
        """The stamp that it had before the log lost it."""
        self.room = ""
        """The room of a message, once it is applied."""
        self.acknowledged_at = 0.0
        """When the log took it. 0: not yet, or the log has lost it."""
        self.is_fenced = False
        """The log has used up its number and refused it. It never happens, also if sent again."""
        self.is_abandoned = False
        """The client's thread does not wait any more."""
        self.is_complete = False
        self.result: Any = None
        self.done: threading.Event | None = None
        """Set when it is complete, if a thread waits for that."""

    def messages(self) -> int:
        """Return how many messages it holds that are not applied yet."""
        match self.request:
            case requests.Publish():
                return len(self.request.texts)
            case requests.SendPrivate():
                return 1
        return 0


def append_call(
    node: str, epoch: str, greeting: int, pending: Pending
) -> tuple[str | bytes | int, ...]:
    """Return how to append a request. `epoch`, `greeting`: of the last hello of the node."""
    encoded = pending.encoded
    return script_call(
        scripts.APPEND,
        node,
        pending.number,
        "skip" if pending.is_fenced else encoded.kind,
        pending.user.encode("utf-8", "surrogatepass"),
        pending.generation,
        pending.first_stamp,
        encoded.stamps,
        pending.room,
        encoded.data,
        int(encoded.is_message),
        *(epoch, greeting, pending.previous),
        *pending.account,
    )
