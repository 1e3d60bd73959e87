"""Editing keys take effect in the order in which they are typed."""

from __future__ import annotations

from textual import events
from textual.widget import Widget


async def run_binding_now(field: Widget, event: events.Key) -> None:
    """Run the action that `field` itself binds to a key, if any. Its key handler calls this.

    Textual runs the action of a key only after the key has bubbled up to the app. Letters that were
    typed right after it are in the text by then, and another widget may have the focus.
    """
    if event.is_printable:
        return
    bindings = field._bindings.copy()
    bindings.apply_keymap(field.app._keymap)
    for binding in bindings.key_to_bindings.get(event.key, ()):
        if await field.app.run_action(binding.action, field):
            event.stop()
            event.prevent_default()
            return
