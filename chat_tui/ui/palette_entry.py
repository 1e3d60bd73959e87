"""PaletteEntry: one entry of the palette, which the app and the screens make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PaletteEntry:
    """One entry, shown as `group: name`, with `about` at the right edge."""

    group: str
    name: str
    about: str
    run: Callable[[], object]
    preview: Callable[[], object] | None = None
    """Show the effect while the entry is highlighted. Closing without a choice ends it."""
    only_typed: bool = False
    """The entry is listed only if something is typed."""

    @property
    def text(self) -> str:
        """The text that is searched."""
        return f"{self.group}: {self.name}"
