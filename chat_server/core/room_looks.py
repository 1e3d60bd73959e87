"""The looks of the open rooms: no new room may have a name that looks like the name of another."""

from __future__ import annotations

from chat_server.confusables import look_of


class RoomLooks:
    """The open rooms by what their names look like. Changed under the hub's lock."""

    __slots__ = ("rooms",)

    def __init__(self) -> None:
        self.rooms: dict[tuple[int, str], list[str]] = {}
        """The names by each form that is compared, with the number of the form, in the order in
        which the rooms opened. As a rule there is one. A session that is restored may open its room
        again although another one looks like that by now."""

    def add(self, name: str) -> None:
        """Add a room that opens."""
        for form in enumerate(look_of(name)):
            self.rooms.setdefault(form, []).append(name)

    def remove(self, name: str) -> None:
        """Remove a room that closes."""
        for form in enumerate(look_of(name)):
            names = self.rooms[form]
            names.remove(name)
            if not names:
                del self.rooms[form]

    def similar_room(self, name: str) -> str | None:
        """Return the open room that a new room `name` could be mistaken for, or None.

        The oldest one, if there are several.
        """
        for form in enumerate(look_of(name)):
            if form in self.rooms:
                return self.rooms[form][0]
        return None
