"""DraftBinding: keeps the composer's text and the model's drafts in step."""

from __future__ import annotations

from typing import Final

from textual.screen import Screen

from chat_tui.events import TextReturned
from chat_tui.input import history_place, holds_secret, merge_into_draft, redact
from chat_tui.model import Location
from chat_tui.sanitize import safe_text
from chat_tui.ui.screens.chat_context import ChatContext
from chat_tui.ui.widgets import Composer

_MAX_PREVIEW: Final = 60
"""Characters of a returned text that a notice quotes."""


class DraftBinding:
    """The link between the drafts of the model and the composer, which holds one of them.

    The chat screen owns it.
    """

    def __init__(self, screen: Screen[None], context: ChatContext) -> None:
        """The composer is empty at first."""
        self._screen = screen
        self._model = context.model
        self._shell = context.shell
        self._drafts = context.model.drafts
        self._location = context.model.compose_location

    @property
    def _composer(self) -> Composer:
        return self._screen.query_one(Composer)

    def save(self) -> None:
        """Store the composer's text as the draft of the location that it belongs to."""
        self._drafts.put(self._location, self._composer.draft)

    def switch(self) -> None:
        """Save the draft; if the compose target changed, load the draft of the new target."""
        self.save()
        model = self._model
        if model.drafts is not self._drafts or model.compose_location != self._location:
            self._drafts, self._location = model.drafts, model.compose_location
            self._composer.set_draft(self._drafts.of(self._location))

    def reload(self) -> None:
        """Show the draft again if the model has another one: another window has changed it."""
        if self._model.drafts is self._drafts and self._location == self._model.compose_location:
            draft = self._drafts.of(self._location)
            if draft != self._composer.draft:
                self._composer.set_draft(draft)

    def return_text(self, returned: TextReturned) -> None:
        """Put text that could not be sent back into its draft, and notify the user.

        The text of another location goes to the draft of that location. The notice gives the
        reason, unless the log gives it already, and says where the text is if the composer is not
        empty.
        """
        self.switch()
        model, location = self._model, returned.location
        notice = [] if returned.is_reported else [safe_text(returned.reason)]
        if location and location != model.compose_location:
            notice.append(self._keep_in_conversation(location, returned.text))
        elif not self._composer.return_text(returned.text):
            notice.append(self._keep_in_history(returned.text))
        if notice:
            self._shell.notify("\n".join(notice), severity="warning")

    def _keep_in_conversation(self, location: str, text: str) -> str:
        """Add a private text to the draft of its conversation. Return the notice."""
        drafts, partner = self._model.drafts, Location(location).partner
        together = merge_into_draft(text, drafts.of(location))
        if together == drafts.of(location):  # either is a command
            self._model.histories.of(location).add(text)
            return f"Press Up for it in your conversation with {partner}."
        drafts.put(location, together)
        self._model.conversations.begin(partner)
        return f"It is kept in your conversation with {partner}."

    def _keep_in_history(self, text: str) -> str:
        """Let Up find a text that does not fit into the composer. Return the notice.

        Private text goes to its conversation instead: Up must not bring it to a room.
        """
        preview = safe_text(redact(text))[:_MAX_PREVIEW]
        place = history_place(text, self._location)
        if holds_secret(text) or place is None:
            return f"Type it again: {preview}"
        if place[0] != self._location:
            return self._keep_in_conversation(*place)
        self._model.history.add(text)
        return f"Press Up for it: {preview}"
