"""Caption: text of the client itself."""

from __future__ import annotations

from textual.visual import VisualType
from textual.widgets import Static


class Caption(Static):
    """Text, never markup. It cannot be selected: a selection is to hold messages only."""

    ALLOW_SELECT = False

    def __init__(
        self, content: VisualType = "", *, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(content, markup=False, id=id, classes=classes)

    def update(self, content: VisualType = "", *, layout: bool = True) -> None:
        """Show another text. The screen is laid out again only if the size depends on the text."""
        if content != self.content:
            super().update(content, layout=layout and self.styles.auto_dimensions)
