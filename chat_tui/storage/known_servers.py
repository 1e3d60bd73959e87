"""Trusted keys of servers: pinned in a file, or trusted until the client exits."""

from __future__ import annotations

import ipaddress
import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from chat_tui.account import Account, Address
from chat_tui.storage.file_lock import state_lock
from chat_tui.storage.private_files import read_regular, write_private

_FILE: Final = "known-servers.json"

_LOCK: Final = "known-servers.lock"
"""Locked while the file is read, changed and written, so that no client overwrites another's
change."""

_LOCK_TIMEOUT: Final = 2.0
"""Seconds after which a change is rejected: a stopped process may hold the lock for ever."""

_MAX_BYTES: Final = 1 << 20
"""Largest file that is read, in bytes: room for some thousand servers."""

FINGERPRINT: Final = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
"""The form of a whole fingerprint of a key."""


class KnownServersError(Exception):
    """The file can't be used, or the change is not allowed. The text gives the reason and a fix."""


@dataclass(frozen=True, slots=True)
class KnownServer:
    """A server and its pinned key."""

    server: str
    """`host:port` in lower case."""
    fingerprint: str
    """The fingerprint that the server must have."""
    since: str
    """The day on which the key was pinned, such as 2026-11-22."""
    like: str = ""
    """`host:port` of the server whose pinned key was the reason: both belong to one profile, and
    have the same key. Empty: the user has confirmed the key."""

    @property
    def host(self) -> str:
        """The host of the server, with brackets around an IPv6 address."""
        return self.server.rpartition(":")[0]


class KnownServers:
    """The trusted keys. Any thread may call it. It blocks only for the lock file.

    Each call reads the file, so that changes by another client or `chat-tui trust` apply at once.
    A file that exists but can't be read is an error. It never counts as empty: every key would
    look new, and the user could accept the key of an attacker.
    """

    def __init__(self, folder: Path) -> None:
        """`folder` is the state folder of the client. It may not exist yet."""
        self._folder = folder
        self.path = folder / _FILE
        self._session_keys: dict[str, str] = {}
        self._lock = threading.Lock()  # guards `_session_keys`; leaf

    def trusted(self, host: str, port: int) -> tuple[str, bool] | None:
        """Return the fingerprint that this server must have, and whether it is pinned in the file.

        Return None if no key of this server is trusted. Raises `KnownServersError`.
        """
        server = server_name(host, port)
        pinned = self._read().get(server)
        if pinned is not None:
            return pinned.fingerprint, True
        with self._lock:
            once = self._session_keys.get(server)
        return None if once is None else (once, False)

    def trust_once(self, host: str, port: int, fingerprint: str) -> None:
        """Trust this key until the client exits."""
        with self._lock:
            self._session_keys[server_name(host, port)] = fingerprint

    def trust_like(self, address: Address, others: Iterable[Address], fingerprint: str) -> bool:
        """Trust this key at `address` if one of the `others` is trusted with the same key.

        It is pinned if it is pinned there, else trusted until the client exits. Return False, and
        trust nothing, if no other server is trusted with it. Raises `KnownServersError`.
        """
        trusted = [(other, self.trusted(*other)) for other in others]
        if like := next((other for other, key in trusted if key == (fingerprint, True)), None):
            self.pin(*address, fingerprint, like=server_name(*like))
        elif any(key == (fingerprint, False) for _, key in trusted):
            self.trust_once(*address, fingerprint)
        else:
            return False
        return True

    def pin(self, host: str, port: int, fingerprint: str, *, like: str = "") -> None:
        """Pin this key in the file. `like`: see `KnownServer`.

        Never replaces a different pinned key: raises `KnownServersError` then, and if the file
        can't be read or written.
        """
        server = server_name(host, port)
        with self._transaction() as known:
            pinned = known.get(server)
            if pinned is not None and pinned.fingerprint != fingerprint:
                raise KnownServersError(
                    f"another key of {server} is pinned: {pinned.fingerprint}. If the server has "
                    f"a new key, first run: chat-tui trust forget {server}"
                )
            known.setdefault(
                server, KnownServer(server, fingerprint, date.today().isoformat(), like)
            )

    def forget(self, host: str, port: int | None) -> list[KnownServer]:
        """Remove the pinned keys of this server, at all its ports if `port` is None.

        Return the removed servers. Raises `KnownServersError`.
        """
        with self._transaction() as known:
            removed = [
                server
                for server in known.values()
                if (server.host == server_name(host, 0).rpartition(":")[0])
                and port in (None, int(server.server.rpartition(":")[2]))
            ]
            for server in removed:
                del known[server.server]
        return removed

    def listed(self) -> list[KnownServer]:
        """Return all pinned servers, sorted by name. Raises `KnownServersError`."""
        return sorted(self._read().values(), key=lambda known: known.server)

    @contextmanager
    def _transaction(self) -> Iterator[dict[str, KnownServer]]:
        """Give the contents of the file to the caller for changes, and write them if they changed.

        Holds the file lock.
        """
        try:
            with state_lock(self._folder, _LOCK_TIMEOUT, name=_LOCK) as is_locked:
                if not is_locked:
                    raise KnownServersError(f"{self._folder / _LOCK} is locked by another program")
                before = self._read()
                after = dict(before)
                yield after
                if after != before:
                    write_private(self.path, _as_json(after))
        except OSError as error:
            raise KnownServersError(
                f"{self.path} can't be written: {error.strerror or error}"
            ) from error

    def _read(self) -> dict[str, KnownServer]:
        try:
            data = read_regular(self.path, _MAX_BYTES)
            return _from_json(json.loads(data, object_pairs_hook=_reject_duplicates))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise KnownServersError(
                f"the trusted keys in {self.path} can't be read: {why}. Repair the file, or "
                "move it away: the client then asks again about each server"
            ) from error


def server_name(host: str, port: int) -> str:
    """Return `host:port` in canonical form: lower case, no final dot, one form per IP address."""
    host = host.strip().casefold().rstrip(".")
    with suppress(ValueError):
        host = str(ipaddress.ip_address(host))
    return Account(host, port, "", "").server


def _as_json(known: Mapping[str, KnownServer]) -> str:
    data = {
        server.server: {"key": server.fingerprint, "since": server.since}
        | ({"like": server.like} if server.like else {})
        for server in known.values()
    }
    return json.dumps(data, indent=1, sort_keys=True)


def _reject_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("it has duplicate keys")
    return found


def _from_json(data: object) -> dict[str, KnownServer]:
    """Return the servers. Raises `ValueError` if `data` is not what `_as_json` writes."""
    known: dict[str, KnownServer] = {}
    if not isinstance(data, dict):
        raise ValueError("it is not a JSON object")
    for server, entry in data.items():
        match entry:
            case {"key": str(key), "since": str(since)} if FINGERPRINT.fullmatch(key):
                port = server.rpartition(":")[2]
                if not (port.isascii() and port.isdigit()):
                    raise ValueError(f"{server!r} is not host:port")
                like = entry.get("like", "")
                known[server] = KnownServer(
                    server, key, since, like if isinstance(like, str) else ""
                )
            case _:
                raise ValueError(f"the entry of {server!r} has no valid key")
    return known
