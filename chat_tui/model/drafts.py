"""What is half written, for each place that it is meant for."""

from __future__ import annotations

from collections.abc import Mapping


class Drafts:
    """Texts that were typed and not sent; of one person at one server."""

    def __init__(self, texts: Mapping[str, str] | None = None) -> None:
        """`texts`: those of the last time, by place."""
        self._texts = dict(texts or {})

    def of(self, place: str) -> str:
        """What is half written for this place, "" where nothing is."""
        return self._texts.get(place, "")

    def put(self, place: str, text: str) -> None:
        """This, and nothing else, is half written for this place now."""
        if text:
            self._texts[place] = text
        else:
            self._texts.pop(place, None)

    def all(self) -> dict[str, str]:
        """What is half written, by place."""
        return dict(self._texts)
