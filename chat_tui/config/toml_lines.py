"""TOML with line numbers: which line says what, and what is wrong on it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

KeyPath = tuple[str, ...]
"""The names that lead to a value: ("profiles", "work", "server")."""

_TOML_POSITION = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)")


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """A mistake in the file: where it is, what it is, and what would be right."""

    file: Path
    line: int | None
    """Counted from 1; None where it is about the file as a whole."""
    message: str
    hint: str

    def __str__(self) -> str:
        place = str(self.file) if self.line is None else f"{self.file}, line {self.line}"
        return f"{place}: {self.message}. {self.hint}{'' if self.hint.endswith('?') else '.'}"


class UnreadableError(Exception):
    """The text is no TOML."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def parse(text: str) -> dict[str, object]:
    """The text as nested tables. Raises `UnreadableError`."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        words = str(error)
        place = _TOML_POSITION.search(words)
        last = len(text.rstrip().splitlines()) or 1
        line = int(place[1]) if place and place[1] else last
        raise UnreadableError(line, _TOML_POSITION.sub("", words)) from error
    except RecursionError as error:
        raise UnreadableError(1, "Nested too deeply") from error


def line_numbers(text: str) -> dict[KeyPath, int]:
    """On which line each table and value of a readable text begins.

    The parser says no lines, but it says where a statement ends: at the first line up to which
    the lines since the last statement can be parsed alone. So there is no second grammar here.
    """
    found: dict[KeyPath, int] = {}
    table: KeyPath = ()
    waiting: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not waiting and (not line.strip() or line.lstrip().startswith("#")):
            continue
        waiting.append(line)
        try:
            statement = tomllib.loads("\n".join(waiting))
        except tomllib.TOMLDecodeError:
            continue
        begin, header = number - len(waiting) + 1, waiting[0].lstrip().startswith("[")
        waiting.clear()
        paths = list(_key_paths(statement, () if header else table))
        for path in paths:
            found.setdefault(path, begin)
        if header:
            table = paths[-1]
    return found


def _key_paths(table: Mapping[str, object], above: KeyPath) -> list[KeyPath]:
    paths = []
    for key, value in table.items():
        paths.append((*above, key))
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = value[0]
        if isinstance(value, dict):
            paths += _key_paths(value, (*above, key))
    return paths
