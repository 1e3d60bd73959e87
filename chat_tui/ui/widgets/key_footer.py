"""KeyFooter: the footer, which is composed again only when the keys that it shows change."""

from __future__ import annotations

from textual.screen import Screen
from textual.widgets import Footer


class KeyFooter(Footer):
    """Textual's footer, without the palette's key.

    Textual composes it again after every change of the focus and of every binding: ten times
    during a sign-in, with a new widget for each key.
    """

    def __init__(self) -> None:
        super().__init__(show_command_palette=False)
        self._shown: list[tuple[object, ...]] | None = None

    def bindings_changed(self, screen: Screen[object]) -> None:
        """Compose the keys again if they differ. Called by Textual."""
        self._bindings_ready = True
        if screen.app.app_focus and self.is_attached and screen is self.screen:
            self.call_after_refresh(self._recompose_if_changed)

    async def _recompose_if_changed(self) -> None:
        keys = self._keys()
        if keys != self._shown:
            # A change while the old keys are removed differs from this value, and comes here again.
            self._shown = keys
            await self.recompose()

    def _keys(self) -> list[tuple[object, ...]]:
        display = self.app.get_key_display
        return [
            (display(binding), binding.description, binding.action, enabled, tooltip)
            for _, binding, enabled, tooltip in self.screen.active_bindings.values()
            if binding.show
        ]
