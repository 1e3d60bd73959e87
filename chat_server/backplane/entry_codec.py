"""Requests as fields of the stream, and back. Pure: no network.

An entry of the stream has the ID `<stamp>-0` and always the same fields, in this order:

    n   its number among all entries of the log, without a gap
    k   kind, see `_KINDS`
    o   origin: node and start of the server that appended it. Empty: a script
    s   its number among those of its origin
    u   user, g generation: the session that asks
    w   the stamp that it had before the log lost it, or 0
    r   room, for messages that were lost. For a change of an account by a program: the account
        before it, as `account_json` has it
    d   data: the texts of messages, joined by LF, or else the fields of the request in JSON
    c   the chain of the entry before, and its own: a hash of that, its stamp, s, g and w

The field names and their order are part of `FORM`: servers with another form do not take part.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any, Final, NamedTuple, TypeAlias

from chat_server.core import requests, values

FORM: Final = "2"
"""The form of the log, of the scripts and of the decisions: raise it if servers before and after a
change would decide differently at an entry. Servers of different forms cannot share a log."""

CHAIN_SIZE: Final = 8
"""Characters of a chain."""

NO_CHAIN: Final = "0" * CHAIN_SIZE
"""The chain before the first entry."""

RawEntry: TypeAlias = tuple[bytes, list[bytes]]
"""An entry as Redis returns it: the ID, then names and values in turn."""

_SAY: Final = "say"
_ACT: Final = "act"

_KINDS: Final[dict[str, type[Any]]] = {
    "login": requests.LogIn,
    "logout": requests.LogOut,
    "join": requests.Join,
    "subscribe": requests.Subscribe,
    "unsubscribe": requests.Unsubscribe,
    "private": requests.SendPrivate,
    "read": requests.ReadPrivate,
    "correct": requests.CorrectWaiting,
    "announce": requests.Announce,
    "kick": requests.Kick,
    "ban-user": requests.BanUser,
    "ban-address": requests.BanAddress,
    "unban": requests.Unban,
    "erase": requests.Erase,
    "account": requests.ChangeAccount,
    "restore": requests.RestoreSession,
    "end-node": requests.EndNode,
}
_NAMES: Final = {request_type: name for name, request_type in _KINDS.items()}

_LOCAL_FIELDS: Final = {("login", "client")}
"""Fields that mean something only to the server of the session."""

_FIELDS: Final = {
    name: tuple(field.name for field in fields(each) if (name, field.name) not in _LOCAL_FIELDS)
    for name, each in _KINDS.items()
}


class Encoded(NamedTuple):
    """A request as the scripts take it."""

    kind: str
    data: bytes
    stamps: int
    """How many stamps it needs: one for each message of a run."""
    is_message: bool
    """It is a message, so it goes to its room also if the log loses it."""


class DecodedEntry(NamedTuple):
    """An entry and its place in the log."""

    place: int
    """Its number among all entries of the log, without a gap."""
    entry: requests.Entry


class EntryError(Exception):
    """An entry is not in the form of this version."""


def encode(request: requests.Request) -> Encoded:
    """Encode a request."""
    if isinstance(request, requests.Publish):
        kind = _ACT if request.is_action else _SAY
        return Encoded(kind, _bytes("\n".join(request.texts)), len(request.texts), True)
    kind = _NAMES[type(request)]
    given = [_plain(getattr(request, name)) for name in _FIELDS[kind]]
    data = json.dumps(given, ensure_ascii=False, separators=(",", ":"))
    return Encoded(kind, _bytes(data), 1, kind == "private")


def decode(kind: str, data: bytes) -> requests.Request:
    """Decode a request. Raises `EntryError`."""
    if kind in {_SAY, _ACT}:
        return requests.Publish(tuple(_text(data).split("\n")), kind == _ACT)
    try:
        made_by, names = _KINDS[kind], _FIELDS[kind]
        given = dict(zip(names, json.loads(_text(data)), strict=True))
        for name in given.keys() & _CONVERSIONS.keys():
            given[name] = _CONVERSIONS[name](given[name])
        request: requests.Request = made_by(**given)
    except (KeyError, TypeError, ValueError) as error:
        raise EntryError(f"{kind}: {error}") from error
    return request


def decode_entry(raw: RawEntry, own: requests.Request | None = None) -> DecodedEntry:
    """Decode an entry of the stream. Raises `EntryError`.

    `own`: the request, if this server has appended it and still holds it.
    """
    identifier, given = raw
    try:
        # By position: a dictionary for each entry would take as long as the rest of the decoding.
        (
            _,
            count,
            _,
            kind,
            _,
            node,
            _,
            number,
            _,
            user,
            _,
            generation,
            _,
            first,
            _,
            room,
            _,
            data,
            _,
            _,
        ) = given
        return DecodedEntry(
            int(count),
            requests.Entry(
                int(identifier[:-2]),
                decode(kind.decode(), data) if own is None else own,
                _text(user),
                int(generation),
                _text(node),
                int(number),
                int(first),
                _text(room),
            ),
        )
    except ValueError as error:
        raise EntryError(f"{identifier!r}: {error}") from error


def origin(raw: RawEntry) -> tuple[str, int]:
    """Return the node that appended an entry, and the entry's number among its own."""
    return _text(raw[1][5]), int(raw[1][7])


def data_size(raw: RawEntry) -> int:
    """Return the bytes of an entry's data."""
    return len(raw[1][17])


def chains(raw: RawEntry) -> tuple[str, str]:
    """Return the chain of the entry before, and that of an entry."""
    both = raw[1][19].decode()
    return both[:CHAIN_SIZE], both[CHAIN_SIZE:]


def account_json(account: requests.AccountRecord) -> str:
    """Return an account as the hash of Redis holds it."""
    return json.dumps(
        {
            "password": account.password_hash,
            "disabled": account.is_disabled,
            "created": account.created,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def account_from_json(text: str | bytes) -> requests.AccountRecord:
    """Return the account of a value in the hash of Redis. Raises `EntryError`."""
    try:
        given = json.loads(text)
        return requests.AccountRecord(
            str(given["password"]), bool(given.get("disabled", False)), given.get("created")
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise EntryError(f"an account: {error}") from error


def wrong_form(form: bytes) -> str:
    """Return why this server cannot take part in a log of another form."""
    return (
        f"the servers that share this Redis use form {form.decode(errors='replace')} of the log,"
        f" and this server form {FORM}; run the same version on all of them"
    )


def _plain(value: Any) -> Any:
    """Return a field as JSON can hold it."""
    if isinstance(value, values.EndCause):
        return value.name
    if isinstance(value, requests.AccountRecord):
        return [value.password_hash, value.is_disabled, value.created]
    return value


_CONVERSIONS: Final[dict[str, Callable[[Any], Any]]] = {
    "cause": lambda name: None if name is None else values.EndCause[name],
    "account": lambda given: None if given is None else requests.AccountRecord(*given),
    "numbers": lambda given: tuple((author, number) for author, number in given),
}
"""How to make the fields that JSON cannot hold, by their names."""


def _bytes(text: str) -> bytes:
    # A name that was typed may contain any character, also one that UTF-8 does not allow.
    return text.encode("utf-8", "surrogatepass")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")
