"""Terminal input: everything that is typed arrives, and nothing that is not typed does."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from textual import events

from chat_tui.ui.terminal.input import InputParser
from chat_tui.ui.terminal.keys import key_events
from chat_tui.ui.terminal.sequences import (
    LATE_SECONDS,
    MAX_PASTE,
    PASTE_TIMEOUT,
    STRING_TIMEOUT,
    SequenceSplitter,
)

START, END = "\x1b[200~", "\x1b[201~"


class KeyboardHarness:
    """An `InputParser` with a fake clock. Every bug that it reports fails the test."""

    def __init__(self) -> None:
        self.now = 0.0
        self._parser = InputParser(_fail, clock=lambda: self.now)

    def sends(self, *chunks: str) -> list[str]:
        """Return what is read from the chunks: keys by name, pastes in quotes."""
        return [_name(message) for chunk in chunks for message in self._parser.feed(chunk)]

    def types(self, *chunks: str) -> str:
        """Return the text that fields insert, with pastes."""
        return "".join(_text(message) for chunk in chunks for message in self._parser.feed(chunk))

    def after(self, seconds: float) -> list[str]:
        self.now += seconds
        return [_name(message) for message in self._parser.tick()]

    def text_after(self, seconds: float) -> str:
        self.now += seconds
        return "".join(_text(message) for message in self._parser.tick())


def _fail(error: Exception) -> None:
    raise error


def _name(message: object) -> str:
    if isinstance(message, events.Paste):
        return repr(message.text)
    return message.key if isinstance(message, events.Key) else type(message).__name__


def _text(message: object) -> str:
    if isinstance(message, events.Paste):
        return message.text
    if isinstance(message, events.Key):
        return (message.character or "") if message.is_printable else f"<{message.key}>"
    return ""


# Text


@pytest.mark.parametrize(
    "text",
    [
        "日本語\u3000テキスト",
        "می\u200cخواهم",
        "ක්\u200dෂ \U0001f469\u200d\U0001f680",
        "a\u00a0b\u00adc\u2060d",
        "\u2764\ufe0f \U000e0061",
        "\ue000\U000f0000",
        "\U0001fae9\U0001f6d8",
        "e\u0301o\u0308\u0323",
        "\u200e\u200f\u061c",
        "한국어 입력기가 한 번에 보내는 아주 긴 글" * 20,
        "\u2003\u202f\u205f",
    ],
)
def test_every_typed_character_arrives(text: str) -> None:
    assert KeyboardHarness().types(text) == text
    codes = ":".join(str(ord(character)) for character in text)
    assert KeyboardHarness().types(f"\x1b[0;;{codes}u") == text
    assert KeyboardHarness().types(*(f"\x1b[{ord(one)}u" for one in text if not _is_private(one)))


def _is_private(character: str) -> bool:
    """Reports of these codes are keys that do not type, unless their text is reported."""
    return "\ue000" <= character <= "\uf8ff"


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"))))
def test_any_typed_text_arrives(text: str) -> None:
    keyboard = KeyboardHarness()
    assert keyboard.types(text) == text


@pytest.mark.parametrize(
    ("sequence", "typed"),
    [
        ("\x1b[0;;55357:56832u", "😀"),  # a surrogate pair
        ("\x1b[0;;55357u", "\ufffd"),
        ("\x1b[1114112u", "\ufffd"),
        ("\x1b[97;;99999999u", "\ufffd"),
        (f"\x1b[{'9' * 4000}u", "\ufffd"),
        ("\x1b[97:65;2;65u", "A"),
        ("\x1b[97:65;2u", "A"),
        ("\x1b[97;2u", "A"),
        ("\x1b[97;65u", "A"),  # caps lock
        ("\x1b[97;66u", "a"),  # caps lock and shift
        ("\x1b[49:33;2u", "!"),
        ("\x1b[113;7;64u", "@"),  # AltGr
        ("\x1b[97;3;229u", "å"),  # Option
        ("\x1b[57400u", "1"),
        ("\x1b[57409;129u", "."),
        ("\x1bOq", "1"),
        ("\x1bOl\x1bOX\x1bO ", ",= "),
        ("\x1b[32;2;32u", " "),
        ("\x1b[8232;;8232u", " "),
        ("\udcff\udce9", "\ufffd\ufffd"),  # bytes that are not UTF-8
        ("\x85", "\ufffd"),
    ],
)
def test_characters_of_reports_arrive_or_become_a_visible_mark(sequence: str, typed: str) -> None:
    assert KeyboardHarness().types(sequence) == typed


# Keys


def test_keys_are_read_outside_paste() -> None:
    keyboard = KeyboardHarness()
    assert keyboard.sends("a", "\x1b[A", "é", "\r", "\x1bOP") == ["a", "up", "é", "enter", "f1"]
    assert keyboard.sends("\x1b[", "B") == ["down"]


@pytest.mark.parametrize(
    ("sequence", "key"),
    [
        ("\x1b\r", "alt+enter"),
        ("\x1b[13;3u", "alt+enter"),
        ("\x1b[27;3;13~", "alt+enter"),
        ("\x1b[27;5;13~", "ctrl+enter"),
        ("\x1b[13;2u", "shift+enter"),
        ("\x1b[13;;13u", "enter"),
        ("\x1b\x1b[A", "alt+up"),
        ("\x1b\x1bOB", "alt+down"),
        ("\x1b\x1b[5~", "alt+pageup"),
        ("\x1b\x1b[1;5C", "alt+ctrl+right"),
        ("\x1b[1;3A", "alt+up"),
        ("\x1ba", "alt+a"),
        ("\x1b[97;3u", "alt+a"),
        ("\x1bA", "alt+shift+a"),
        ("\x1b1", "alt+1"),
        ("\x1b\x7f", "ctrl+w"),
        ("\x1b[Z", "shift+tab"),
        ("\x1b[[A", "f1"),
        ("\x1b[1;2R", "shift+f3"),
        ("\x1b[107;5u", "ctrl+k"),
        ("\x1b[107:75;6u", "ctrl+shift+k"),
        ("\x9b3~", "delete"),
        ("\udc9bA", "up"),
        ("\x1b[90;6u", "ctrl+shift+z"),
        ("\x1b[27;6;90~", "ctrl+shift+z"),
        ("\x1b[1051::107;6u", "ctrl+shift+k"),
        ("\x1b[25~", "f13"),
        ("\x1b[34~", "f20"),
        ("\x1bOb", "ctrl+down"),
        ("\x1b\x1bOb", "alt+ctrl+down"),
        ("\x1b[7^", "ctrl+home"),
        ("\x1b[8^", "ctrl+end"),
        ("\x1b[8@", "ctrl+shift+end"),
        ("\x1b[7$", "shift+home"),
        ("\x1bO5D", "ctrl+left"),
        ("\x1bO1;2P", "shift+f1"),
        ("\x1bOI", "tab"),
    ],
)
def test_key_sequence(sequence: str, key: str) -> None:
    assert KeyboardHarness().sends(sequence) == [key]


@pytest.mark.parametrize(
    ("sequence", "key"),
    [
        ("\x1b[1083::107;5u", "ctrl+k"),
        ("\x1b[1083;5u", "ctrl+k"),
        ("\x1b[1083:1051:107;6u", "ctrl+shift+k"),
        ("\x1b[1083;3u", "alt+k"),
        ("\x1bл", "alt+k"),
        ("\x1bЛ", "alt+shift+k"),
        ("\x1b[27;5;1083~", "ctrl+k"),
        ("\x1b[954;5u", "ctrl+k"),  # Greek
        ("\x1b[1500;5u", "ctrl+k"),  # Hebrew
        ("\x1b[1606;5u", "ctrl+k"),  # Arabic
        ("\x1b[4304::97;5u", "ctrl+a"),  # Georgian: no table, but the terminal reports the key
        ("\x1b[246::59;5u", "ctrl+ö"),  # a Latin letter keeps its own key
        ("\x1b[97::113;5u", "ctrl+a"),  # so do letters of AZERTY and Dvorak
    ],
)
def test_shortcuts_work_on_other_keyboard_layouts(sequence: str, key: str) -> None:
    (read,) = KeyboardHarness().sends(sequence)
    assert read == key.replace("ö", "ö")


def test_letter_after_shift_home_of_rxvt_is_typed() -> None:
    assert KeyboardHarness().sends("\x1b[7$", "a", "\x1b[3$b") == [
        "shift+home",
        "a",
        "shift+delete",
        "b",
    ]


def test_key_with_alt_or_ctrl_types_nothing() -> None:
    sequences = ["\x1ba", "\x1b[97;3u", "\x1b[97;5u", "\x1b\x1b[A", "\x1b[57441;2u"]
    for sequence in sequences:
        assert KeyboardHarness().types(sequence).startswith("<"), sequence


@pytest.mark.parametrize(
    "sequence",
    ["\x1b[97;1:3u", "\x1b[13;1:3u", "\x1b[1;1:3A", "\x1b[97:65;2:3;65u", "\x1b[3;1:3~"],
)
def test_key_release_is_ignored(sequence: str) -> None:
    assert KeyboardHarness().sends(sequence, "a") == ["a"]
    assert KeyboardHarness().sends(sequence.replace(":3", ":2")) != [], "a repeated key"


_NUMBERS = st.sampled_from(
    ["", "0", "1", "13", "97", "55296", "57399", "57441", "1114112", "9" * 30]
)
_FIELD = st.lists(_NUMBERS, max_size=4).map(":".join)


@given(st.lists(_FIELD, max_size=5).map(";".join), st.sampled_from("u~ABCDEFHPQRSZMmcnRIOty$"))
def test_no_key_report_raises(fields: str, end: str) -> None:
    keyboard = KeyboardHarness()
    if end == "M" and not fields:
        return  # three bytes of an old mouse report follow
    read = keyboard.sends(f"\x1b[{fields}{end}")
    assert keyboard.sends("xyz\r")[-2:] == ["z", "enter"], read


@given(
    st.lists(st.text(st.sampled_from("\x1b[]OP_^X\\?<>;:0123456789uMmAR~$cx \r\x07\x9b\x9c\x9d日")))
)
@example(["\x1b[M", "\x1b", "\x1b"])
def test_keyboard_works_after_any_input(chunks: list[str]) -> None:
    keyboard = KeyboardHarness()
    keyboard.sends(*chunks)
    keyboard.after(STRING_TIMEOUT)
    keyboard.sends("\x1b\\")  # whatever is open ends
    keyboard.after(PASTE_TIMEOUT)
    keyboard.after(PASTE_TIMEOUT)
    assert keyboard.sends("\x11") == ["ctrl+q"]


# Answers

_ENDS = st.sampled_from(["\x07", "\x1b\\", "\x9c"])
_BODY = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)
_PARAMETERS = st.text(st.sampled_from("0123456789;"), max_size=12)
ANSWERS = st.one_of(
    st.builds("{}{}{}".format, st.sampled_from(["\x1b]", "\x9d"]), _BODY, _ENDS),
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["\x1bP", "\x1b_", "\x1b^", "\x1bX", "\x90", "\x9f", "\x9e", "\x98"]),
        _BODY,
        st.sampled_from(["\x1b\\", "\x9c"]),
    ),
    st.builds("{}?{}c".format, st.sampled_from(["\x1b[", "\x9b"]), _PARAMETERS),
    st.builds("\x1b[>{}c".format, _PARAMETERS),
    st.builds("\x1b[?{}u".format, _PARAMETERS),
    st.builds("\x1b[?{}$y".format, st.integers(3000, 9999)),
    st.builds("\x1b[{};{}R".format, st.integers(2, 99), st.integers(1, 300)),
    st.sampled_from(["\x1b[0n", "\x1b[?997;1n", "\x1b[8;24;80t", "\x1b[4;600;800t", "\x1b[?1;2y"]),
)
TYPED = st.text(st.sampled_from("abc XYZ[]0;日本\u3000\u200dé"), max_size=12)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.tuples(TYPED, ANSWERS), min_size=1, max_size=4),
    TYPED,
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0.0, 0.01, 0.06, 0.3])), max_size=6),
)
def test_answers_are_dropped_whole_and_typed_text_arrives_exactly(
    parts: list[tuple[str, str]], last: str, cuts: list[tuple[float, float]]
) -> None:
    data = "".join(text + answer for text, answer in parts) + last
    # A lone ESC is a key after a while, so no cut with a pause follows one.
    places = {int(place * len(data)): pause for place, pause in cuts}
    keyboard, arrived = KeyboardHarness(), ""
    for begin, end in pairwise([0, *sorted(places), len(data)]):
        arrived += keyboard.types(data[begin:end])
        pause = places.get(end, 0.0)
        arrived += keyboard.text_after(0.01 if data[begin:end].endswith("\x1b") else pause)
    assert arrived == "".join(text for text, _ in parts) + last


def test_report_of_impossible_size_is_ignored() -> None:
    assert KeyboardHarness().sends("\x1b[48;40;120;0;0t") == ["Resize"]
    for size in ("0;80", "24;0", "9999;9999", "999999;999999"):
        assert KeyboardHarness().sends(f"\x1b[48;{size};0;0t", "x") == ["x"], size


@pytest.mark.parametrize(
    "answer",
    [
        "\x1b]11;rgb:1a1a/1b1b/2626\x07",
        "\x1b]11;rgb:1a1a/1b1b/2626\x1b\\",
        "\x1b]52;c;aGVsbG8=\x07",
        "\x1b]lTitle of the window\x1b\\",
        "\x1bP>|XTerm(388)\x1b\\",
        "\x1bP1$r0m\x1b\\",
        "\x1b_Gi=31;OK\x1b\\",
        "\x1b[?62;22c",
        "\x1b[?2026;2$y",
        "\x1b[12;40R",
        "\x1b[0n",
        "\x1b[?1u",
        "\x9d11;rgb:1a1a/1b1b/2626\x9c",
        "\udc9d11;rgb:1a1a/1b1b/2626\udc9c",
    ],
)
def test_late_rest_of_answer_is_not_typed(answer: str) -> None:
    for cut in range(1, len(answer)):
        keyboard = KeyboardHarness()
        read = keyboard.types(answer[:cut]) + keyboard.text_after(0.4)
        read += keyboard.types(answer[cut:] + "x") + keyboard.text_after(1)
        assert read.replace("<escape>", "") == "x", cut


def test_string_without_end_costs_no_typed_text() -> None:
    for pause in (0.2, 1.0):
        keyboard = KeyboardHarness()
        assert keyboard.types("\x1b]11;rgb:1a1a") == ""
        read = ""
        for character in "hello, 日本":
            read += keyboard.text_after(pause) + keyboard.types(character)
        assert read + keyboard.text_after(STRING_TIMEOUT) == "hello, 日本"
    keyboard = KeyboardHarness()
    keyboard.types("\x1b]11;rgb:1a1a")
    keyboard.after(0.2)
    assert keyboard.types("o") == ""
    keyboard.after(0.2)
    assert keyboard.types("k") == ""
    keyboard.after(0.2)
    assert keyboard.types("\r") == "ok<enter>", "Enter ends the string"


def test_end_of_string_that_timed_out_is_no_key() -> None:
    keyboard = KeyboardHarness()
    keyboard.sends("\x1b]11;rgb:1a1a")
    assert keyboard.after(STRING_TIMEOUT) == []
    assert keyboard.after(LATE_SECONDS / 2) == []
    assert keyboard.sends("/1b1b\x07", "x") == ["x"]
    assert keyboard.sends("\x07") == ["ctrl+g"], "typed later"


def test_introducer_is_key_with_alt_if_text_is_typed_after_it() -> None:
    for key, name in (("\x1b]", "right_square_bracket"), ("\x1bX", "shift+x")):
        keyboard = KeyboardHarness()
        assert keyboard.sends(key) == []
        keyboard.after(0.3)
        assert keyboard.sends("h") == []
        assert keyboard.after(STRING_TIMEOUT) == [f"alt+{name}", "h"]
    keyboard = KeyboardHarness()
    assert keyboard.sends("\x1b[") == []
    keyboard.after(0.3)
    assert keyboard.sends("h") == ["alt+left_square_bracket", "h"]


def test_held_answer_is_bounded() -> None:
    for begun, end in (("\x1b]52;c;", "\x1b\\"), ("\x1b[1", "u")):
        splitter = SequenceSplitter(lambda: 0.0)
        assert not list(splitter.feed(begun))
        for _ in range(100):
            assert not list(splitter.feed("1" * 65536))
            assert len(splitter._pending) <= 8192
        assert list(splitter.feed(f"{end}y"))[-1] == "y"


# Cut sequences


def test_only_lone_escape_times_out() -> None:
    keyboard = KeyboardHarness()
    assert keyboard.sends("\x1b") == []
    assert keyboard.after(0.2) == ["escape"]
    for begun, rest, key in [
        ("\x1b[", "A", "up"),
        ("\x1b[1;", "5A", "ctrl+up"),
        ("\x1bO", "P", "f1"),
        ("\x1b[97;", "5u", "ctrl+a"),
        ("\x1b[<0;3", ";4M", "MouseDown"),
        ("\x1b\x1b[", "A", "alt+up"),
    ]:
        assert keyboard.sends(begun) == []
        assert keyboard.after(1.9) == []
        assert keyboard.sends(rest) == [key]


def test_any_number_of_escapes_are_keys() -> None:
    keyboard = KeyboardHarness()
    read = keyboard.sends("\x1b" * 5000, "a") + keyboard.after(0.2)
    assert read == ["escape"] * 4999 + ["alt+a"]
    read = keyboard.sends("\x1b" * 5000) + keyboard.after(0.2)
    assert read == ["escape"] * 5000
    assert keyboard.sends("\x1b\x1b\x1b[A") == ["escape", "alt+up"]


def test_two_escapes_are_two_keys() -> None:
    keyboard = KeyboardHarness()
    assert keyboard.sends("\x1b\x1b") == []
    assert keyboard.after(0.2) == ["escape", "escape"]


@pytest.mark.parametrize("pause", [0.0, 0.4, 3.0, 60.0])
def test_start_of_paste_is_recognized_after_any_cut(pause: float) -> None:
    whole = f"{START}first\rsecond{END}"
    for cut in range(1, len(START) + 1):
        keyboard = KeyboardHarness()
        read = keyboard.sends(whole[:cut]) + keyboard.after(pause)
        read += keyboard.sends(whole[cut:])
        assert [key for key in read if key != "escape"] == [repr("first\rsecond")], cut


# Pastes


@pytest.mark.parametrize("hostile", ["\x1b", "\x1b[A", "\x1b]0;x\x07", "\x1b[200~", "\x1bOP"])
def test_paste_content_is_never_read_as_keys(hostile: str) -> None:
    text = f"hello {hostile} and then\rmore text, longer than any key could be\r/quit\r"
    expected = text.replace(START, "")
    assert KeyboardHarness().sends(f"a{START}{text}{END}b") == ["a", repr(expected), "b"]


@pytest.mark.parametrize(
    "inside",
    [f"x{END}\r/quit\r", f"{END}\r{END}\r", f"x{END}\r/quit\r{START}y", f"x{END}", "x\x9b201~\ry"],
)
def test_paste_ends_at_the_last_end_marker_of_a_read(inside: str) -> None:
    pasted = inside.replace(END, "").replace(START, "")
    assert KeyboardHarness().sends(f"a{START}{inside}{END}b") == ["a", repr(pasted), "b"]
    keyboard = KeyboardHarness()
    assert keyboard.sends(START) == []
    assert keyboard.sends(f"{inside}{END}b") == [repr(pasted), "b"]


def test_paste_is_reassembled_from_any_split() -> None:
    whole = f"a{START}one\rtwo{END}b"
    expected = ["a", repr("one\rtwo"), "b"]
    for first in range(1, len(whole)):
        assert KeyboardHarness().sends(whole[:first], whole[first:]) == expected, first
    assert KeyboardHarness().sends(*whole) == expected


def test_two_pastes_in_two_reads_are_two() -> None:
    assert KeyboardHarness().sends(f"{START}a{END}", f"b{START}{END}c") == [
        repr("a"),
        "b",
        "''",
        "c",
    ]


def test_unterminated_paste_times_out() -> None:
    keyboard = KeyboardHarness()
    assert keyboard.sends(START + "some text that was pasted\r") == []
    assert keyboard.after(PASTE_TIMEOUT / 2) == []
    assert keyboard.sends("?") == [], "a key during the paste"
    assert keyboard.after(PASTE_TIMEOUT / 2) == [repr("some text that was pasted\r?")]
    assert keyboard.sends("x", "\r") == ["x", "enter"]
    keyboard.sends(START + "some text that was pasted ")
    assert keyboard.after(PASTE_TIMEOUT) == [repr("some text that was pasted ")]
    late = "and came late\rover a slow line\r"
    assert keyboard.sends(late, END, "x") == [repr(late), "x"], "late text was read as keys"


def test_huge_paste_is_bounded() -> None:
    keyboard = KeyboardHarness()
    piece = "x" * 60_000
    assert keyboard.sends(START, *[piece] * 200) == []
    (pasted,) = keyboard.sends(END)
    assert len(pasted) <= MAX_PASTE + 10


# Bugs


def test_bug_costs_one_key_and_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(sequence: str) -> list[events.Key]:
        if sequence == "b":
            raise ZeroDivisionError("a deliberate mistake")
        return key_events(sequence)

    monkeypatch.setattr("chat_tui.ui.terminal.input.key_events", broken)
    errors: list[Exception] = []
    parser = InputParser(errors.append)
    assert [_name(message) for message in parser.feed("abc")] == ["a", "c"]
    assert [str(error) for error in errors] == ["a deliberate mistake"]
