"""Navigation: which location the user views and writes to. Pure."""

from __future__ import annotations

from chat_tui.model.location import Location


class Navigation:
    """The location in view, and the room that a pending join leads to.

    The user is a member of one room at a time. The location in view is this room or a private
    conversation.
    """

    def __init__(self, room: str) -> None:
        self.location = Location(room)
        """The location in view."""
        self._joining: Location | None = None

    @property
    def compose_location(self) -> Location:
        """The location that the composer writes to: during a join, already the new room."""
        return self.location if self._joining is None else self._joining

    def view(self, location: Location, room: str) -> None:
        """View a private conversation, or `room`, which the user is in.

        A later join reply does not change the view.
        """
        self._joining = None
        self.location = location if location.is_private else Location(room)

    def join_requested(self, room: str) -> None:
        """Record a requested join of `room`; the server has not answered yet."""
        self._joining = Location(room)

    def joined(self, room: str) -> None:
        """Record that the user is in `room` now.

        A private conversation stays in view unless the user requested the room. The caller
        calls `join_ended` as well.
        """
        if room == self._joining or not self.location.is_private:
            self.location = Location(room)

    def join_ended(self, room: str) -> bool:
        """Record the end of the join of `room`. Return True if it was the pending one."""
        if room != self._joining:
            return False
        self._joining = None
        return True

    def connection_lost(self) -> None:
        """Forget the pending join: its answer will not come."""
        self._joining = None
