"""One connection to Redis for one thread: address, TLS, login, role, and errors in plain words.

TRAP: redis-py repeats a command whose reply was lost, which doubles an entry. Its retries are off.
TRAP: a pool may hand out a connection whose blocking read was cut. There is no pool: each thread
has its own connection, and after any error it makes another one.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias, cast

import hiredis
import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    NoScriptError,
    RedisError,
    ResponseError,
)
from redis.retry import Retry

from chat_server.backplane.connection_errors import Peer
from chat_server.backplane.log_events import BackplaneError, RedisUnreachableError
from chat_server.backplane.redis_settings import (
    RedisSettings,
    RedisSettingsError,
)
from chat_server.backplane.scripts import KEYS, Script
from chat_server.escape import one_line

_Address: TypeAlias = tuple[str, int] | str
"""Host and port, or the path of a Unix socket."""

_ABORT_SECONDS: Final = 0.05
"""Interval at which a connection is aborted until its thread has noticed that."""

_NO_RETRY: Final = Retry(NoBackoff(), 0)

_pack: Final[Callable[[tuple[str | bytes | int, ...]], bytes]] = cast(Any, hiredis.pack_command)
"""Its own types permit commands of one word only."""


class RedisConnection:
    """A connection to the master. Used by one thread. Every method raises `BackplaneError`.

    After an error of the connection itself it is closed, and only another one helps.
    """

    def __init__(self, connection: Any, peer: Peer) -> None:
        """Use `connect` instead."""
        self._connection = connection  # of redis-py, whose methods have no types
        self._peer = peer

    def command(self, *arguments: str | bytes | int) -> Any:
        """Run a command. Return the reply: bytes, integers, None and lists of these."""
        try:
            self._send([arguments])
            return self._connection.read_response()
        except (RedisError, OSError) as error:
            raise self._peer.problem(error) from error

    def pipeline(self, commands: Iterable[Sequence[str | bytes | int]]) -> list[Any]:
        """Run commands in one round trip. Return the replies; one that failed is an exception."""
        given = list(commands)
        self.send(given)
        return self.receive(len(given))

    def send(self, commands: Iterable[Sequence[str | bytes | int]]) -> None:
        """Send commands, whose replies have to be read before any other method is called.

        TRAP: redis-py would silently connect again, perhaps to a replica, if it was closed.
        """
        try:
            self._send(commands)
        except (RedisError, OSError) as error:
            raise self._peer.problem(error) from error

    def receive(self, count: int) -> list[Any]:
        """Return the replies to so many commands; one that failed is an exception."""
        try:
            return [self._reply() for _ in range(count)]
        except (RedisError, OSError) as error:
            raise self._peer.problem(error) from error

    def run(self, script: Script, *arguments: str | bytes | int) -> Any:
        """Run a script, which Redis may have forgotten."""
        try:
            return self.command(*script_call(script, *arguments))
        except BackplaneError as error:
            if not is_unknown_script(error.__cause__):
                raise
        return self.command("EVAL", script.text, len(KEYS), *KEYS, *arguments)

    def load(self, script: Script) -> None:
        """Make a script known to Redis."""
        self.command("SCRIPT", "LOAD", script.text)

    def check(self, replies: Iterable[Any]) -> None:
        """Raise the first reply that is an exception."""
        for reply in replies:
            if isinstance(reply, RedisError):
                raise self._peer.problem(reply) from reply

    def close(self) -> None:
        """Close it. Never fails."""
        self._connection.disconnect()

    def abort(self) -> None:
        """Let the thread that waits for a reply fail at once. Any thread may call it."""
        # TRAP: the method of a TLS socket takes the layer of TLS away from the thread that reads.
        connected = self._connection._sock
        if connected is not None:
            with suppress(OSError):
                socket.socket.shutdown(connected, socket.SHUT_RDWR)

    def _send(self, commands: Iterable[Sequence[str | bytes | int]]) -> None:
        # Not `pack_commands` of redis-py, which encodes each argument in Python. For an entry that
        # took 22 us, and this takes 6.5.
        packed = b"".join([_pack(tuple(each)) for each in commands])
        self._connection.send_packed_command([packed], check_health=False)

    def _reply(self) -> Any:
        try:
            return self._connection.read_response()
        except ResponseError as error:
            return error


def join_or_abort(
    thread: threading.Thread, timeout: float, connection: Callable[[], RedisConnection | None]
) -> None:
    """Wait until a thread has ended that was asked to. After `timeout` seconds, abort what it does.

    `connection()`: what it uses, now or last. It is closed, also if a defect has ended the thread.
    One that is just being opened cannot be aborted.
    """
    if thread.is_alive():
        thread.join(timeout)
    while thread.is_alive():
        if (used := connection()) is not None:
            used.abort()
        thread.join(_ABORT_SECONDS)
    if (used := connection()) is not None:
        used.close()


def script_call(script: Script, *arguments: str | bytes | int) -> tuple[str | bytes | int, ...]:
    """Return the command that runs a script which Redis knows."""
    return ("EVALSHA", script.sha, len(KEYS), *KEYS, *arguments)


def is_unknown_script(error: object) -> bool:
    """Return whether Redis has forgotten the script: after a restart or `SCRIPT FLUSH`."""
    return isinstance(error, NoScriptError)


def connect(
    settings: RedisSettings,
    timeout: float,
    name: str,
    gives_up: Callable[[], bool] = lambda: False,
) -> RedisConnection:
    """Connect to the master and log in. Raises `BackplaneError`.

    `timeout`: in seconds, for the connection and then for each reply. `name`: shown by Redis.
    `gives_up()`: ask no further Sentinel.
    """
    url = settings.url
    try:
        password = settings.password()
    except RedisSettingsError as error:
        raise BackplaneError(str(error)) from error
    address: _Address = url.path or url.addresses[0]
    peer = Peer(f"Redis at {_shown(address)}", is_encrypted=url.is_encrypted)
    if url.service:
        address = _find_master(settings, timeout, password, gives_up)
        peer = Peer(
            f"Redis at {_shown(address)}",
            is_encrypted=url.is_encrypted,
            named_by="the Sentinels",
        )
    login = {
        "db": url.database,
        "username": url.user or None,
        "password": password,
        "client_name": name,
    }
    connection = _open(settings, address, peer, timeout, **login)
    try:
        # After every connect: a client stays connected to a master that was demoted meanwhile.
        role = connection.command("ROLE")
        if role[0] != b"master":
            raise RedisUnreachableError(
                f"{peer.shown} is a replica; name the master, or the Sentinels with"
                " redis+sentinel://HOST,HOST/NAME"
            )
    except BaseException:
        connection.close()
        raise
    return connection


def _find_master(
    settings: RedisSettings, timeout: float, password: str | None, gives_up: Callable[[], bool]
) -> tuple[str, int]:
    """Ask the Sentinels, in order, for the address of the master."""
    service = settings.url.service
    problem = BackplaneError("the URL names no Sentinel")
    for number, address in enumerate(settings.url.addresses):
        try:
            found = _ask_sentinel(settings, address, timeout, password)
        except BackplaneError as error:
            problem = problem if number else error
            if gives_up():
                break
            continue
        if found is not None:
            return found[0].decode(), int(found[1])
        problem = BackplaneError(
            f"the Sentinel at {_shown(address)} watches no master {one_line(service)!r}"
        )
    raise problem


def _ask_sentinel(
    settings: RedisSettings, address: tuple[str, int], timeout: float, password: str | None
) -> Any:
    """Return the address of the master, or None.

    A Sentinel that needs a password is given that of Redis. One that needs none rejects any.
    """
    login: dict[str, str] = {}
    shown = f"the Sentinel at {_shown(address)}"
    peer = Peer(shown, is_encrypted=settings.url.is_encrypted)
    while True:
        sentinel = _open(settings, address, peer, timeout, **login)
        try:
            return sentinel.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", settings.url.service)
        except BackplaneError as error:
            if login or password is None or not isinstance(error.__cause__, AuthenticationError):
                raise
            login["password"] = password
        finally:
            sentinel.close()


def _open(
    settings: RedisSettings, address: _Address, peer: Peer, timeout: float, **login: Any
) -> RedisConnection:
    options: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "socket_read_size": 65536,
        "retry": _NO_RETRY,
        "protocol": 2,
        **login,
    }
    make: Any = redis.Connection
    if isinstance(address, str):
        make = redis.UnixDomainSocketConnection
        options["path"] = address
    else:
        options["host"], options["port"] = address
    if settings.url.is_encrypted:
        make = redis.SSLConnection
        options["ssl_ca_certs"] = None if settings.ca is None else str(settings.ca)
    connection = make(**options)
    try:
        connection.connect()
    except (RedisError, OSError, UnicodeError) as error:  # the last: of a host or a password
        connection.disconnect()
        raise peer.problem(error, is_connected=False) from error
    return RedisConnection(connection, peer)


def _shown(address: _Address) -> str:
    if isinstance(address, str):
        return one_line(address)
    host, port = address
    return one_line(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
