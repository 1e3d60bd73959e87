"""The least that Textual can do: a word on the screen, and the letter of the last key."""

from __future__ import annotations

from textual import events
from textual.app import App, ComposeResult
from textual.widgets import Static


class EmptyApp(App[None]):
    """What an app of ours is compared with: the library's own time, and the machine's noise."""

    def compose(self) -> ComposeResult:
        """One word."""
        yield Static("ready")

    def on_key(self, event: events.Key) -> None:
        """Show a letter as it was typed."""
        if event.character is not None:
            self.query_one(Static).update(event.character)


if __name__ == "__main__":
    EmptyApp().run()
