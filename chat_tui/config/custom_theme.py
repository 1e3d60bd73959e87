"""Themes that the user defines in the settings file, based on a built-in theme."""

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
"""The built-in themes that a custom theme can start from."""

_COLOUR: Final = re.compile("#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")


@dataclass(frozen=True, slots=True)
class CustomTheme:
    """A theme of the settings file. Colours that are not in `colours` are those of `base`."""

    name: str
    base: str
    """One of `BASES`."""
    colours: Mapping[str, str]
    """A name of `COLOURS` -> `#rrggbb` in lower case."""


def read_theme(
    name: str, table: object, report: Callable[[KeyPath, str, str], None]
) -> CustomTheme | None:
    """Return the theme of a table `[themes.name]`, or None if it is not usable at all.

    Calls `report(path, message, hint)` for each key that is ignored, and for an unusable table.
    """
    path = ("themes", name)
    if not isinstance(table, dict):
        report(path, f"{name} is not a table", f"Write [themes.{name}] above its lines")
        return None
    if name in BASES:
        report(path, f"{name} is a built-in theme", "Choose another name")
        return None
    base, colours = BASES[0], {}
    for key, value in table.items():
        if key == "base":
            if value in BASES:
                base = value
            else:
                names = " or ".join(f'"{built_in}"' for built_in in BASES)
                report((*path, key), "base is not a built-in theme", f"Write base = {names}")
        elif key not in COLOURS:
            known = ", ".join(("base", *COLOURS))
            report((*path, key), f"{key!r} is not a colour of a theme", f"Use one of: {known}")
        elif isinstance(value, str) and _COLOUR.fullmatch(value):
            colours[key] = _expand_colour(value.lower())
        else:
            report((*path, key), f"{key} is not a colour", f'Write it as {key} = "#e9b25f"')
    return CustomTheme(name, base, colours)


def _expand_colour(colour: str) -> str:
    """Return `#rgb` as `#rrggbb`."""
    return colour if len(colour) == 7 else "#" + "".join(part * 2 for part in colour[1:])
