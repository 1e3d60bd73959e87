"""The lines of tables and values in a settings file."""

from __future__ import annotations

import time
import tomllib

import pytest
from hypothesis import given

from chat_tui.config.toml_lines import UnreadableError, line_numbers, parse
from tests.support.toml_texts import LONG_KEYS, MANY_LINES, toml_texts


@given(toml_texts())
def test_each_value_has_the_line_on_which_its_statement_begins(
    sample: tuple[str, dict[str, int]],
) -> None:
    text, expected = sample
    assert tomllib.loads(text).keys() == expected.keys()
    found = line_numbers(text)
    assert {path[0]: line for path, line in found.items() if len(path) == 1} == expected


def test_values_in_tables_are_found_by_their_path() -> None:
    text = """\
# profiles
[profiles.work]
server = "a"  # ]

[profiles.home]
server = '''
b'''
list = [ {x = 1},
  {y = 2} ]
[[many]]
x.y = 1
[[many]]
x.y = 2
["quoted # [ name"]
z = 1
"""
    assert line_numbers(text) == {
        ("profiles",): 2,
        ("profiles", "work"): 2,
        ("profiles", "work", "server"): 3,
        ("profiles", "home"): 5,
        ("profiles", "home", "server"): 6,
        ("profiles", "home", "list"): 8,
        ("profiles", "home", "list", "x"): 8,
        ("many",): 10,
        ("many", "x"): 11,
        ("many", "x", "y"): 11,
        ("quoted # [ name",): 14,
        ("quoted # [ name", "z"): 15,
    }


@pytest.mark.parametrize("text", MANY_LINES.values(), ids=MANY_LINES)
def test_lines_of_long_file_are_found_in_linear_time(text: str) -> None:
    work = time.thread_time()
    assert line_numbers(text)["port",] == text.count("\n")
    assert time.thread_time() - work < 2.0


# Python 3.14 rejects keys of more than 1000 parts.
@pytest.mark.parametrize("text", ["a" + ".a" * 950 + " = 1", "[" + "a." * 950 + "a]\nb = 1"])
def test_key_of_many_parts_does_not_exhaust_the_stack(text: str) -> None:
    assert line_numbers(text)["a",] == 1


@pytest.mark.parametrize("text", LONG_KEYS)
def test_key_of_thousands_of_parts_is_rejected_at_once(text: str) -> None:
    work = time.thread_time()
    with pytest.raises(UnreadableError, match="Nested too deeply") as raised:
        parse("# comment\n" + text)
    assert raised.value.line == 2
    assert time.thread_time() - work < 2.0


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("9" * 5000, "Contains a number with too many digits"),
        ("0x" + "f" * 5000, "Contains a number with too many digits"),
        ("[{ a = [0b" + "1" * 9000 + "] }]", "Contains a number with too many digits"),
        ("[" * 200 + "]" * 200, "Nested too deeply"),
        ("{ a = " * 100 + "1" + " }" * 100, "Nested too deeply"),
        ("{ a" + ".a" * 60 + " = { b" + ".b" * 60 + " = 1 } }", "Nested too deeply"),
    ],
)
def test_value_that_cannot_be_shown_is_rejected(value: str, problem: str) -> None:
    for text in (f"theme = {value}\n", f"[keys]\n'room.open' = {value}\n"):
        with pytest.raises(UnreadableError, match=problem):
            parse(text)
