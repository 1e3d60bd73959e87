"""Resolution: which unconfirmed messages of a place have arrived, by the pages of its history.

Own messages are always a part of the history, and the server takes no line of a connection that has
ended. So the pages up to the new session show for certain whether a message has arrived.
"""

from __future__ import annotations

from collections.abc import Callable

from chat_server.wire import parse_stamp
from chat_tui.events import NotKept
from chat_tui.protocol.timelines import Timelines, Unconfirmed


class Resolution:
    """The own messages that the pages since `start` have shown."""

    def __init__(
        self,
        place: str,
        own_name: str,
        timelines: Timelines,
        first_id: Callable[[], int | None],
    ) -> None:
        """`first_id`: see `CatchUp`."""
        self._place = place
        self._own_name = own_name
        self._timelines = timelines
        self._first_id = first_id
        self._start: int | None = None  # all own messages after it were seen
        self._last_page: int | None = None
        self._own: dict[tuple[str, bool], list[int]] = {}
        self._has_hole = False  # the server could not store some messages
        self._kept_from = 0  # older messages were removed
        self._undecidable: set[int] = set()  # ids
        self._decided: set[int] = set()  # ids

    def candidates(self) -> list[Unconfirmed]:
        """Return the unconfirmed messages that pages can resolve, oldest first."""
        first = self._first_id()
        return [
            message
            for message in self._timelines.unconfirmed(self._place)
            if message.id not in self._undecidable
            and message.id not in self._decided
            and (first is None or message.id < first)
        ]

    def first_start(self, floor: int | None) -> int | None:
        """Return the stamp after which pages are needed for the log and the messages, if any."""
        return min([*([] if floor is None else [floor]), *self._afters()], default=None)

    def next_start(self) -> int | None:
        """Return the stamp after which more pages are needed for the messages, if any."""
        first = min(self._afters(), default=None)
        if first is None or (self._start is not None and self._start <= first):
            return None
        return first

    def begin(self, start: int) -> None:
        """Begin to look at the pages after `start`."""
        self._start = self._last_page = start
        self._own.clear()
        self._has_hole, self._kept_from = False, 0

    def goes_on(self, later: int) -> bool:
        """Return True if the page after `later` may be requested: it is a step forward."""
        is_step = self._last_page is None or later > self._last_page
        self._last_page = later
        return is_step

    def own_message(self, text: str, stamp: int, *, is_action: bool) -> list[int]:
        """Take an own message of a page. Return the id of the message that it is, if any."""
        stamps = self._own.setdefault((text, is_action), [])
        if stamps and stamp <= stamps[-1]:  # a page that came twice
            return []
        stamps.append(stamp)
        for message in self.candidates():
            assert message.proof is not None
            if (message.text, message.is_action) != (text, is_action):
                continue
            after = parse_stamp(message.proof.after) or 0
            later = [other for other in stamps if other > after]
            if len(later) == message.proof.skip + 1 and later[-1] == stamp:
                self._decided.add(message.id)
                return [message.id]
        return []

    def not_kept(self, remark: NotKept) -> bool:
        """Take a remark of a page. Return False if it says nothing about what the client misses."""
        if remark.count is not None:
            self._has_hole = True
            return True
        self._kept_from = max(self._kept_from, parse_stamp(remark.before or "") or 0)
        return self._start != 0  # the client has never seen a message there

    def take_missing(self) -> list[Unconfirmed]:
        """Return the messages that have certainly not arrived, oldest first, each once."""
        missing = []
        for message in self.candidates():
            assert message.proof is not None
            after = parse_stamp(message.proof.after) or 0
            if self._start is None or self._start > after:
                continue  # not all pages were seen
            if self._has_hole or self._kept_from > after > 0:
                self._undecidable.add(message.id)
            else:
                self._decided.add(message.id)
                missing.append(message)
        return missing

    def _afters(self) -> list[int]:
        return [
            parse_stamp(message.proof.after) or 0
            for message in self.candidates()
            if message.proof is not None
        ]
