"""Keys that edit do so in their turn among the letters."""

from __future__ import annotations

from textual import events
from textual.widget import Widget


async def run_binding_now(field: Widget, event: events.Key) -> None:
    """Do what a key means to `field` itself, if anything. Called from where it handles keys.

    Textual runs a key's action only once the key has come up to the app: letters that came right
    behind it are in the text by then, and the focus may be elsewhere.
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
