"""FreshScreen: a screen that is not styled twice when it is shown for the first time."""

from __future__ import annotations

from textual import events
from textual.geometry import Size
from textual.screen import Screen


class FreshScreen(Screen[None]):
    """A screen whose widgets keep the styles that they got when they were mounted.

    Textual applies all styles to a screen again whenever it is shown. That is needed after another
    screen covered it. The first time it is a tenth of the work until the screen is drawn.
    """

    _was_covered = False

    def set_size_classes(self, size: Size) -> None:
        """Set the classes of the breakpoints for a terminal of this size, before the first mount.

        Otherwise Textual sets them once the widgets are there, and styles all of them again.
        """
        for breakpoints, cells in (
            (self.HORIZONTAL_BREAKPOINTS, size.width),
            (self.VERTICAL_BREAKPOINTS, size.height),
        ):
            reached = [name for least, name in sorted(breakpoints or ()) if cells >= least]
            self.add_class(*reached[-1:], update=False)

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """Keep the styles if they are fresh. Called by Textual before its own handler."""
        event.refresh_styles = event.refresh_styles and self._was_covered

    def on_screen_suspend(self) -> None:
        """Note that the styles may be outdated at the next resume. Called by Textual."""
        self._was_covered = True
