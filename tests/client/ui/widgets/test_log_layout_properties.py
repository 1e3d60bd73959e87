"""The rows of a log into which pages come, in any order, are those of a log built at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat_server.wire.protocol import Message
from chat_tui import events
from chat_tui.events import HistoryPage, PageKind
from chat_tui.model.chat_model import ChatModel
from chat_tui.ui.widgets.log_layout import LogLayout
from chat_tui.ui.widgets.log_rows import TEXT_ROWS, Row, row_order, rows_of, shown_text

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PAGE = 7
MAX_ENTRIES = 40

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("live"), st.integers(1, 9)),
        st.tuples(st.sampled_from(["own", "settle", "presence", "up", "down", "end", "draw"])),
        st.tuples(st.just("around"), st.integers(0, 99)),
    ),
    max_size=40,
)


@pytest.fixture(autouse=True)
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat_tui.model.logs.MAX_ENTRIES", MAX_ENTRIES)
    monkeypatch.setattr("chat_tui.model.logs.WINDOW_ENTRIES", 24)
    monkeypatch.setattr("chat_tui.model.logs.PRESENT_ENTRIES", 8)


class World:
    """A server with 60 past messages, a model, and a layout that follows what the model shows."""

    def __init__(self) -> None:
        self.model = ChatModel(lambda: datetime(2026, 11, 22, 21, 0))
        self.model.begin("127.0.0.1:9000", "alice")
        self.model.apply(events.SignedIn("alice", ("/join", "/history", "/stamps")))
        self.model.apply(events.Joined("lobby"))
        self.sent = [self.new_message(number) for number in range(60)]
        self.model.apply(self.page(PageKind.FIRST, 50, 60))
        self.model.log.max_entries = MAX_ENTRIES
        self.layout = LogLayout()
        self.layout.start(self.model.log)
        self.own = 0
        self.draw()

    def new_message(self, number: int) -> Message:
        time = (NOON + timedelta(minutes=number * 13)).isoformat(timespec="microseconds")
        text = f"m{number} " + "words " * (number % 30)
        return Message(time, "bc"[number // 3 % 2], text.strip(), past=True)

    def page(self, kind: PageKind, start: int, end: int) -> HistoryPage:
        start, end = max(0, start), min(len(self.sent), end)
        earlier = self.sent[start].time if start else None
        later = self.sent[end - 1].time if end < len(self.sent) else None
        return HistoryPage("lobby", kind, tuple(self.sent[start:end]), earlier, later)

    def number_of(self, stamp: str | None) -> int:
        return next(index for index, message in enumerate(self.sent) if message.time == stamp)

    def step(self, name: str, number: int = 0) -> None:
        model = self.model
        match name:
            case "live":
                for _ in range(number):
                    self.sent.append(self.new_message(len(self.sent)))
                    model.apply(events.MessageArrived("lobby", self.sent[-1]))
            case "own":
                self.own += 1
                model.apply(events.MessagePending(self.own, "lobby", f"own {self.own}"))
            case "settle" if self.own:
                model.apply(events.MessageUnconfirmed(self.own))
            case "presence":
                model.apply(events.PersonJoined("dave", "lobby"))
            case "up":
                self.look(model.log.first)
                if model.request_page(PageKind.EARLIER):
                    oldest = self.number_of(model.log.oldest_stamp)
                    model.apply(self.page(PageKind.EARLIER, oldest - PAGE, oldest))
            case "down":
                self.look(model.log.end - 1)
                if model.log.present is not None and model.request_page(PageKind.LATER):
                    newest = self.number_of(model.log.newest_stamp) + 1
                    model.apply(self.page(PageKind.LATER, newest, newest + PAGE))
            case "end":
                model.return_to_present()
                model.log.in_view = None
            case "around":
                middle = number % len(self.sent)
                if model.request_message(self.sent[middle].time):
                    model.apply(self.page(PageKind.AROUND, middle - 3, middle + 4))
            case "draw":
                self.draw()

    def look(self, entry_id: int) -> None:
        self.model.log.in_view = (entry_id, entry_id)

    def draw(self) -> None:
        """Follow the model as `MessageLog.show` does."""
        log = self.model.log
        shift = log.take_shift(self.layout.log)
        if log is not self.layout.log and shift is None:
            for forget in (log.take_changed, log.take_dropped, log.take_insertions):
                forget()
            self.layout.start(log)
        else:
            if shift is not None:
                self.layout.continue_in(log, shift)
            self.layout.sync()
        self.layout.show_edges()

    def texts(self) -> list[str]:
        """Return the texts that the rows show, put together again."""
        return [
            shown_text(self.layout.shown(row.entry))
            for row in self.layout.rows
            if row.kind in TEXT_ROWS and row.start == 0
        ]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_pages_live_messages_and_drops_give_the_rows_of_a_log_built_at_once(
    steps: list[tuple[str] | tuple[str, int]],
) -> None:
    world = World()
    for step in steps:
        world.step(*step)
    world.draw()
    layout, log = world.layout, world.model.log
    assert layout.rows == sorted(layout.rows, key=row_order)
    fresh = LogLayout()
    fresh.start(log)
    if fresh.columns == layout.columns:
        assert layout.rows == fresh.rows
    # Successive messages of the server, up to the newest if the log reaches the present.
    numbers = [int(text.split()[0][1:]) for text in world.texts() if text[0] == "m"]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    if log.present is None:
        assert numbers[-1] == len(world.sent) - 1
    present = world.model.log_of("lobby")
    unconfirmed = world.model.unconfirmed
    assert all(present.keeps(entry.id) and entry.own for entry in unconfirmed)


def test_world_of_the_property_drops_at_both_ends_and_joins_again() -> None:
    world = World()
    for _ in range(8):
        world.step("live", 3)
        world.step("up")
        world.draw()
    is_window = [world.model.log.present is not None]
    first = world.texts()[0]
    for _ in range(12):
        world.step("down")
        world.draw()
    is_window.append(world.model.log.present is not None)
    assert is_window == [True, False]
    assert first not in world.texts()


def test_page_above_a_long_log_lays_out_only_its_own_messages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    laid_out = []
    for length in (20, 1_000):
        world = World()
        world.model.log_of("lobby").max_entries = 10_000
        world.step("live", length)
        world.draw()
        count = 0

        def counting(*values: Any, original: Any = rows_of) -> list[Row]:
            nonlocal count
            count += 1
            return original(*values)  # type: ignore[no-any-return]

        monkeypatch.setattr("chat_tui.ui.widgets.log_layout.rows_of", counting)
        world.step("up")
        world.draw()
        monkeypatch.setattr("chat_tui.ui.widgets.log_layout.rows_of", rows_of)
        laid_out.append(count)
    assert laid_out[0] == laid_out[1]
    assert PAGE <= laid_out[0] <= PAGE + 5
