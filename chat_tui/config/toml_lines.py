"""TOML with line numbers: the line of each value, and the line of a syntax error."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

KeyPath = tuple[str, ...]
"""The keys that lead to a value, such as ("profiles", "work", "server")."""

_TOML_POSITION = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)")

_TOKEN: Final = re.compile(
    r"(?P<newline>\n)|(?P<open>[\[{])|(?P<close>[\]}])|#[^\n]*"
    r'|"""(?:\\.|[^\\])*?"{3,5}|"(?:\\.|[^"\\\n])*"'
    r"|'''.*?'{3,5}|'[^'\n]*'"
    r"|[^\n\[\]{}#\"']+|.",
    re.DOTALL,
)
"""The parts of a valid TOML text that decide where a statement ends: not in a string or a bracket.
A parse of each possible end would take quadratic time for a list of many lines."""

_MAX_NESTING: Final = 64
"""Most parts of a key, and most levels of values. `tomllib` takes quadratic time for the parts."""

_LONG_KEY: Final = re.compile(
    r"""(?<![\w-])(?:(?:[\w-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')[ \t]*\.[ \t]*)"""
    rf"{{{_MAX_NESTING}}}",
    re.ASCII,
)
"""A key of more parts than that. It may match in a string, but no setting looks like that."""

_MAX_INT_BITS: Final = 4096
"""Python refuses to show larger numbers in an error."""

_MAX_DEPTH: Final = 8
"""Most keys that lead to a value whose line is needed. Settings have three."""


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """A mistake in the settings file, with its line and a hint how to fix it."""

    file: Path
    line: int | None
    """The line, counted from 1. None if the problem concerns the whole file."""
    message: str
    """What is wrong, without a full stop."""
    hint: str
    """What to do, without a full stop. A question keeps its question mark."""

    def __str__(self) -> str:
        place = str(self.file) if self.line is None else f"{self.file}, line {self.line}"
        return f"{place}: {self.message}. {self.hint}{'' if self.hint.endswith('?') else '.'}"


class UnreadableError(Exception):
    """The text is not valid TOML."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def parse(text: str) -> dict[str, object]:
    """Return the text as nested tables. Linear time. Raises `UnreadableError`."""
    long_key = _LONG_KEY.search(text)
    if long_key is not None:
        raise UnreadableError(text.count("\n", 0, long_key.start()) + 1, "Nested too deeply")
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        position = _TOML_POSITION.search(message)
        last_line = len(text.rstrip().splitlines()) or 1
        line = int(position[1]) if position and position[1] else last_line
        raise UnreadableError(line, _TOML_POSITION.sub("", message)) from error
    except RecursionError as error:
        raise UnreadableError(1, "Nested too deeply") from error
    except ValueError as error:  # Python parses at most 4,300 digits
        raise UnreadableError(1, "A number has too many digits") from error
    _check_values(tables)
    return tables


def _check_values(tables: Mapping[str, object]) -> None:
    """Raise `UnreadableError` for values that no code may walk through or show."""
    level: list[object] = [tables]
    for _ in range(_MAX_NESTING):
        level = [
            inner
            for each in level
            for inner in (
                each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
            )
        ]
        if any(isinstance(each, int) and each.bit_length() > _MAX_INT_BITS for each in level):
            raise UnreadableError(1, "A number has too many digits")
        if not level:
            return
    raise UnreadableError(1, "Nested too deeply")


def line_numbers(text: str) -> dict[KeyPath, int]:
    """Return the line on which each table and value begins. `text` must be valid TOML."""
    found: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for line, statement in _statements(text):
        paths = _key_paths(tomllib.loads(statement))
        if statement.lstrip().startswith("["):
            table = paths[-1]
        else:
            paths = [(*table, *path) for path in paths]
        for path in paths:
            found.setdefault(path, line)
    return found


def _statements(text: str) -> Iterator[tuple[int, str]]:
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


def _key_paths(table: Mapping[str, object]) -> list[KeyPath]:
    """Return the paths in a table, each before the paths below it, up to `_MAX_DEPTH` keys long."""
    paths: list[KeyPath] = []
    waiting: list[tuple[KeyPath, object]] = [((key,), table[key]) for key in reversed(list(table))]
    while waiting:
        path, value = waiting.pop()
        paths.append(path)
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, dict) and len(path) < _MAX_DEPTH:
            waiting += [((*path, key), value[key]) for key in reversed(value)]
    return paths
