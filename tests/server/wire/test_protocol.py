"""The grammar: bytes in, values out; values in, bytes out."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_server.wire.protocol import (
    OVERSIZE,
    Action,
    Command,
    Failure,
    LineBuffer,
    LineTooLong,
    Message,
    Oversize,
    Private,
    Reply,
    Text,
    Unknown,
    canonical_name,
    clean,
    decode_line,
    echoed,
    encode_error,
    encode_live_messages,
    encode_message,
    encode_replies,
    parse_client_line,
    parse_server_line,
    published_form,
)


def test_lines_are_split_at_lf_and_nowhere_else() -> None:
    buffer = LineBuffer(100)
    assert buffer.feed("a\r\nb\u2028\x85c\x0b\n\n".encode()) == [
        b"a\r",
        "b\u2028\x85c\x0b".encode(),
        b"",
    ]


LINES_AND_SCRAPS = st.lists(
    st.sampled_from([b"\n", b"\r\n", b"x" * 7, b"x" * 8, "é\u2028".encode(), b"\x00\x0b\xff"])
    | st.binary(max_size=12)
).map(b"".join)
"""Bytes with many ends of lines, and lines right at a limit of 8."""


@given(LINES_AND_SCRAPS, st.data())
def test_however_bytes_are_split_the_buffer_equals_a_naive_splitter(
    stream: bytes, data: st.DataObject
) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(stream))).map(sorted))
    buffer = LineBuffer(8)
    lines: list[bytes | Oversize] = []
    for start, end in pairwise([0, *cuts, len(stream)]):
        lines += buffer.feed(stream[start:end])
        assert len(buffer._partial) < 8
    lines += buffer.finish()

    *whole, rest = stream.split(b"\n")
    naive: list[bytes | Oversize] = [line if len(line) < 8 else OVERSIZE for line in whole]
    if rest:
        naive.append(rest if len(rest) < 8 else OVERSIZE)
    assert lines == naive


def test_a_line_of_exactly_the_limit_passes_and_one_byte_more_does_not() -> None:
    assert LineBuffer(4096).feed(b"x" * 4095 + b"\n") == [b"x" * 4095]
    assert LineBuffer(4096).feed(b"x" * 4096 + b"\n") == [OVERSIZE]


def test_a_too_long_line_is_told_at_once_and_once() -> None:
    buffer = LineBuffer(10)
    assert buffer.feed(b"x" * 10) == [OVERSIZE]
    assert buffer.feed(b"x" * 1000) == []
    assert buffer.feed(b"x\nnext\n") == [b"next"]


def test_trailing_white_space_goes_and_control_characters_stay_for_the_parser() -> None:
    assert decode_line(b"  a b \t\r") == "  a b"
    assert decode_line("a\u3000\u2028".encode()) == "a"
    assert decode_line(b"pw\x1f") == "pw\x1f"
    with pytest.raises(UnicodeDecodeError):
        decode_line(b"\xc0\xaf")


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        ("", None),
        ("hello", Text("hello")),
        (" /join x", Text(" /join x")),
        ("//join x", Text("/join x")),
        ("/join x", Command("/join", ("x",))),
        ("/join  x  y", Command("/join", ("x", "y"))),
        ("/", Command("/", ())),
        ("/a\tb", Command("/a\tb", ())),
    ],
)
def test_client_lines(line: str, parsed: Command | Text | None) -> None:
    assert parse_client_line(line) == parsed


@pytest.mark.parametrize(
    "name", ["a", "Ädèl", "名前", "x" * 32, "..", "-_-", "नमस्ते", "None1", "07", "cafe\u0301"]
)
def test_names(name: str) -> None:
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
def test_no_names(name: str) -> None:
    assert canonical_name(name) is None


def test_a_name_has_one_form() -> None:
    assert canonical_name("cafe\u0301") == "café"
    assert canonical_name("e\u0301" * 32) == "é" * 32


def test_clean_drops_what_moves_a_terminal_and_keeps_the_rest() -> None:
    assert clean("a\x1b[31m\x9b1m\x07\tb\u2028\u202e\u2066c\x7f") == "a[31m1m\tbc"
    assert clean("emoji 👩‍💻 नमस्ते 你好") == "emoji 👩‍💻 नमस्ते 你好"


def test_published_form_may_leave_nothing() -> None:
    assert published_form(" \x1b \x07 ") == ""
    assert published_form("  a \x1b ") == "  a"


@given(st.text())
def test_published_form_is_what_the_server_makes_of_it(text: str) -> None:
    form = published_form(text.replace("\n", " "))
    assert published_form(form) == form
    if form and len(form) < 1000:
        parsed = parse_client_line(decode_line(encode_message(form)[:-1]))
        assert isinstance(parsed, Text)
        assert published_form(parsed.text) == form


NAMES = st.text(min_size=1, max_size=32).map(canonical_name).filter(lambda name: name is not None)
WORDS = st.text(st.characters(exclude_characters=" \n", exclude_categories=["Cs"]), min_size=1)
SPOKEN = st.text().map(published_form).filter(bool)


@given(WORDS.filter(lambda word: word[0] != "/"), st.lists(WORDS), st.integers(1, 3))
def test_a_command_comes_back_as_its_words(word: str, rest: list[str], spaces: int) -> None:
    line = (" " * spaces).join([f"/{word}", *rest])
    assert parse_client_line(line) == Command(f"/{word}", tuple(rest))


@given(NAMES, st.lists(SPOKEN, min_size=1, max_size=4))
def test_messages_come_back_as_they_were_published(name: str, texts: list[str]) -> None:
    lines = encode_live_messages("12:34:56", name, texts).decode().removesuffix("\n").split("\n")
    assert [parse_server_line(line) for line in lines] == [
        Message("12:34:56", name, text) for text in texts
    ]


@given(st.lists(SPOKEN, min_size=1, max_size=4))
def test_replies_and_errors_come_back_as_they_were_given(texts: list[str]) -> None:
    lines = encode_replies(texts).decode().removesuffix("\n").split("\n")
    assert [parse_server_line(line) for line in lines] == [Reply(text) for text in texts]
    assert parse_server_line(encode_error(texts[0]).decode()[:-1]) == Failure(texts[0])


def test_an_echoed_word_is_cut() -> None:
    assert echoed("\x1b" + "x" * 100) == "x" * 64


def test_encoding_knows_the_limit() -> None:
    assert encode_message("/x") == b"//x\n"
    assert len(encode_message("x" * 4095)) == 4096
    with pytest.raises(LineTooLong):
        encode_message("/" + "x" * 4094)


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        ("[SERVER] Goodbye", Reply("Goodbye")),
        ("[ERROR] no", Failure("no")),
        ("[12:00:00] al:  b: c", Message("12:00:00", "al", " b: c")),
        ("[12:00:00] bob: -> alice: hi", Message("12:00:00", "bob", "-> alice: hi")),
        ("[12:00:00] * al waves", Action("12:00:00", "al", "waves")),
        ("[12:00:00] al -> bo: psst", Private("12:00:00", "al", "bo", "psst")),
        (
            "[2026-11-22T21:03:04.000001+01:00] al: hi",
            Message("2026-11-22T21:03:04.000001+01:00", "al", "hi", past=True),
        ),
        ("anything else", Unknown("anything else")),
        ("[SERVER]x", Unknown("[SERVER]x")),
        ("[1:00] al: x", Unknown("[1:00] al: x")),
    ],
)
def test_server_lines(line: str, parsed: object) -> None:
    assert parse_server_line(line) == parsed


@given(st.text())
def test_no_server_line_breaks_the_parser(line: str) -> None:
    parse_server_line(line)


def test_a_run_of_messages_is_one_piece_of_whole_lines() -> None:
    assert encode_live_messages("12:00:00", "al", ["a", "é"]) == (
        "[12:00:00] al: a\n[12:00:00] al: é\n".encode()
    )
