"""Filter for `NO_COLOR`: draws everything in the terminal's own two colours.

Textual's filter turns colours into greys. A terminal of sixteen colours draws dark greys as black
on black, and `NO_COLOR` asks for no colours at all.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

_REVERSED_FROM: Final = 0.1
"""Difference of brightness, from 0 to 1, from which a background is drawn as reversed text.

In the client's themes, cursors, selected rows and buttons differ more from the background of the
screen, panels and fields less.
"""


class NoColorFilter(LineFilter):
    """Removes all colours. A background that stands out becomes reversed text."""

    background = Color(0, 0, 0)
    """The background of the screen. The app sets it for each theme."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments of a line without colours. Textual calls it for each line."""
        brightness = self.background.brightness
        return [
            segment
            if segment.control or segment.style is None
            else Segment(segment.text, _without_color(segment.style, brightness))
            for segment in segments
        ]


@lru_cache(2048)
def _without_color(style: Style, brightness: float) -> Style:
    color = style.bgcolor
    is_marked = (
        color is not None
        and not color.is_default
        and abs(_brightness(color) - brightness) > _REVERSED_FROM
    )
    return Style(
        bold=style.bold,
        dim=style.dim,
        italic=style.italic,
        underline=style.underline,
        strike=style.strike,
        reverse=bool(style.reverse) != is_marked,
        link=style.link,
        meta=style.meta,
    )


def _brightness(color: RichColor) -> float:
    red, green, blue = color.get_truecolor(foreground=False)
    return (red * 299 + green * 587 + blue * 114) / 255_000
