"""The format of the users file and its companion: parse bytes, and explain what is invalid.

Pure: bytes in, names and hashes out. A path is needed only to name the file in errors. Each error
is one line: it names the file, the place in it and what to do. `file_reader` describes the purpose
of the two files.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from chat_server.accounts.password_hash import hash_cost
from chat_server.config import HIGHEST_COST
from chat_server.escape import one_line, quoted
from chat_server.wire import MAX_NAME_LENGTH, canonical_name

# 22 characters for the 128 bits of the salt, 31 for the 184 bits of the hash. The last character of
# each has spare bits, which are 0. bcrypt rejects a salt if they are not; such a hash matches
# no password.
_HASH: Final = re.compile(
    r"\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$"
    r"[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]"
)

_TYPES: Final = {bool: "true or false", int: "a number", float: "a number", type(None): "null"}

_MAX_BRACKETS: Final = 100
"""Most opening brackets in a file. A valid one has three, because no name and no hash has any. The
parser uses a stack level for each, and a client's thread has a small stack. Python 3.13 allows so
many levels that the process would crash."""

_USERS_FORMAT: Final = '{"name": "bcrypt hash"}'
_COMPANION_FORMAT: Final = '{"disabled": {"name": "bcrypt hash"}, "created": {"name": "time"}}'


class UsersFileError(Exception):
    """The users file cannot be used. The text is one line: the file, the place, what to do."""


class UsersFileConflictError(UsersFileError):
    """Another program is changing the users file."""


def parse_users(path: Path, data: bytes) -> dict[str, str]:
    """Return the names and hashes in a users file. Raises `UsersFileError`."""
    pairs = _object(path, data, _USERS_FORMAT, f"delete it, then {add_hint(path)}")
    return _hashes(path, pairs, lambda name: _reset_hint(path, name))


class _JsonPairs(list[tuple[str, object]]):
    """A JSON object as it is in the file, with duplicate keys."""


def _object(path: Path, data: bytes, form: str, if_empty: str) -> _JsonPairs:
    pairs = _parse_json(path, data, form, if_empty)
    if not isinstance(pairs, _JsonPairs):
        raise UsersFileError(
            f"{format_path(path)}: line 1 column 1: {_json_type(pairs)} instead of an object {form}"
        )
    return pairs


def _names(path: Path, pairs: _JsonPairs) -> Iterator[tuple[str, str, object]]:
    """Yield the canonical name, the place to name in an error, and the value of each pair."""
    written: dict[str, str] = {}
    for key, value in pairs:
        name = canonical_name(key)
        place = f"{format_path(path)}: account {quoted(key)}"
        if name is None:
            raise UsersFileError(f"{place}: {NAME_RULE}; rename or remove it")
        if name in written:
            duplicate = (
                "is there twice"
                if written[name] == key
                else (
                    f"is the same name as another in Unicode's composed form (NFC), {quoted(name)}"
                )
            )
            raise UsersFileError(f"{place}: {duplicate}; remove one of the two")
        written[name] = key
        yield name, place, value


def _hashes(path: Path, pairs: _JsonPairs, hint: Callable[[str], str]) -> dict[str, str]:
    hashes: dict[str, str] = {}
    for name, place, value in _names(path, pairs):
        if not isinstance(value, str):
            raise UsersFileError(
                f"{place}: {_json_type(value)} instead of its bcrypt hash; {hint(name)}"
            )
        if _HASH.fullmatch(value) is None:
            raise UsersFileError(
                f"{place}: its value is not a bcrypt hash ($2a$, $2b$ or $2y$, cost 04 to"
                f" {HIGHEST_COST}); {hint(name)}"
            )
        # A login as an unknown user costs as much as the most expensive hash here.
        if hash_cost(value) > HIGHEST_COST:
            raise UsersFileError(
                f"{place}: its hash has cost {hash_cost(value)}; the highest allowed is"
                f" {HIGHEST_COST}, so that one login cannot delay all others; {hint(name)}"
            )
        hashes[name] = value
    return hashes


def parse_companion(path: Path, data: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """Return the hashes of the disabled accounts, and the creation times of accounts.

    Raises `UsersFileError`.
    """
    disabled: dict[str, str] = {}
    created: dict[str, str] = {}
    seen: set[str] = set()
    for key, value in _object(path, data, _COMPANION_FORMAT, "delete it"):
        place = f"{format_path(path)}: {quoted(key)}"
        if key not in ("disabled", "created") or key in seen:
            why = "is there twice" if key in seen else 'is neither "disabled" nor "created"'
            raise UsersFileError(f"{place}: {why}; remove it")
        seen.add(key)
        if not isinstance(value, _JsonPairs):
            raise UsersFileError(f"{place}: {_json_type(value)} instead of an object; correct it")
        if key == "disabled":
            disabled = _hashes(path, value, lambda _: "correct or remove that line")
        else:
            created = _creation_times(path, value)
    return disabled, created


def _creation_times(path: Path, pairs: _JsonPairs) -> dict[str, str]:
    times: dict[str, str] = {}
    for name, place, value in _names(path, pairs):
        try:
            if not isinstance(value, str) or not value.isascii():
                raise ValueError
            datetime.fromisoformat(value)
        except ValueError:
            raise UsersFileError(
                f'{place}: not a time such as "2026-11-26T09:30:00Z"; correct or remove that line'
            ) from None
        times[name] = value
    return times


NAME_RULE: Final = (
    f"a name is 1 to {MAX_NAME_LENGTH} letters, marks, digits, '_', '-' or '.', and not"
    " 'none', 'server' or 'error'"
)
"""The rule for names, as it appears in errors."""


def _parse_json(path: Path, data: bytes, form: str, if_empty: str) -> object:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise UsersFileError(
            f"{format_path(path)}: line {line}, byte {column}: not UTF-8; save the file as UTF-8"
        ) from None
    if not text.strip():
        raise UsersFileError(f"{format_path(path)}: is empty; {if_empty}")
    if text.startswith("\ufeff"):
        raise UsersFileError(
            f"{format_path(path)}: line 1 column 1: a byte order mark; save the file as UTF-8"
            " without it"
        )
    not_an_object = UsersFileError(
        f"{format_path(path)}: not an object {form}; is it the right file?"
    )
    if text.count("[") + text.count("{") > _MAX_BRACKETS:
        raise not_an_object
    try:
        parsed: object = json.loads(text, object_pairs_hook=_JsonPairs)
    except json.JSONDecodeError as error:
        raise UsersFileError(
            f"{format_path(path)}: line {error.lineno} column {error.colno}: not JSON: {error.msg};"
            " correct that place"
        ) from None
    except ValueError:  # a number of 5,000 digits
        raise not_an_object from None
    return parsed


def _json_type(value: object) -> str:
    if isinstance(value, _JsonPairs):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return _TYPES.get(type(value), "a string")


def format_path(path: Path) -> str:
    """Return the path escaped for a one-line error."""
    return one_line(str(path))


def add_hint(path: Path) -> str:
    """Return what to do if there are no accounts."""
    return f"create an account with: chat-server users add NAME --users {_shell_argument(path)}"


def enable_hint(path: Path) -> str:
    """Return what to do if all accounts are disabled."""
    return f"enable an account with: chat-server users enable NAME --users {_shell_argument(path)}"


def _reset_hint(path: Path, name: str) -> str:
    return (
        f"remove the account from the file, then: chat-server users add {name}"
        f" --users {_shell_argument(path)}"
    )


def _shell_argument(path: Path) -> str:
    return one_line(shlex.quote(str(path)))
