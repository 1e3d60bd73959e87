"""The servers whose keys somebody trusted: for good, in a file, or for this run of the client."""

from __future__ import annotations

import fcntl
import ipaddress
import json
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from chat_tui.account import Account
from chat_tui.storage.private_files import private_folder, write_private

_FILE: Final = "known-servers.json"

_LOCK: Final = "known-servers.lock"
"""Held while the file is read, changed and written: two clients at once lose nothing."""

_MAX_BYTES: Final = 1 << 20
"""Bytes of a file that is ours: some thousand servers."""

FINGERPRINT: Final = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
"""How the fingerprint of a key is written, whole."""


class KnownServersError(Exception):
    """The file can't be used, or must not be changed so; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class KnownServer:
    """A server and the key that it has to have."""

    server: str
    """`host:port`, in small letters."""
    fingerprint: str
    since: str
    """The day on which somebody said so, like 2026-11-22."""

    @property
    def host(self) -> str:
        """The server without its port."""
        return self.server.rpartition(":")[0]


class KnownServers:
    """What is trusted. Any thread may call it; a file's lock is the only thing it waits for.

    The file is read each time, so that what another window or `chat-tui trust` changed counts at
    once. One that is there and can't be read is an error, never an empty one: every key would look
    new, and a stranger's could be taken.
    """

    def __init__(self, folder: Path) -> None:
        """`folder`: the state folder of the client; it may not be there yet."""
        self._folder = folder
        self.path = folder / _FILE
        self._session_keys: dict[str, str] = {}
        self._lock = threading.Lock()  # guards `_session_keys`; leaf

    def trusted(self, host: str, port: int) -> tuple[str, bool] | None:
        """The fingerprint that this server has to have, and whether it is pinned in the file.

        None: nobody has said so far. Raises `KnownServersError`.
        """
        server = server_name(host, port)
        pinned = self._read().get(server)
        if pinned is not None:
            return pinned.fingerprint, True
        with self._lock:
            once = self._session_keys.get(server)
        return None if once is None else (once, False)

    def trust_once(self, host: str, port: int, fingerprint: str) -> None:
        """It is this key as long as the client runs."""
        with self._lock:
            self._session_keys[server_name(host, port)] = fingerprint

    def pin(self, host: str, port: int, fingerprint: str) -> None:
        """It is this key until somebody says otherwise.

        A different one that is pinned stays. Raises `KnownServersError` then, and where the file
        can't be written.
        """
        server = server_name(host, port)
        with self._transaction() as known:
            there = known.get(server)
            if there is not None and there.fingerprint != fingerprint:
                raise KnownServersError(
                    f"another key is kept for {server}: {there.fingerprint}. If it has a new one, "
                    f"first: chat-tui trust forget {server}"
                )
            known.setdefault(server, KnownServer(server, fingerprint, date.today().isoformat()))

    def forget(self, host: str, port: int | None) -> list[KnownServer]:
        """Let go of the keys of this server, at all its ports where none is named.

        Returns what was let go of. Raises `KnownServersError`.
        """
        with self._transaction() as known:
            gone = [
                one
                for one in known.values()
                if (one.host == server_name(host, 0).rpartition(":")[0])
                and port in (None, int(one.server.rpartition(":")[2]))
            ]
            for one in gone:
                del known[one.server]
        return gone

    def listed(self) -> list[KnownServer]:
        """All that are pinned, by name. Raises `KnownServersError`."""
        return sorted(self._read().values(), key=lambda one: one.server)

    @contextmanager
    def _transaction(self) -> Iterator[dict[str, KnownServer]]:
        """What the file holds, to be changed; written at the end, if it was."""
        try:
            with self._locked():
                before = self._read()
                after = dict(before)
                yield after
                if after != before:
                    write_private(self.path, _as_json(after))
        except OSError as error:
            raise KnownServersError(
                f"{self.path} can't be written: {error.strerror or error}"
            ) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        private_folder(self._folder)
        number = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(number, fcntl.LOCK_EX)
            yield
        finally:
            os.close(number)

    def _read(self) -> dict[str, KnownServer]:
        try:
            with self.path.open("rb") as file:
                data = file.read(_MAX_BYTES + 1)
            if len(data) > _MAX_BYTES:
                raise ValueError(f"larger than {_MAX_BYTES >> 20} MiB")
            return _from_json(json.loads(data, object_pairs_hook=_reject_duplicates))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise KnownServersError(
                f"the keys of servers in {self.path} can't be read: {why}. Mend the "
                "file, or move it away: then you are asked anew for each server"
            ) from error


def server_name(host: str, port: int) -> str:
    """`host:port` in the one form in which a server is known, however it was written."""
    host = host.strip().casefold().rstrip(".")
    with suppress(ValueError):
        host = str(ipaddress.ip_address(host))
    return Account(host, port, "", "").server


def _as_json(known: Mapping[str, KnownServer]) -> str:
    kept = {one.server: {"key": one.fingerprint, "since": one.since} for one in known.values()}
    return json.dumps(kept, indent=1, sort_keys=True)


def _reject_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("it says something twice")
    return found


def _from_json(held: object) -> dict[str, KnownServer]:
    """Raises `ValueError` where it is anything but what `_as_json` writes."""
    known: dict[str, KnownServer] = {}
    if not isinstance(held, dict):
        raise ValueError("it is no list of servers")
    for server, about in held.items():
        match about:
            case {"key": str(key), "since": str(since)} if FINGERPRINT.fullmatch(key):
                port = server.rpartition(":")[2]
                if not (port.isascii() and port.isdigit()):
                    raise ValueError(f"{server!r} is no server")
                known[server] = KnownServer(server, key, since)
            case _:
                raise ValueError(f"what it says about {server!r} is no key")
    return known
