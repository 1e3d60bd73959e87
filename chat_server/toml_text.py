"""TOML texts of settings files: parsed in linear time, and split into statements. Both programs.

`tomllib` takes quadratic time for a key of many parts, and returns numbers that Python refuses to
show. It also does not report on which line a value begins.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final

_POSITION: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)")

_TOKEN: Final = re.compile(
    r"(?P<newline>\n)|(?P<open>[\[{])|(?P<close>[\]}])|#[^\n]*"
    r'|"""(?:\\.|[^\\])*?"{3,5}|"(?:\\.|[^"\\\n])*"'
    r"|'''.*?'{3,5}|'[^'\n]*'"
    r"|[^\n\[\]{}#\"']+|.",
    re.DOTALL,
)
"""The parts of a valid TOML text that decide where a statement ends: not in a string or a bracket.
A parse of each possible end would take quadratic time for a list of many lines."""

_MAX_DEPTH: Final = 64
"""Most parts of a key, and most levels of values."""

_LONG_KEY: Final = re.compile(
    r"""(?<![\w-])(?:(?:[\w-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')[ \t]*\.[ \t]*)"""
    rf"{{{_MAX_DEPTH}}}",
    re.ASCII,
)
"""A key of more parts than that. It may match in a string, but no setting looks like that."""

_MAX_INT_BITS: Final = 4096
"""Python refuses to show larger numbers in an error."""

_TOO_DEEP: Final = "nested too deeply for settings"
_TOO_LONG: Final = "contains a number with too many digits"


class TomlSyntaxError(Exception):
    """The text is not TOML."""

    def __init__(self, message: str, line: int | None, column: int | None) -> None:
        """`line`, `column`: counted from 1. None if the text ends too early."""
        super().__init__(message)
        self.line = line
        self.column = column


class TomlLimitError(Exception):
    """The text holds a value that no setting has: nested too deeply, or a number too long."""

    def __init__(self, message: str, line: int | None = None) -> None:
        """`line`: counted from 1. None if it is not known."""
        super().__init__(message)
        self.line = line


def parse_toml(text: str) -> dict[str, Any]:
    """Return the text as nested tables. Linear time.

    Raises `TomlSyntaxError` and `TomlLimitError`.
    """
    long_key = _LONG_KEY.search(text)
    if long_key is not None:
        raise TomlLimitError(_TOO_DEEP, text.count("\n", 0, long_key.start()) + 1)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _POSITION.search(str(error))
        line, column = (int(place[1]), int(place[2])) if place and place[1] else (None, None)
        raise TomlSyntaxError(_POSITION.sub("", str(error)), line, column) from error
    except RecursionError as error:
        raise TomlLimitError(_TOO_DEEP) from error
    except ValueError as error:  # Python parses at most 4,300 digits
        raise TomlLimitError(_TOO_LONG) from error
    _check_values(tables)
    return tables


def _check_values(tables: Mapping[str, object]) -> None:
    """Raise `TomlLimitError` for values that no code may walk through or show."""
    level: list[object] = [tables]
    for _ in range(_MAX_DEPTH):
        level = [
            inner
            for each in level
            for inner in (
                each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
            )
        ]
        if any(isinstance(each, int) and each.bit_length() > _MAX_INT_BITS for each in level):
            raise TomlLimitError(_TOO_LONG)
        if not level:
            return
    raise TomlLimitError(_TOO_DEEP)


def toml_statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each statement of a valid TOML text, with the line on which it begins. Linear time."""
    line = 1
    start = depth = 0
    for token in _TOKEN.finditer(text):
        depth += (token.lastgroup == "open") - (token.lastgroup == "close")
        is_end = token.end() == len(text) or (token.lastgroup == "newline" and depth == 0)
        if not is_end:
            continue
        statement = text[start : token.end()]
        if statement.lstrip()[:1] not in ("", "#"):
            yield line, statement
        line += statement.count("\n")
        start = token.end()
