"""The codec of the log: every request survives, and what another version writes is an error."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_server.backplane import entry_codec
from chat_server.core import requests, values

LINES = st.text(st.characters(exclude_characters="\n"), min_size=1)
CHAINS = ("0" * 8, "89abcdef")
TYPED = st.text(st.characters(codec=None))
"""Also characters that UTF-8 does not allow."""

MESSAGES = st.builds(requests.Publish, st.lists(LINES, min_size=1).map(tuple), st.booleans())
ACCOUNTS = st.builds(requests.AccountRecord, TYPED, st.booleans(), st.none() | TYPED)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "str": TYPED,
    "int": st.integers(0, 2**53),
    "int | None": st.none() | st.integers(0, 2**53),
    "bool": st.booleans(),
    "EndCause | None": st.none() | st.sampled_from(values.EndCause),
    "tuple[tuple[str, int], ...]": st.lists(st.tuples(TYPED, st.integers(0, 2**53))).map(tuple),
    "AccountRecord | None": st.none() | ACCOUNTS,
    "LoginClient | None": st.none(),  # the client, which is not part of the log
}


def requests_of(request_type: Any) -> st.SearchStrategy[requests.Request]:
    if request_type is requests.Publish:
        return MESSAGES
    return st.builds(
        request_type,
        **{field.name: FIELDS[str(field.type)] for field in dataclasses.fields(request_type)},
    )


REQUESTS = st.one_of([requests_of(each) for each in get_args(requests.Request)])


@given(REQUESTS)
def test_every_request_survives_the_log(request: requests.Request) -> None:
    encoded = entry_codec.encode(request)
    decoded = entry_codec.decode(encoded.kind, encoded.data)
    assert decoded == request
    assert type(decoded) is type(request)
    assert encoded.stamps == (len(request.texts) if isinstance(request, requests.Publish) else 1)


@given(REQUESTS, st.integers(0, 2**53), TYPED, TYPED)
def test_entry_survives_the_stream(
    request: requests.Request, number: int, user: str, node: str
) -> None:
    encoded = entry_codec.encode(request)
    raw = stream_fields(encoded, number, user, node)
    place, entry = entry_codec.decode_entry((b"1790000000000000-0", raw))
    assert place == 7
    assert entry == requests.Entry(
        1_790_000_000_000_000, request, user, 17, node, number, 23, "the room"
    )
    assert entry_codec.origin((b"1-0", raw)) == (node, number)
    assert entry_codec.chains((b"1-0", raw)) == CHAINS
    assert entry_codec.data_size((b"1-0", raw)) == len(encoded.data)


def stream_fields(encoded: entry_codec.Encoded, number: int, user: str, node: str) -> list[bytes]:
    given_values = [
        b"7",
        encoded.kind.encode(),
        node.encode("utf-8", "surrogatepass"),
        str(number).encode(),
        user.encode("utf-8", "surrogatepass"),
        b"17",
        b"23",
        b"the room",
        encoded.data,
        "".join(CHAINS).encode(),
    ]
    return [
        part
        for name, value in zip(b"nkosugwrdc", given_values, strict=True)
        for part in (bytes([name]), value)
    ]


def test_own_request_keeps_its_client() -> None:
    client = requests.LoginClient(object(), ())
    own = requests.LogIn("alice", "::1", client)
    encoded = entry_codec.encode(own)
    raw = stream_fields(encoded, 1, "", "a:1")
    _, entry = entry_codec.decode_entry((b"5-0", raw), own)
    assert entry.request is own
    _, elsewhere = entry_codec.decode_entry((b"5-0", raw))
    assert isinstance(elsewhere.request, requests.LogIn)
    assert elsewhere.request.client is None


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("dance", b"[]"),
        ("join", b"["),
        ("join", b"[]"),
        ("join", b'["a","b"]'),
        ("join", b"7"),
        ("logout", b'["NO_SUCH_CAUSE",false,null]'),
    ],
)
def test_entry_of_another_form_is_an_error(kind: str, data: bytes) -> None:
    with pytest.raises(entry_codec.EntryError, match=kind):
        entry_codec.decode(kind, data)


@given(ACCOUNTS)
def test_account_survives_the_hash(account: requests.AccountRecord) -> None:
    assert entry_codec.account_from_json(entry_codec.account_json(account)) == account


@pytest.mark.parametrize("text", ["", "[]", "7", "{}", '{"disabled":true}'])
def test_account_of_another_form_is_an_error(text: str) -> None:
    with pytest.raises(entry_codec.EntryError, match="an account"):
        entry_codec.account_from_json(text)
