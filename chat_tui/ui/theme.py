"""The client's themes and the colours of the authors' names, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Final

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
        "screen-selection-background": "#303845",
        "text-muted": "#a3abb8",
        "text-disabled": "#9aa3b1",
        "scrollbar": "#3a414c",
        "scrollbar-hover": "#4a5260",
        "scrollbar-active": "#e9b25f",
        "scrollbar-background": "#15181d",
        "scrollbar-background-hover": "#15181d",
        "scrollbar-background-active": "#15181d",
    },
)
"""The default theme: dark, with one accent colour."""

LIGHT: Final = Theme(
    name="lobby-light",
    primary="#8a5100",
    secondary="#6b7280",
    accent="#8a5100",
    warning="#a34a00",
    error="#b3261e",
    success="#2c6e2f",
    foreground="#2a2d33",
    background="#fbfaf7",
    surface="#f5f3ee",
    panel="#f0ede6",
    dark=False,
    variables={
        "border": "#8a5100",
        "border-blurred": "#d8d3c8",
        "block-cursor-foreground": "#fbfaf7",
        "block-cursor-background": "#8a5100",
        "block-cursor-text-style": "none",
        "button-color-foreground": "#fbfaf7",
        "footer-background": "#fbfaf7",
        "footer-key-foreground": "#8a5100",
        "footer-description-foreground": "#6b7280",
        "screen-selection-background": "#d8e7f6",
        "text-muted": "#525862",
        "text-disabled": "#575d66",
        "scrollbar": "#cfc9bc",
        "scrollbar-hover": "#b9b2a3",
        "scrollbar-active": "#8a5100",
        "scrollbar-background": "#fbfaf7",
        "scrollbar-background-hover": "#fbfaf7",
        "scrollbar-background-active": "#fbfaf7",
    },
)
"""The light counterpart of `DARK`."""

ANSI: Final = tuple(
    replace(BUILTIN_THEMES[name], primary="ansi_magenta", accent="ansi_magenta")
    for name in ("ansi-dark", "ansi-light")
)
"""Textual's two themes of the terminal's own colours, with an accent that is readable on both."""

ANSI_FALLBACK: Final = {DARK.name: "ansi-dark", LIGHT.name: "ansi-light"}
"""The replacements of `DARK` and `LIGHT` on a terminal with sixteen colours, where the nearest
colours to theirs would be black, white and grey."""


def custom_theme(name: str, base: str, colours: Mapping[str, str]) -> Theme:
    """Return a theme like the client's theme `base`, with `colours` in place of its colours.

    A variable of the base theme that has one of its named colours gets the replacement of it.
    """
    base_theme = LIGHT if base == LIGHT.name else DARK
    base_colours = {part.name: getattr(base_theme, part.name) for part in fields(base_theme)}
    replaced = {**({"primary": colours["accent"]} if "accent" in colours else {}), **colours}
    replacements = {base_colours[key]: colour for key, colour in replaced.items()}
    variables = {key: replacements.get(value, value) for key, value in base_theme.variables.items()}
    if colours.keys() & {"foreground", "background", "panel", "surface"}:
        # The quiet colours were chosen for other backgrounds.
        variables |= {"text-muted": "auto 60%", "text-disabled": "auto 60%"}
    return Theme(**{**base_colours, **replaced, "name": name, "variables": variables})


# Spread around the hue circle (OKLCH). Two lightnesses in turn (0.86 and 0.76, 0.41 and 0.49) keep
# neighbours apart. Each has a contrast of 4.5 on every background of the log.
_ON_DARK: Final = (
    *("#eed059", "#a0bf53", "#85eba2", "#11cdb4", "#48e9fe", "#45bdfe"),
    *("#bbd1ff", "#b5a0fe", "#f5b8ff", "#f38abe", "#febebe", "#f9935f"),
)
_ON_LIGHT: Final = (
    *("#594900", "#536b02", "#015a2a", "#047062", "#02555e", "#016894"),
    *("#1b3ea5", "#6845b6", "#721a80", "#a1286e", "#8e0025", "#9c4101"),
)
# All of the sixteen colours that most terminals show with enough contrast.
_ANSI_ON_DARK: Final = (
    *("ansi_bright_yellow", "ansi_green", "ansi_bright_green", "ansi_cyan"),
    *("ansi_bright_cyan", "ansi_bright_blue", "ansi_white", "ansi_magenta"),
    *("ansi_bright_magenta", "ansi_red", "ansi_bright_red", "ansi_yellow"),
)
_ANSI_ON_LIGHT: Final = (
    *("ansi_yellow", "ansi_bright_black", "ansi_green", "ansi_bright_green"),
    *("ansi_cyan", "ansi_bright_blue", "ansi_blue", "ansi_default"),
    *("ansi_magenta", "ansi_bright_magenta", "ansi_red", "ansi_bright_red"),
)


def author_variables(theme: Theme) -> dict[str, str]:
    """Return the variables `$author-0` to `$author-11`, readable on the theme's background."""
    if theme.ansi:
        hues = _ANSI_ON_DARK if theme.dark else _ANSI_ON_LIGHT
    else:
        hues = _ON_DARK if theme.dark else _ON_LIGHT
    return {f"author-{number}": hue for number, hue in enumerate(hues)}
