"""Field: a line of input that takes no control characters from a paste."""

from __future__ import annotations

from textual import events
from textual.actions import SkipAction
from textual.reactive import reactive
from textual.widgets import Input

from chat_server.wire import clean
from chat_tui.ui.widgets.editing_keys import run_binding_now


class SafeInput(Input):
    """An `Input` whose pasted text is only text: a terminal would obey what it holds otherwise."""

    cursor_blink = reactive(False, init=False)  # nothing moves, and idle is idle

    def action_copy(self) -> None:
        """Copy what is selected; a password is for nobody's clipboard."""
        if self.password:
            raise SkipAction
        super().action_copy()

    def action_cut(self) -> None:
        """The same, and take it away."""
        if self.password:
            raise SkipAction
        super().action_cut()

    async def on_key(self, event: events.Key) -> None:
        """Edit at once."""
        await run_binding_now(self, event)

    def on_paste(self, event: events.Paste) -> None:
        """Insert the first line of what was pasted, cleaned."""
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
