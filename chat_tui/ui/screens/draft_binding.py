"""HalfWritten: the composer holds the draft of one place; which one, and when it changes."""

from __future__ import annotations

from chat_tui.model import ChatModel
from chat_tui.ui.widgets import Composer


class DraftBinding:
    """Brings drafts from the model into the composer and back."""

    def __init__(self, model: ChatModel) -> None:
        """The composer is empty."""
        self._model = model
        self._drafts = model.drafts
        self._place = model.compose_target

    def save(self, composer: Composer) -> None:
        """Something was typed."""
        self._drafts.put(self._place, composer.draft)

    def switch(self, composer: Composer) -> None:
        """Where the next letter belongs elsewhere: put away what is there, take up what is left."""
        self.save(composer)
        model = self._model
        if model.drafts is not self._drafts or model.compose_target != self._place:
            self._drafts, self._place = model.drafts, model.compose_target
            composer.set_draft(self._drafts.of(self._place))
