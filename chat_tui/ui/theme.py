"""The two themes of the house and the hues that tell authors apart, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Final
from zlib import crc32

from textual.theme import BUILTIN_THEMES, Theme

DARK: Final = Theme(
    name="lobby-dark",
    primary="#e9b25f",
    secondary="#8a93a3",
    accent="#e9b25f",
    warning="#e9a15f",
    error="#f2777a",
    success="#8fc98f",
    foreground="#d7dbe2",
    background="#15181d",
    surface="#1a1e24",
    panel="#1e2229",
    dark=True,
    variables={
        "border": "#e9b25f",
        "border-blurred": "#2e343d",
        "block-cursor-foreground": "#15181d",
        "block-cursor-background": "#e9b25f",
        "block-cursor-text-style": "none",
        "button-color-foreground": "#15181d",
        "footer-background": "#15181d",
        "footer-key-foreground": "#e9b25f",
        "footer-description-foreground": "#8a93a3",
        "input-cursor-background": "#d7dbe2",
        "input-cursor-foreground": "#15181d",
        "screen-selection-background": "#38414f",
        "scrollbar": "#3a414c",
        "scrollbar-hover": "#4a5260",
        "scrollbar-active": "#e9b25f",
        "scrollbar-background": "#15181d",
        "scrollbar-background-hover": "#15181d",
        "scrollbar-background-active": "#15181d",
    },
)
"""The default: a quiet night with one lamp on."""

LIGHT: Final = Theme(
    name="lobby-light",
    primary="#9a5b00",
    secondary="#6b7280",
    accent="#9a5b00",
    warning="#a34a00",
    error="#b3261e",
    success="#2c6e2f",
    foreground="#2a2d33",
    background="#fbfaf7",
    surface="#f5f3ee",
    panel="#f0ede6",
    dark=False,
    variables={
        "border": "#9a5b00",
        "border-blurred": "#d8d3c8",
        "block-cursor-foreground": "#fbfaf7",
        "block-cursor-background": "#9a5b00",
        "block-cursor-text-style": "none",
        "button-color-foreground": "#fbfaf7",
        "footer-background": "#fbfaf7",
        "footer-key-foreground": "#9a5b00",
        "footer-description-foreground": "#6b7280",
        "screen-selection-background": "#cfe0f2",
        "scrollbar": "#cfc9bc",
        "scrollbar-hover": "#b9b2a3",
        "scrollbar-active": "#9a5b00",
        "scrollbar-background": "#fbfaf7",
        "scrollbar-background-hover": "#fbfaf7",
        "scrollbar-background-active": "#fbfaf7",
    },
)
"""The same by day."""


ANSI: Final = tuple(
    replace(BUILTIN_THEMES[name], primary="ansi_magenta", accent="ansi_magenta")
    for name in ("ansi-dark", "ansi-light")
)
"""Textual's two of the terminal's own colours, with one accent: it is readable on any ground."""

ANSI_FALLBACK: Final = {DARK.name: "ansi-dark", LIGHT.name: "ansi-light"}
"""What stands for our themes where the terminal has sixteen colours: the nearest of those to ours
are black, white and grey."""


def custom_theme(name: str, base: str, colours: Mapping[str, str]) -> Theme:
    """A theme of somebody's own: as the one called `base`, but for `colours`.

    What is drawn in one of the base's named colours is drawn in the one that takes its place.
    """
    house = LIGHT if base == LIGHT.name else DARK
    parts = {part.name: getattr(house, part.name) for part in fields(house)}
    own = {**({"primary": colours["accent"]} if "accent" in colours else {}), **colours}
    instead = {parts[key]: colour for key, colour in own.items()}
    variables = {key: instead.get(value, value) for key, value in house.variables.items()}
    return Theme(**{**parts, **own, "name": name, "variables": variables})


HUES: Final = 8
"""How many colours authors share."""

# Equally bright (OKLCH 0.80 and 0.47) and spread around the circle, with a gap where the accent is.
_ON_DARK: Final = (
    *("#fc9eb4", "#fca67f", "#c9c266", "#8ed28f"),
    *("#51d5ce", "#6cc9fd", "#b6b3ff", "#e8a2e1"),
)
_ON_LIGHT: Final = (
    *("#933451", "#933d08", "#675d00", "#1c6d26"),
    *("#00706b", "#006398", "#554da0", "#823b7d"),
)
_ANSI_ON_DARK: Final = (
    *("ansi_bright_red", "ansi_bright_green", "ansi_bright_yellow", "ansi_bright_blue"),
    *("ansi_bright_cyan", "ansi_green", "ansi_yellow", "ansi_cyan"),
)
_ANSI_ON_LIGHT: Final = (
    *("ansi_red", "ansi_green", "ansi_yellow", "ansi_blue"),
    *("ansi_cyan", "ansi_bright_red", "ansi_bright_blue", "ansi_bright_black"),
)


def author_variables(theme: Theme) -> dict[str, str]:
    """The stylesheet's variables `$author-0` to `$author-7`, readable on `theme`'s background."""
    if theme.ansi:
        hues = _ANSI_ON_DARK if theme.dark else _ANSI_ON_LIGHT
    else:
        hues = _ON_DARK if theme.dark else _ON_LIGHT
    return {f"author-{number}": hue for number, hue in enumerate(hues)}


def author_hue(author: str) -> int:
    """Which of the hues is this author's: the same in every session and on every machine."""
    return crc32(author.encode("utf-8", "surrogatepass")) % HUES
