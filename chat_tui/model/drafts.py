"""Drafts: typed and unsent text, by location."""

from __future__ import annotations

from collections.abc import Mapping


class Drafts:
    """The drafts of one user at one server."""

    def __init__(self, texts: Mapping[str, str] | None = None) -> None:
        """`texts` are the drafts of the last session, by location."""
        self._texts = dict(texts or {})

    def of(self, location: str) -> str:
        """Return the draft for a location, "" if there is none."""
        return self._texts.get(location, "")

    def put(self, location: str, text: str) -> None:
        """Replace the draft for a location; an empty text removes it."""
        if text:
            self._texts[location] = text
        else:
            self._texts.pop(location, None)

    def all(self) -> dict[str, str]:
        """Return a copy of all drafts, by location."""
        return dict(self._texts)
