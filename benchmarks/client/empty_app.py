"""The smallest Textual app: one word on the screen, replaced by the letter of the last key."""

from __future__ import annotations

from textual import events
from textual.app import App, ComposeResult
from textual.widgets import Static


class EmptyApp(App[None]):
    """A baseline: the time that the library takes, and the noise of the machine."""

    def compose(self) -> ComposeResult:
        """Compose one word."""
        yield Static("ready")

    def on_key(self, event: events.Key) -> None:
        """Show the typed letter."""
        if event.character is not None:
            self.query_one(Static).update(event.character)


if __name__ == "__main__":
    EmptyApp().run()
