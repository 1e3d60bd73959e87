"""TOML with line numbers: the line of each value, and the line of a syntax error."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chat_server.toml_text import TomlLimitError, TomlSyntaxError, parse_toml, toml_statements

KeyPath = tuple[str, ...]
"""The keys that lead to a value, such as ("profiles", "work", "server")."""

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
    """The text is not valid TOML, or holds a value that no setting has."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def parse(text: str) -> dict[str, object]:
    """Return the text as nested tables. Linear time. Raises `UnreadableError`."""
    try:
        return parse_toml(text)
    except TomlSyntaxError as error:
        last_line = len(text.rstrip().splitlines()) or 1
        raise UnreadableError(error.line or last_line, str(error)) from error
    except TomlLimitError as error:
        message = str(error)
        raise UnreadableError(error.line or 1, message[0].upper() + message[1:]) from error


def line_numbers(text: str) -> dict[KeyPath, int]:
    """Return the line on which each table and value begins. `text` must be valid TOML."""
    found: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for line, statement in toml_statements(text):
        paths = _key_paths(tomllib.loads(statement))
        if statement.lstrip().startswith("["):
            table = paths[-1]
        else:
            paths = [(*table, *path) for path in paths]
        for path in paths:
            found.setdefault(path, line)
    return found


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
