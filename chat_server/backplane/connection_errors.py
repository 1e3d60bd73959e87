"""Errors of a connection to Redis as one line for the operator: what failed, why, what to do."""

from __future__ import annotations

import socket
import ssl
from typing import Final

import redis
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    InvalidResponse,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
)

from chat_server.backplane.log_events import BackplaneError, RedisUnreachableError
from chat_server.backplane.redis_settings import PASSWORD_VARIABLE
from chat_server.escape import one_line

_MAY_PASS: Final = (
    ReadOnlyError,
    redis.TimeoutError,
    redis.ConnectionError,
    OSError,
    UnicodeError,  # of a host or a password
)
"""Errors of Redis that may pass without an operator, unless they are errors of the login."""

NO_REPLICAS: Final = (
    "accepts no entries, because too few replicas are connected; start the replica, or set"
    " `min-replicas-to-write` to 0"
)
"""What Redis does if it replies `NOREPLICAS`."""

_REPLIES: Final = {
    "DB index is out of range": "has no such database; correct the number in `--redis`",
    "DENIED": "is in protected mode; set a password in its configuration",
    "MISCONF": "cannot write to its disk; see its log",
    "NOREPLICAS": NO_REPLICAS,
}
"""What an error of Redis means, by its beginning."""


class Peer:
    """A server of Redis, as errors name it."""

    def __init__(
        self, shown: str, *, is_encrypted: bool = False, named_by: str = "`--redis`"
    ) -> None:
        """`shown`: what it is and its address. `named_by`: where an operator corrects that."""
        self.shown = shown
        self._is_encrypted = is_encrypted
        self._named_by = named_by

    def problem(self, error: Exception, *, is_connected: bool = True) -> BackplaneError:
        """Return the error to raise. `is_connected`: the connection was made and logged in."""
        text = self._refusal(error)
        if text is not None:
            return BackplaneError(text)
        if isinstance(error, ReadOnlyError):
            why = "is a replica now"
        elif isinstance(error, BusyLoadingError):
            why = "is loading its data"
        elif "max number of clients" in str(error):
            why = "accepts no more clients; raise its `maxclients`"
        elif isinstance(error, redis.TimeoutError):
            why = "does not answer in time" + ("" if is_connected else self._no_answer(error))
        elif is_connected:
            why = f"is not connected any more: {_reason(error)}"
        else:
            why = f"cannot be reached: {_reason(error)}; {self._cure(error)}"
        return RedisUnreachableError(f"{self.shown} {why}")

    def _refusal(self, error: Exception) -> str | None:
        """Return one line on an error that only an operator can end. None: this one may pass."""
        text = _text(error)
        cause = error if isinstance(error, ssl.SSLError) else error.__context__
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"the certificate of {self.shown} is not trusted: {cause.verify_message}; name the"
                " certificates that signed it with `--redis-ca`"
            )
        # TRAP: an error of the login is a ConnectionError for redis-py. So these come first.
        if isinstance(error, AuthenticationError | AuthorizationError):
            if "NOAUTH" in text or "required" in text:
                why = "needs a password; give it"
            else:
                why = "rejects the user or the password; correct it"
            return f"{self.shown} {why} with `--redis-password-file` or {PASSWORD_VARIABLE}"
        if isinstance(error, NoPermissionError):
            return (
                f"{self.shown} does not permit a command: {text}; allow it to the user, as"
                " deploy/lobby.acl does"
            )
        if isinstance(error, OutOfMemoryError):
            return f"{self.shown} is out of memory; raise its maxmemory. Messages wait until then"
        if isinstance(error, InvalidResponse):
            return (
                f"{self.shown} does not speak the protocol of Redis; correct the address in"
                f" {self._named_by}"
            )
        if isinstance(error, _MAY_PASS):
            return None
        for start, meaning in _REPLIES.items():
            if text.startswith(start):
                return f"{self.shown} {meaning}"
        return f"{self.shown} reports an error: {text}"

    def _no_answer(self, error: Exception) -> str:
        if self._is_encrypted and "handshake" in str(error.__context__):
            return "; if this port speaks no TLS, write redis:// instead of rediss://"
        return f"; check the address in {self._named_by}, and the network"

    def _cure(self, error: Exception) -> str:
        cause = error.__context__
        if isinstance(cause, ssl.SSLError):
            return "if this port speaks no TLS, write redis:// instead of rediss://"
        if isinstance(cause, ConnectionRefusedError | FileNotFoundError):
            return f"start it, or correct the address in {self._named_by}"
        if isinstance(cause, PermissionError):
            return "let the user of this program open the socket, see its `unixsocketperm`"
        if isinstance(cause, ConnectionResetError) or "closed by server" in str(error):
            if not self._is_encrypted:
                return "if this port speaks TLS, write rediss:// instead of redis://"
            return "see its log"
        if isinstance(cause, socket.gaierror) or "too long" in str(cause):
            return f"correct the address in {self._named_by}"
        return f"check the address in {self._named_by}, and the network"


def _reason(error: Exception) -> str:
    """Return what the system says, without the address that redis-py adds to it."""
    cause = error if isinstance(error, OSError) else error.__context__
    return _text(cause, cause.strerror) if isinstance(cause, OSError) else _text(error)


def _text(error: BaseException, said: str | None = None) -> str:
    return one_line(said or str(error)).rstrip(".")
