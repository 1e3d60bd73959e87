"""The page shows every recorded figure, with its range and its bound."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import FIGURES_FILE, PAGE
from benchmarks.errors import BenchmarkError
from benchmarks.figures import Figures
from benchmarks.goals import Bound
from benchmarks.parts import crowd, release_before
from benchmarks.parts.cluster_faults import count_late
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
    """Return the cells of the first row with this title."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {title} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_page_shows_the_ratio_of_medians_with_its_bound(
    figures: Figures,
) -> None:
    cells = row(page(figures), "one to 100, window 50")
    assert cells[1] == "5.00 (≥ 3 / 5) goal"


def test_page_marks_a_peer_as_not_installed(figures: Figures) -> None:
    assert row(page(figures), "one to 100, window 50")[2] == "not installed"


def test_page_shows_every_median_with_its_range(figures: Figures) -> None:
    after_ratios = page(figures).partition("## All figures")[2]
    assert row(after_ratios, "one to 100, window 50")[1] == "1,000 [900-1,100]"


def test_page_shows_a_dash_for_a_missing_figure(figures: Figures) -> None:
    assert (
        row(page(figures), "slowest reply when 1,000 clients with presence on change the room")[1]
        == "-"
    )


@pytest.mark.parametrize(
    ("bound", "value", "mark"),
    [
        (Bound(3, 5), 5.0, "goal"),
        (Bound(3, 5), 4.9, "pass"),
        (Bound(3, 5), 2.9, "**missed**"),
        (Bound(1.3, 1, at_most=True), 1.0, "goal"),
        (Bound(1.3, 1, at_most=True), 1.2, "pass"),
        (Bound(1.3, 1, at_most=True), 1.4, "**missed**"),
    ],
)
def test_mark_names_the_bound_that_a_value_meets(bound: Bound, value: float, mark: str) -> None:
    assert bound.mark(value) == mark


def test_template_can_hold_any_median_and_any_ratio(figures: Figures) -> None:
    template = "${median one-to-100/50 lobby per_second}, ${ratio one-to-100/50 per_second ngircd}"
    assert page(figures, template) == "1,000,000, 5.00"


def test_template_with_an_unknown_name_is_an_error(figures: Figures) -> None:
    with pytest.raises(BenchmarkError):
        page(figures, "${no_such_thing}")


def test_page_compares_tls_with_plain_text(figures: Figures) -> None:
    for variant, microseconds, each in (("plain", 5.0, 30.0), ("tls", 8.0, 66.0)):
        figures.add("tls-one-to-100/1", variant, "cpu_us", microseconds)
        figures.add("tls-memory", variant, "kilobytes_each", each)
    text = page(figures)
    title = "CPU time of the server per delivery, µs, one in flight"
    assert row(text, title)[1:] == ["5.00 [5.00-5.00]", "8.00 [8.00-8.00]", "1.60"]
    title = "resident memory per idle connection, KB"
    assert row(text, title)[3] == "2.20"


def test_page_checks_the_bounds_on_tls(figures: Figures) -> None:
    for window, encrypted in ((1, 12.0), (50, 10.0)):
        for variant, microseconds in (("plain", 5.0), ("tls", encrypted)):
            figures.add(f"tls-one-to-100/{window}", variant, "cpu_us", microseconds)
    text = page(figures)
    title = "TLS / plain text: CPU time per delivery, one in flight"
    assert row(text, title)[1:] == ["2.40 x", "≤ 2.5 / 2 x", "pass"]
    assert row(text, "TLS / plain text: CPU time per delivery, window 50")[3] == "pass"


def test_page_compares_two_nodes_with_one_server(figures: Figures) -> None:
    for variant, p50, per_second in (("alone", 1.0, 60_000), ("A-to-B", 1.8, 50_000)):
        figures.add("cluster-paced", variant, "p50_ms", p50)
        figures.add("cluster-flood", variant, "per_second", per_second)
    text = page(figures)
    title = "node A to node B / one server alone: p50, 100 msg/s to 20"
    assert row(text, title)[1:] == ["1.80 x", "≤ 2 / 1.5 x", "pass"]
    title = "node A to node B / one server alone: messages per second, pipelined to 20"
    assert row(text, title)[1:] == ["0.83 x", "≥ 0.6 / 0.8 x", "goal"]
    assert row(text, "thousand messages per second, pipelined")[3] == "50.0 [50.0-50.0]"


def test_page_compares_with_the_release_before_in_pairs_of_runs(figures: Figures) -> None:
    # The machine becomes slower during the run, and both servers with it.
    for scenario in release_before.SCENARIOS:
        for before, now in ((400, 396), (200, 198), (100, 99)):
            figures.add(scenario, "before", "per_cpu_second", before)
            figures.add(scenario, "now", "per_cpu_second", now)
    title = "without Redis / the release before: deliveries per CPU second, mean of all scenarios"
    assert row(page(figures), title)[1:] == ["0.99 x", "≥ 0.98 x", "goal"]


def test_page_compares_a_crowd_with_irc_servers_and_an_earlier_revision(figures: Figures) -> None:
    for server, per_second in (("lobby", 4_000_000), ("earlier", 1_000_000), ("ngircd", 3_200_000)):
        figures.add("crowd/12", server, "per_second", per_second)
        figures.add("crowd/1/mean", server, "per_second", per_second)
    text = page(figures)
    cells = row(text, "40 all-to-all, window 12")[1:4]
    assert [cell.split()[0] for cell in cells] == ["4,000", "1,000", "3,200"]
    assert row(text, "40 all-to-all, window 12 / ngIRCd")[1:] == ["1.25 x", "≥ 1.2 / 2 x", "pass"]
    bound = row(text, "40 all-to-all, one in flight, mean / 3bb16fd")
    assert bound[1:] == ["4.00 x", "≥ 3 / 4 x", "goal"]


def test_lowest_ratio_of_one_publisher_is_the_one_that_counts(figures: Figures) -> None:
    for shape in crowd.AUDIENCES:
        for window in shape.windows:
            name = crowd.scenario(shape, window, is_mean=False)
            figures.add(name, "lobby", release_before.MEASURE, 90 if window == 50 else 120)
            figures.add(name, "earlier", release_before.MEASURE, 100)
    title = "one to many / 3bb16fd: deliveries per CPU second, the lowest scenario"
    assert row(page(figures), title)[1:] == ["0.90 x", "≥ 0.98 x", "**missed**"]


@pytest.mark.parametrize(
    ("authors", "late"),
    [([1, 1, 2, 2, 3], 0), ([1, 2, 1, 2], 2), ([1, 2, 2, 1, 1], 2), ([], 0)],
)
def test_messages_after_those_of_a_newer_session_are_late(authors: list[int], late: int) -> None:
    assert count_late(authors) == late


def test_template_can_hold_the_ratio_of_any_two_servers(figures: Figures) -> None:
    assert page(figures, "${ratio one-to-100/50 per_second ngircd lobby}") == "0.20"


def test_saved_figures_give_the_same_page(figures: Figures, tmp_path: Path) -> None:
    figures.save(tmp_path / "figures.json")
    assert page(Figures.load(tmp_path / "figures.json")) == page(figures)


def test_committed_page_is_generated_from_the_committed_figures() -> None:
    generated = page(Figures.load(FIGURES_FILE))
    assert PAGE.read_text(encoding="utf-8") == generated
