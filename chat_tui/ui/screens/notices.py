"""NoticesScreen: the latest notices, whole and with their times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from chat_tui.ui.notices import Notice
from chat_tui.ui.screens.dialog import Dialog

_NONE: Final = "There was no notice so far. They appear above the line that you write in."


class NoticesScreen(Dialog[None]):
    """A list that scrolls, the newest notice at the bottom."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "dismiss", "Close", show=False, id="notices.close"),
    ]

    def __init__(self, notices: Sequence[Notice]) -> None:
        super().__init__()
        self._notices = notices

    def compose(self) -> ComposeResult:
        """Yield one text per notice."""
        with VerticalScroll(classes="dialog", id="notices-page") as page:
            page.border_title = "Latest notices"
            page.border_subtitle = "PgUp Older · Esc Close"
            for notice in self._notices:
                style = "$text-error" if notice.severity == "error" else "$foreground"
                text = Content.assemble(
                    (f"{notice.clock}  ", "$text-muted"), (notice.shown_text, style)
                )
                yield Static(text, markup=False)
            if not self._notices:
                yield Static(_NONE, markup=False)

    def on_mount(self) -> None:
        """Begin at the newest notice."""
        page = self.query_one(VerticalScroll)
        page.focus()
        page.scroll_end(animate=False)
