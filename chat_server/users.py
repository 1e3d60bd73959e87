"""The users file: a JSON object of names and bcrypt hashes; read, checked, watched.

Changing it is the work of `users_file_changes`. Errors are one line each: they name the file, the
place in it and the cure.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chat_server.printable import one_line, quoted
from chat_server.wire.protocol import NAME_LENGTH, canonical_name

SIZE_LIMIT: Final = 16 * 1024 * 1024
"""Most bytes of a users file: room for 150,000 accounts, and what a wrong file may cost."""

DEFAULT_COST: Final = 12
"""The cost of a new hash, and of the hash for an unknown user where there is no account at all."""

# 22 characters for the 128 bits of the salt, 31 for the 184 of the hash: the last of each has bits
# to spare, which are 0. A salt where they are not is refused by bcrypt, such a hash fits nothing.
_HASH: Final = re.compile(
    r"\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$"
    r"[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]"
)

_TYPES: Final = {bool: "true or false", int: "a number", float: "a number", type(None): "null"}


class UsersFileError(Exception):
    """The users file can't be used. The text is one line: the file, the place, the cure."""


class Accounts(Mapping[str, str]):
    """The accounts of one reading of the file: canonical name to hash. Never changes."""

    __slots__ = ("_hashes", "highest_cost")

    highest_cost: int
    """The highest bcrypt cost of any hash here: what an unknown user costs (section 2)."""

    def __init__(self, hashes: Mapping[str, str]) -> None:
        """`hashes` have been checked: only what `read_accounts` or bcrypt made comes here."""
        self._hashes = dict(hashes)
        costs = [int(hashed[4:6]) for hashed in self._hashes.values()]
        self.highest_cost = max(costs, default=DEFAULT_COST)

    def __getitem__(self, name: str) -> str:
        return self._hashes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._hashes)

    def __len__(self) -> int:
        return len(self._hashes)


@dataclass(frozen=True, slots=True)
class Change:
    """What one look at the users file found."""

    count: int | None = None
    """How many accounts there are now, where the file was read again and is in use; else None."""

    removed: frozenset[str] = frozenset()
    """The names that had an account before and have none now."""

    error: str | None = None
    """Why the file can't be used, told once; the accounts stay as they were."""


@dataclass(frozen=True, slots=True)
class _Fingerprint:
    """What differs after the file was written, replaced or made readable."""

    modified_ns: int
    changed_ns: int  # a chmod that makes it readable changes nothing else
    inode: int
    size: int


def read_accounts(path: Path) -> Accounts:
    """Read and check the users file. Raises `UsersFileError`."""
    return _parse(path, _read(path)[1])


class UserStore:
    """The accounts in use, kept up with their file.

    `accounts` is one reference that is swapped whole: any thread may read it without a lock.
    `look` belongs to one thread.
    """

    def __init__(self, path: Path) -> None:
        """Read the file for the first time. Raises `UsersFileError`, also where it is empty."""
        self._path = path
        self._seen: _Fingerprint | None
        self._seen, data = _read(path)
        self._told: str | None = None
        self.accounts = _parse(path, data)
        """The accounts of the last file that was in order."""
        if not self.accounts:
            raise UsersFileError(f"{_shown(path)}: has no account; {_how_to_add(path)}")

    @property
    def highest_cost(self) -> int:
        """The highest cost of any account's hash."""
        return self.accounts.highest_cost

    def has(self, name: str) -> bool:
        """Whether the canonical `name` has an account."""
        return name in self.accounts

    def hash_of(self, name: str) -> str | None:
        """The bcrypt hash of the canonical `name`, or None where it has no account."""
        return self.accounts.get(name)

    def look(self) -> Change:
        """Read the file again if it has changed since the last look.

        A file that can't be used leaves the accounts as they are and is told once.
        """
        try:
            found: _Fingerprint | None = _fingerprint(os.stat(self._path))
        except OSError:
            found = None
        if found is not None and found == self._seen:
            self._told = None  # the next trouble is a new one, even in the same words
            return Change()
        try:
            fingerprint, data = _read(self._path)
        except UsersFileError as error:
            return self._tell_once(str(error))  # may pass by itself: looked at again next time
        self._seen = fingerprint
        try:
            accounts = _parse(self._path, data)
        except UsersFileError as error:
            return self._tell_once(str(error))
        self._told = None
        removed = frozenset(self.accounts) - frozenset(accounts)
        self.accounts = accounts
        return Change(count=len(accounts), removed=removed)

    def _tell_once(self, error: str) -> Change:
        if error == self._told:
            return Change()
        self._told = error
        return Change(error=error)


