"""PlaceRow: the row of a room or a private conversation in the list. Not a widget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from textual.content import Content

from chat_tui.model import UnreadNumbers, shown_count
from chat_tui.ui.terminal import cut

_MIN_NAME: Final = 6
"""Cells of a name that are shown before its number of messages, if there are mentions."""


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """One row: a mark, the name, and the numbers."""

    mark: str
    name: str
    unread: UnreadNumbers
    sign: str = ""
    """Shown before the numbers: the place is muted."""
    members: int | None = None
    """The number of people there, None: it is not shown."""
    unread_is_at_name: bool = False
    """The unread number is in brackets behind the name."""
    is_viewed: bool = False
    quiet_style: str = ""
    """The style of the name: dimmed if the room is empty."""

    @property
    def needed_width(self) -> int:
        """The cells in which the row is shown whole."""
        behind = self._at_name + "".join(self._right_ends[0])
        return cell_len(self.mark) + 1 + cell_len(self.name) + cell_len(behind)

    def content(self, width: int) -> Content:
        """Return the row in `width` cells. The name is cut if it does not fit."""
        left = width - cell_len(self.mark) - 1 - cell_len(self._at_name)
        name_cells = cell_len(self.name)
        enough = [
            end
            for end in self._right_ends
            if left - cell_len("".join(end)) >= min(name_cells, _MIN_NAME)
        ]
        sign, number, mentions = enough[0] if enough else self._right_ends[-1]
        quiet = not self.unread_is_at_name and not number and not mentions
        if (self.unread_is_at_name or quiet) and left - cell_len(sign) < name_cells <= left:
            sign = ""  # the whole name matters more
        left -= cell_len(sign + number + mentions)
        name = cut(self.name, left)
        gap = " " * max(0, left - cell_len(name))
        look = "$accent bold" if self.is_viewed else self.quiet_style
        return Content.assemble(
            (f"{self.mark} {name}", look),
            (self._at_name, "bold"),
            gap,
            (sign, "$text-muted"),
            (number, "bold"),
            (mentions, "$accent bold"),
        )

    @property
    def _at_name(self) -> str:
        shown = self.unread_is_at_name and self.unread.messages
        return f" ({self.unread.messages})" if shown else ""

    @property
    def _right_ends(self) -> list[tuple[str, str, str]]:
        """The right end as sign, messages and mentions, from the longest form to the shortest."""
        sign = f" {self.sign}" if self.sign else ""
        if self.unread_is_at_name:
            return [(sign + ("" if self.members is None else f" {self.members}"), "", "")]
        messages, mentions = map(shown_count, self.unread)
        number = f" {messages}" if messages else ""
        if not mentions:
            return [(sign, number, "")]
        return [(sign, number, f" @{mentions}"), (sign, "", f" @{mentions}")]
