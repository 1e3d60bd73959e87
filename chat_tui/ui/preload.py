"""Importing what a sign-in needs, in a thread, after the login form has been drawn."""

from __future__ import annotations

import gc
import threading
from importlib import import_module
from typing import Final

_LATE_MODULES: Final = ("chat_tui.ui.controller", "chat_tui.ui.screens.chat")
"""What a sign-in imports, apart from what the form has imported."""


def preload_in_thread() -> None:
    """Import the rest of the client in a daemon thread.

    A sign-in that comes earlier waits for the import lock.
    """
    threading.Thread(target=import_rest, name="preload", daemon=True).start()


def import_rest() -> None:
    """Import what the chat needs, then start the garbage collection.

    What exists by then stays until the end: modules, classes, styles. Frozen, it costs no later
    collection anything, such as those while the chat is drawn for the first time.
    """
    try:
        for module in _LATE_MODULES:
            import_module(module)
        gc.collect()
        gc.freeze()
    finally:
        gc.enable()
