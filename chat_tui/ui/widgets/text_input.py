"""SafeInput: a line of input that removes control characters from a paste."""

from __future__ import annotations

from textual import events
from textual.actions import SkipAction
from textual.reactive import reactive

from chat_server.wire import clean
from chat_tui.ui.widgets.cluster_input import ClusterInput
from chat_tui.ui.widgets.editing_keys import run_binding_now


class SafeInput(ClusterInput):
    """An `Input` that cleans pasted text: a terminal would obey control characters in it."""

    cursor_blink = reactive(False, init=False)  # no timer wakes an idle client

    def action_copy(self) -> None:
        """Copy the selected text, unless the field is for a password."""
        if self.password:
            raise SkipAction
        super().action_copy()

    def action_cut(self) -> None:
        """Cut the selected text, unless the field is for a password."""
        if self.password:
            raise SkipAction
        super().action_cut()

    async def on_key(self, event: events.Key) -> None:
        """Run the field's own actions at once."""
        await run_binding_now(self, event)

    def on_paste(self, event: events.Paste) -> None:
        """Insert the first line of the paste without control characters."""
        event.stop()
        event.prevent_default()
        lines = event.text.splitlines()
        if lines:
            selection = self.selection
            text = clean(lines[0]).replace("\t", " ")
            if selection.is_empty:
                self.insert_text_at_cursor(text)
            else:
                self.replace(text, *selection)
