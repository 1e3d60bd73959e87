"""The page is made from recorded figures: no figure is lost, and none is flattered."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.figures import Figures
from benchmarks.goals import Bound
from benchmarks.report import page

ABOUT = {
    "machine": "2 cores (a processor)",
    "pinned": "yes",
    "reps": "3",
    "date": "2026-11-23",
    "seconds": "480",
    "ngircd": "ngIRCd 26.1",
    "inspircd": "not installed",
}


@pytest.fixture
def figures() -> Figures:
    figures = Figures(about=dict(ABOUT), absent={"inspircd": "not installed"})
    for lobby, ngircd in ((900_000, 300_000), (1_000_000, 200_000), (1_100_000, 100_000)):
        figures.add("one-to-100/50", "lobby", "per_second", lobby)
        figures.add("one-to-100/50", "ngircd", "per_second", ngircd)
    return figures


def row(text: str, title: str) -> list[str]:
    """Give the cells of the first row with this title."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {title} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_ratio_is_that_of_the_medians_and_stands_beside_what_it_is_held_to(
    figures: Figures,
) -> None:
    cells = row(page(figures), "one to 100, window 50")
    assert cells[1] == "5.00 (≥ 3 / 5) goal"


def test_a_peer_that_is_not_installed_is_named_so(figures: Figures) -> None:
    assert row(page(figures), "one to 100, window 50")[2] == "not installed"


def test_every_median_stands_with_its_range(figures: Figures) -> None:
    after_ratios = page(figures).partition("## All figures")[2]
    assert row(after_ratios, "one to 100, window 50")[1] == "1,000 [900-1,100]"


def test_what_was_not_measured_is_no_figure(figures: Figures) -> None:
    assert row(page(figures), "latest answer when 1,000 with presence on change the room")[1] == "-"


@pytest.mark.parametrize(
    ("bound", "value", "mark"),
    [
        (Bound(3, 5), 5.0, "goal"),
        (Bound(3, 5), 4.9, "least"),
        (Bound(3, 5), 2.9, "**missed**"),
        (Bound(1.3, 1, at_most=True), 1.0, "goal"),
        (Bound(1.3, 1, at_most=True), 1.2, "least"),
        (Bound(1.3, 1, at_most=True), 1.4, "**missed**"),
    ],
)
def test_a_mark_says_which_bound_was_reached(bound: Bound, value: float, mark: str) -> None:
    assert bound.mark(value) == mark


def test_the_prose_may_take_any_median_and_any_ratio(figures: Figures) -> None:
    words = "${median one-to-100/50 lobby per_second}, ${ratio one-to-100/50 per_second ngircd}"
    assert page(figures, words) == "1,000,000, 5.00"


def test_prose_that_asks_for_what_there_is_not_is_an_error(figures: Figures) -> None:
    with pytest.raises(BenchmarkError):
        page(figures, "${no_such_thing}")


def test_tls_stands_beside_plain_text_with_their_ratio(figures: Figures) -> None:
    for way, microseconds, each in (("plain", 5.0, 30.0), ("tls", 8.0, 66.0)):
        figures.add("tls-one-to-100/1", way, "processor_us", microseconds)
        figures.add("tls-memory", way, "kilobytes_each", each)
    text = page(figures)
    title = "processor time of the server for a delivery, µs, one in flight"
    assert row(text, title)[1:] == ["5.00 [5.00-5.00]", "8.00 [8.00-8.00]", "1.60"]
    title = "resident memory of an idle connection, KB"
    assert row(text, title)[3] == "2.20"


def test_what_tls_costs_is_held_to_a_bound(figures: Figures) -> None:
    for window, inside in ((1, 12.0), (50, 10.0)):
        for way, microseconds in (("plain", 5.0), ("tls", inside)):
            figures.add(f"tls-one-to-100/{window}", way, "processor_us", microseconds)
    text = page(figures)
    title = "TLS: processor time a delivery over plain text, one in flight"
    assert row(text, title)[1:] == ["2.40 x", "≤ 2.5 / 2 x", "least"]
    assert row(text, "TLS: the same, window 50")[3] == "least"


def test_the_prose_takes_a_ratio_of_any_two(figures: Figures) -> None:
    assert page(figures, "${ratio one-to-100/50 per_second ngircd lobby}") == "0.20"


def test_recorded_figures_make_the_same_page(figures: Figures, tmp_path: Path) -> None:
    figures.save(tmp_path / "figures.json")
    assert page(Figures.load(tmp_path / "figures.json")) == page(figures)