def _read(path: Path) -> tuple[_Fingerprint, bytes]:
    try:
        # Without O_NONBLOCK, opening a FIFO would wait for a writer.
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise UsersFileError(f"{_shown(path)}: no such file; {_how_to_add(path)}") from None
    except OSError as error:
        raise UsersFileError(f"{_shown(path)}: {_why(error)}") from None
    try:
        # Before reading: what is written while we read shows as a change at the next look.
        status = os.fstat(file)
        if stat.S_ISDIR(status.st_mode):
            raise UsersFileError(f"{_shown(path)}: is a folder; name a file in it")
        if not stat.S_ISREG(status.st_mode):
            raise UsersFileError(f"{_shown(path)}: is no regular file; name one")
        data = _read_at_most(file, SIZE_LIMIT + 1)
    except OSError as error:
        raise UsersFileError(f"{_shown(path)}: {_why(error)}") from None
    finally:
        os.close(file)
    if len(data) > SIZE_LIMIT:
        raise UsersFileError(
            f"{_shown(path)}: larger than {SIZE_LIMIT} bytes, which no users file is;"
            " is it the right file?"
        )
    return _fingerprint(status), data


def _read_at_most(file: int, size: int) -> bytes:
    chunks: list[bytes] = []
    while size > 0 and (chunk := os.read(file, min(size, 1 << 20))):
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)


def _fingerprint(status: os.stat_result) -> _Fingerprint:
    return _Fingerprint(status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size)


class _Pairs(list[tuple[str, object]]):
    """A JSON object as it was written, with its duplicate keys."""


def _parse(path: Path, data: bytes) -> Accounts:
    pairs = _parse_json(path, data)
    if not isinstance(pairs, _Pairs):
        raise UsersFileError(
            f"{_shown(path)}: line 1 column 1: {_kind(pairs)} where an object"
            ' {"name": "bcrypt hash"} belongs'
        )
    hashes: dict[str, str] = {}
    written: dict[str, str] = {}
    for key, value in pairs:
        name = canonical_name(key)
        place = f"{_shown(path)}: account {quoted(key)}"
        if name is None:
            raise UsersFileError(f"{place}: {NAME_RULE}; rename or remove it")
        if name in hashes:
            twin = (
                "is there twice"
                if written[name] == key
                else (
                    f"is the same name as another in Unicode's composed form (NFC), {quoted(name)}"
                )
            )
            raise UsersFileError(f"{place}: {twin}; remove one of the two")
        if not isinstance(value, str):
            raise UsersFileError(
                f"{place}: {_kind(value)} where its bcrypt hash belongs; {_how_to_redo(path, name)}"
            )
        if _HASH.fullmatch(value) is None:
            raise UsersFileError(
                f"{place}: its value is no bcrypt hash ($2a$, $2b$ or $2y$, cost 04 to 31);"
                f" {_how_to_redo(path, name)}"
            )
        hashes[name] = value
        written[name] = key
    return Accounts(hashes)


NAME_RULE: Final = (
    f"a name is 1 to {NAME_LENGTH} letters, marks, digits, '_', '-' or '.', and not"
    " 'none', 'server' or 'error'"
)
"""The rule of names, as errors say it."""


def _parse_json(path: Path, data: bytes) -> object:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise UsersFileError(
            f"{_shown(path)}: line {line}, byte {column}: not UTF-8; save the file as UTF-8"
        ) from None
    if not text.strip():
        raise UsersFileError(f"{_shown(path)}: is empty; delete it, then {_how_to_add(path)}")
    if text.startswith("\ufeff"):
        raise UsersFileError(
            f"{_shown(path)}: line 1 column 1: a byte order mark; save the file as UTF-8 without it"
        )
    try:
        parsed: object = json.loads(text, object_pairs_hook=_Pairs)
    except json.JSONDecodeError as error:
        raise UsersFileError(
            f"{_shown(path)}: line {error.lineno} column {error.colno}: not JSON: {error.msg};"
            " correct that place"
        ) from None
    except (RecursionError, ValueError):  # nested a thousand deep; a number of 5,000 digits
        raise UsersFileError(
            f'{_shown(path)}: no object {{"name": "bcrypt hash"}}; is it the right file?'
        ) from None
    return parsed


def _kind(value: object) -> str:
    if isinstance(value, _Pairs):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return _TYPES.get(type(value), "a text")


def _shown(path: Path) -> str:
    return one_line(str(path))


def _why(error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return "permission denied; make it readable for the user that runs this program"
    return one_line(error.strerror or str(error))


def _how_to_add(path: Path) -> str:
    return f"make an account with: chat-server users add NAME --users {_argument(path)}"


def _how_to_redo(path: Path, name: str) -> str:
    return (
        f"take the account out of the file, then: chat-server users add {name}"
        f" --users {_argument(path)}"
    )


def _argument(path: Path) -> str:
    return one_line(shlex.quote(str(path)))
