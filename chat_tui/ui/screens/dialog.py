"""Dialog: a page over everything else, from which one can leave the client, too."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer], Generic[Answer]):
    """The app's own keys do not reach what is modal. This one does: the footer below names it.

    Not by making it go first everywhere: it would overtake what is still on its way to the
    composer, and that would be lost.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "app.quit", "Quit", show=False, id="quit"),
    ]
