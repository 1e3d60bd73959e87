"""The grammar: bytes in, values out, and values in, bytes out."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_server.wire.protocol import (
    OVERSIZE,
    Action,
    Command,
    ErrorReply,
    LineBuffer,
    LineTooLongError,
    Message,
    OversizeLine,
    PrivateMessage,
    Reply,
    TextLine,
    UnknownLine,
    canonical_name,
    clean,
    decode_line,
    encode_error,
    encode_message,
    encode_messages,
    encode_replies,
    parse_client_line,
    parse_server_line,
    published_form,
    quoted_in_reply,
)


def test_line_buffer_splits_only_at_lf() -> None:
    buffer = LineBuffer(100)
    assert buffer.feed("a\r\nb\u2028\x85c\x0b\n\n".encode()) == [
        b"a\r",
        "b\u2028\x85c\x0b".encode(),
        b"",
    ]


LINES_AND_FRAGMENTS = st.lists(
    st.sampled_from([b"\n", b"\r\n", b"x" * 7, b"x" * 8, "é\u2028".encode(), b"\x00\x0b\xff"])
    | st.binary(max_size=12)
).map(b"".join)
"""Bytes with many line ends, and lines near the limit of 8."""


@given(LINES_AND_FRAGMENTS, st.data())
def test_line_buffer_equals_naive_splitter_for_any_chunking(
    stream: bytes, data: st.DataObject
) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(stream))).map(sorted))
    buffer = LineBuffer(8)
    lines: list[bytes | OversizeLine] = []
    for start, end in pairwise([0, *cuts, len(stream)]):
        lines += buffer.feed(stream[start:end])
        assert len(buffer._partial) < 8
    lines += buffer.finish()

    *whole, rest = stream.split(b"\n")
    naive: list[bytes | OversizeLine] = [line if len(line) < 8 else OVERSIZE for line in whole]
    if rest:
        naive.append(rest if len(rest) < 8 else OVERSIZE)
    assert lines == naive


def test_line_buffer_accepts_line_of_exactly_the_limit() -> None:
    assert LineBuffer(4096).feed(b"x" * 4095 + b"\n") == [b"x" * 4095]
    assert LineBuffer(4096).feed(b"x" * 4096 + b"\n") == [OVERSIZE]


def test_line_buffer_reports_oversize_line_at_once_and_only_once() -> None:
    buffer = LineBuffer(10)
    assert buffer.feed(b"x" * 10) == [OVERSIZE]
    assert buffer.feed(b"x" * 1000) == []
    assert buffer.feed(b"x\nnext\n") == [b"next"]


def test_decode_line_strips_trailing_space_and_keeps_control_characters() -> None:
    assert decode_line(b"  a b \t\r") == "  a b"
    assert decode_line("a\u3000\u2028".encode()) == "a"
    assert decode_line(b"pw\x1f") == "pw\x1f"
    with pytest.raises(UnicodeDecodeError):
        decode_line(b"\xc0\xaf")


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        ("", None),
        ("hello", TextLine("hello")),
        (" /join x", TextLine(" /join x")),
        ("//join x", TextLine("/join x")),
        ("/join x", Command("/join", ("x",))),
        ("/join  x  y", Command("/join", ("x", "y"))),
        ("/", Command("/", ())),
        ("/a\tb", Command("/a\tb", ())),
    ],
)
def test_parse_client_line(line: str, parsed: Command | TextLine | None) -> None:
    assert parse_client_line(line) == parsed


@pytest.mark.parametrize(
    "name", ["a", "Ädèl", "名前", "x" * 32, "..", "-_-", "नमस्ते", "None1", "07", "cafe\u0301"]
)
def test_canonical_name_accepts_valid_names(name: str) -> None:
    assert canonical_name(name) is not None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x" * 33,
        "a b",
        "*",
        "a/b",
        "none",
        "SERVER",
        "Error",
        "a\x1b",
        "a\u202e",
        "👋",
        "²",
        "a:",
    ],
)
def test_canonical_name_rejects_invalid_names(name: str) -> None:
    assert canonical_name(name) is None


def test_canonical_name_normalizes_unicode() -> None:
    assert canonical_name("cafe\u0301") == "café"
    assert canonical_name("e\u0301" * 32) == "é" * 32


def test_clean_removes_control_and_bidi_characters() -> None:
    assert clean("a\x1b[31m\x9b1m\x07\tb\u2028\u202e\u2066c\x7f") == "a[31m1m\tbc"
    assert clean("emoji 👩‍💻 नमस्ते 你好") == "emoji 👩‍💻 नमस्ते 你好"


def test_published_form_of_invisible_text_is_empty() -> None:
    assert published_form(" \x1b \x07 ") == ""
    assert published_form("  a \x1b ") == "  a"


@given(st.text())
def test_published_form_is_stable_across_the_wire(text: str) -> None:
    form = published_form(text.replace("\n", " "))
    assert published_form(form) == form
    if form and len(form) < 1000:
        parsed = parse_client_line(decode_line(encode_message(form)[:-1]))
        assert isinstance(parsed, TextLine)
        assert published_form(parsed.text) == form


NAMES = st.text(min_size=1, max_size=32).map(canonical_name).filter(lambda name: name is not None)
WORD = st.text(st.characters(exclude_characters=" \n", exclude_categories=["Cs"]), min_size=1)
PUBLISHED = st.text().map(published_form).filter(bool)


@given(WORD.filter(lambda word: word[0] != "/"), st.lists(WORD), st.integers(1, 3))
def test_command_line_round_trips(word: str, rest: list[str], spaces: int) -> None:
    line = (" " * spaces).join([f"/{word}", *rest])
    assert parse_client_line(line) == Command(f"/{word}", tuple(rest))


@given(NAMES, st.lists(PUBLISHED, min_size=1, max_size=4))
def test_encoded_messages_round_trip(name: str, texts: list[str]) -> None:
    lines = encode_messages("12:34:56", name, texts).decode().removesuffix("\n").split("\n")
    assert [parse_server_line(line) for line in lines] == [
        Message("12:34:56", name, text) for text in texts
    ]


@given(st.lists(PUBLISHED, min_size=1, max_size=4))
def test_encoded_replies_and_errors_round_trip(texts: list[str]) -> None:
    lines = encode_replies(texts).decode().removesuffix("\n").split("\n")
    assert [parse_server_line(line) for line in lines] == [Reply(text) for text in texts]
    assert parse_server_line(encode_error(texts[0]).decode()[:-1]) == ErrorReply(texts[0])


def test_echoed_text_is_escaped_and_truncated() -> None:
    assert quoted_in_reply("\x1b" + "x" * 100) == "x" * 64


def test_encode_message_escapes_slash_and_enforces_line_limit() -> None:
    assert encode_message("/x") == b"//x\n"
    assert len(encode_message("x" * 4095)) == 4096
    with pytest.raises(LineTooLongError):
        encode_message("/" + "x" * 4094)


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        ("[SERVER] Goodbye", Reply("Goodbye")),
        ("[ERROR] no", ErrorReply("no")),
        ("[12:00:00] al:  b: c", Message("12:00:00", "al", " b: c")),
        ("[12:00:00] bob: -> alice: hi", Message("12:00:00", "bob", "-> alice: hi")),
        ("[12:00:00] * al waves", Action("12:00:00", "al", "waves")),
        ("[12:00:00] al -> bo: psst", PrivateMessage("12:00:00", "al", "bo", "psst")),
        (
            "[2026-11-22T21:03:04.000001+01:00] al: hi",
            Message("2026-11-22T21:03:04.000001+01:00", "al", "hi", past=True),
        ),
        ("anything else", UnknownLine("anything else")),
        ("[SERVER]x", UnknownLine("[SERVER]x")),
        ("[1:00] al: x", UnknownLine("[1:00] al: x")),
    ],
)
def test_parse_server_line(line: str, parsed: object) -> None:
    assert parse_server_line(line) == parsed


@given(st.text())
def test_parse_server_line_accepts_any_text(line: str) -> None:
    parse_server_line(line)


def test_live_messages_are_encoded_as_one_block_of_lines() -> None:
    assert encode_messages("12:00:00", "al", ["a", "é"]) == (
        "[12:00:00] al: a\n[12:00:00] al: é\n".encode()
    )
