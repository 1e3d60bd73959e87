"""Dialog: a modal screen from which Ctrl+Q quits the client."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer], Generic[Answer]):
    """A modal screen with the quit key, which the footer below it names.

    The app's own bindings do not reach a modal screen. A priority binding of the app would, but it
    would overtake keys that are on their way to the composer, and their text would be lost.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "app.quit", "Quit", show=False, id="quit"),
    ]
