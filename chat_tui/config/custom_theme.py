"""OwnTheme: colours that somebody chose, on the base of one of the house's themes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from chat_tui.config.toml_lines import KeyPath

COLOURS: Final = (
    *("accent", "foreground", "background", "panel", "surface"),
    *("primary", "secondary", "warning", "error", "success"),
)

BASES: Final = ("lobby-dark", "lobby-light")

_COLOUR: Final = re.compile("#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")


@dataclass(frozen=True, slots=True)
class CustomTheme:
    """What is not in `colours` is as in `base`."""

    name: str
    base: str
    colours: Mapping[str, str]
    """One of `COLOURS` -> #rrggbb, in small letters."""


def read_theme(
    name: str, table: object, report: Callable[[KeyPath, str, str], None]
) -> CustomTheme | None:
    """The theme of a table `[themes.name]`; `wrong` is told what is left out of it, and why."""
    path = ("themes", name)
    if not isinstance(table, dict):
        report(path, f"{name} is no table", f"Write [themes.{name}] above its lines")
        return None
    if name in BASES:
        report(path, f"{name} is a theme of the house", "Give yours another name")
        return None
    base, colours = BASES[0], {}
    for key, value in table.items():
        if key == "base":
            if value in BASES:
                base = value
            else:
                report((*path, key), "a base is one of the house's", f"Write one of {BASES}")
        elif key not in COLOURS:
            there = ", ".join(("base", *COLOURS))
            report((*path, key), f"{key!r} is no colour of a theme", f"There are: {there}")
        elif isinstance(value, str) and _COLOUR.fullmatch(value):
            colours[key] = _expand_colour(value.lower())
        else:
            report((*path, key), f"{key} is no colour", f'Write it like {key} = "#e9b25f"')
    return CustomTheme(name, base, colours)


def _expand_colour(colour: str) -> str:
    return colour if len(colour) == 7 else "#" + "".join(part * 2 for part in colour[1:])
