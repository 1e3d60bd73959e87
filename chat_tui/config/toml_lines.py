"""TOML with line numbers: the line of each value, and the line of a syntax error."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

KeyPath = tuple[str, ...]
"""The keys that lead to a value, such as ("profiles", "work", "server")."""

_TOML_POSITION = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)")


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
    """Return the text as nested tables. Raises `UnreadableError`."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        position = _TOML_POSITION.search(message)
        last_line = len(text.rstrip().splitlines()) or 1
        line = int(position[1]) if position and position[1] else last_line
        raise UnreadableError(line, _TOML_POSITION.sub("", message)) from error
    except RecursionError as error:
        raise UnreadableError(1, "Nested too deeply") from error


def line_numbers(text: str) -> dict[KeyPath, int]:
    """Return the line on which each table and value begins. `text` must be valid TOML.

    `tomllib` reports no positions, but it shows where a statement ends: at the first line up to
    which the lines since the previous statement can be parsed alone. So no second grammar is
    needed here.
    """
    found: dict[KeyPath, int] = {}
    table: KeyPath = ()
    pending: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not pending and (not line.strip() or line.lstrip().startswith("#")):
            continue
        pending.append(line)
        try:
            statement = tomllib.loads("\n".join(pending))
        except tomllib.TOMLDecodeError:
            continue
        first_line = number - len(pending) + 1
        is_header = pending[0].lstrip().startswith("[")
        pending.clear()
        paths = list(_key_paths(statement, () if is_header else table))
        for path in paths:
            found.setdefault(path, first_line)
        if is_header:
            table = paths[-1]
    return found


def _key_paths(table: Mapping[str, object], prefix: KeyPath) -> list[KeyPath]:
    paths = []
    for key, value in table.items():
        paths.append((*prefix, key))
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = value[0]
        if isinstance(value, dict):
            paths += _key_paths(value, (*prefix, key))
    return paths
