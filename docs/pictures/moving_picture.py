"""A moving picture as one SVG file: pieces of a terminal, each visible in the frames that have it.

It needs nothing to be played but a browser. A piece that does not change is in the file once, so a
minute of a chat is smaller than two still pictures. A viewer that cannot animate, or must not,
shows the last frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

from rich.color import Color
from rich.style import Style
from textual.app import App
from textual.strip import Strip

_CELL_WIDTH: Final = 8.4
_ROW_HEIGHT: Final = 17
_FONT_SIZE: Final = 14
_MARGIN: Final = 10
_FONTS: Final = "Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"


class Piece(NamedTuple):
    """Cells of one row that share a style."""

    row: int
    column: int
    cells: int
    text: str
    foreground: str
    background: str
    weight: str


class Frame(NamedTuple):
    """What the terminal shows for some seconds."""

    pieces: frozenset[Piece]
    seconds: float


class Recorder:
    """The frames of a picture. `background` is the colour of most cells, which is drawn once."""

    def __init__(self, columns: int, rows: int, background: str, foreground: str) -> None:
        self._columns = columns
        self._rows = rows
        self._background = background
        self._foreground = foreground
        self._frames: list[Frame] = []
        self.replaced: dict[str, str] = {}
        """Texts to draw as others of at most the same length: what differs between two runs."""

    def take(self, app: App[None], seconds: float) -> None:
        """Add what an app shows now, for some seconds."""
        strips = app.screen._compositor.render_strips()
        pieces = (piece for row, strip in enumerate(strips) for piece in self._pieces(row, strip))
        self._frames.append(Frame(frozenset(pieces), seconds))

    def svg(self, title: str) -> str:
        """Return the picture."""
        shown: dict[Piece, list[int]] = {}
        for number, frame in enumerate(self._frames):
            for piece in frame.pieces:
                shown.setdefault(piece, []).append(number)
        names: dict[tuple[int, ...], str] = {tuple(range(len(self._frames))): ""}
        body = []
        for piece, numbers in sorted(shown.items()):
            name = names.setdefault(tuple(numbers), f"f{len(names)}")
            body.append(self._drawn(piece, name))
        width = self._columns * _CELL_WIDTH + 2 * _MARGIN
        height = self._rows * _ROW_HEIGHT + 2 * _MARGIN
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}"'
            f' font-family="{_FONTS}" font-size="{_FONT_SIZE}" fill="{self._foreground}">\n'
            f"<title>{escape(title)}</title>\n"
            f"<style>\ntext{{white-space:pre}}\n.b{{font-weight:bold}}\n"
            f"{''.join(self._animation(*item) for item in names.items() if item[1])}</style>\n"
            f'<rect width="100%" height="100%" rx="8" fill="{self._background}"/>\n'
            f'<g transform="translate({_MARGIN} {_MARGIN})" xml:space="preserve">\n'
            + "\n".join(body)
            + "\n</g>\n</svg>\n"
        )

    def _animation(self, numbers: Sequence[int], name: str) -> str:
        """Return the rules for rows that are visible in the frames with these numbers."""
        last = len(self._frames) - 1
        total = sum(frame.seconds for frame in self._frames)
        steps, at, before = [], 0.0, None
        for number, frame in enumerate(self._frames):
            state = "visible" if number in numbers else "hidden"
            if state != before:
                steps.append(f"{at / total * 100:.2f}%{{visibility:{state}}}")
            before = state
            at += frame.seconds
        still = "visible" if last in numbers else "hidden"
        return (
            f"@keyframes {name}{{{''.join(steps)}}}\n"
            f".{name}{{visibility:{still}}}\n"
            "@media not (prefers-reduced-motion:reduce){"
            f".{name}{{animation:{name} {total:g}s step-end infinite}}}}\n"
        )

    def _drawn(self, piece: Piece, name: str) -> str:
        x, top = piece.column * _CELL_WIDTH, piece.row * _ROW_HEIGHT
        width = piece.cells * _CELL_WIDTH
        drawn = ""
        if piece.background != self._background:
            drawn = (
                f'<rect x="{x:.4g}" y="{top}" width="{width + 0.3:.4g}" height="{_ROW_HEIGHT}"'
                f' fill="{piece.background}"/>'
            )
        if piece.text.strip():
            fill = f' fill="{piece.foreground}"' * (piece.foreground != self._foreground)
            weight = f' class="{piece.weight}"' * bool(piece.weight)
            drawn += (
                f'<text x="{x:.4g}" y="{top + 13}" textLength="{width:.4g}"{fill}{weight}'
                f' lengthAdjust="spacingAndGlyphs">{escape(piece.text)}</text>'
            )
        return f'<g class="{name}">{drawn}</g>' if name else drawn

    def _pieces(self, row: int, strip: Strip) -> Iterator[Piece]:
        column = 0
        for segment in strip.simplify():
            text, style, cells = segment.text, segment.style or Style(), segment.cell_length
            for found, replacement in self.replaced.items():
                text = text.replace(found, replacement.ljust(len(found)))
            foreground = _hex(style.color, self._foreground)
            background = _hex(style.bgcolor, self._background)
            if style.reverse:
                foreground, background = background, foreground
            begin, width = column, cells
            column += cells
            if background == self._background:
                # Without the blanks at both ends, pieces of different frames are more often equal.
                begin += len(text) - len(text.lstrip())
                width -= len(text) - len(text.strip())
                text = text.strip()
            if width:
                weight = "b" if style.bold else ""
                yield Piece(row, begin, width, text, foreground, background, weight)


def _hex(color: Color | None, default: str) -> str:
    return default if color is None else color.get_truecolor().hex
