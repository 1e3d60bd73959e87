"""The command line: measure the chosen parts, then write the figures, pictures and page."""

from __future__ import annotations

import importlib.util
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import click

from benchmarks.accounts import write_accounts
from benchmarks.bench import SPARE_FILES, Bench
from benchmarks.cluster import REDIS
from benchmarks.errors import BenchmarkError, DeliveryError
from benchmarks.figures import Figures
from benchmarks.machine import can_pin, describe, raise_file_limit
from benchmarks.native import compile_programs
from benchmarks.parts import PARTS
from benchmarks.progress import Progress
from benchmarks.report import page, summary
from benchmarks.servers import ALL_SERVERS, INSPIRCD, NGIRCD, version

PROJECT: Final = Path(__file__).parent.parent
FIGURES_FILE: Final = Path(__file__).parent / "figures.json"
PAGE: Final = PROJECT / "docs" / "performance.md"
REPS: Final = 5
QUICK: Final = ("throughput",)
MAX_CLIENTS: Final = 12_000


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--reps",
    type=click.IntRange(1),
    default=REPS,
    show_default=True,
    help="Repetitions of each scenario.",
)
@click.option(
    "--only",
    type=click.Choice([part.name for part in PARTS]),
    multiple=True,
    help="Measure only this part. Can be repeated. Does not write the page.",
)
@click.option(
    "--server",
    "servers",
    type=click.Choice([kind.name for kind in ALL_SERVERS]),
    multiple=True,
    help="Compare only this server. Can be repeated. Does not write the page.",
)
@click.option(
    "--quick", is_flag=True, help="Measure only throughput, once. Does not write the page."
)
@click.option(
    "--from",
    "recorded",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Write the page from these figures. Measures nothing.",
)
@click.option(
    "--record-to",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    show_default=f"{FIGURES_FILE.relative_to(PROJECT)}, for a complete run",
    help="File for all figures.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    show_default=f"{PAGE.relative_to(PROJECT)}, for a complete run",
    help="File for the page. Its pictures go into the folder pictures/ next to it.",
)
def cli(
    reps: int,
    only: tuple[str, ...],
    servers: tuple[str, ...],
    quick: bool,
    recorded: Path | None,
    record_to: Path | None,
    output: Path | None,
) -> None:
    """Compare the server with others in one run, and write docs/performance.md.

    Fails if a message was duplicated, reordered, truncated or lost. The page shows missed goals.
    """
    names = QUICK if quick and not only else only
    if recorded is None and not names and not servers:
        record_to, output = record_to or FIGURES_FILE, output or PAGE
    if recorded is not None:
        output = output or PAGE
    if output is not None:
        _require_matplotlib()  # before the run: it takes a quarter of an hour
    if recorded is not None:
        figures = Figures.load(recorded)
    else:
        figures = _measure(1 if quick else reps, names, servers)
    if record_to is not None:
        figures.save(record_to)
    click.echo(summary(figures))
    if output is not None:
        _write_page(figures, output)


def _write_page(figures: Figures, output: Path) -> None:
    from benchmarks.plots import draw_pictures

    output.write_text(page(figures), encoding="utf-8")
    draw_pictures(figures, output.parent / "pictures")
    click.echo(f"Wrote {output}.")


def _require_matplotlib() -> None:
    if importlib.util.find_spec("matplotlib") is None:
        raise BenchmarkError(
            "cannot draw the pictures: matplotlib is not installed. "
            "Run make bench, or pip install -e '.[bench]'."
        )


def _measure(reps: int, names: tuple[str, ...], servers: tuple[str, ...]) -> Figures:
    if platform.system() != "Linux":
        raise BenchmarkError("cannot start the load generator: it needs Linux (epoll)")
    parts = [part for part in PARTS if not names or part.name in names]
    figures = Figures()
    expected = sum(part.set_up_seconds + part.rep_seconds * reps for part in parts)
    progress = Progress(expected)
    max_clients = min(MAX_CLIENTS, raise_file_limit() - SPARE_FILES)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # a peer that drops its privileges must still read its configuration
        bench = Bench(
            programs=compile_programs(folder),
            accounts=write_accounts(folder),
            folder=folder,
            figures=figures,
            progress=progress,
            reps=reps,
            compared=servers or tuple(kind.name for kind in ALL_SERVERS),
            max_clients=max_clients,
        )
        for number, part in enumerate(parts, 1):
            progress.begin(number, len(parts), part.title)
            part.measure(bench)
    figures.about = {
        "machine": describe(),
        "pinned": "yes" if can_pin() else "no",
        "reps": str(reps),
        "date": time.strftime("%Y-%m-%d"),
        "seconds": f"{progress.end():.0f}",
        "ngircd": version(NGIRCD.name) or "not installed",
        "inspircd": version(INSPIRCD.name) or "not installed",
        "redis": version(REDIS) or "not installed",
    }
    return figures


def main() -> None:
    """Run the command line. Print an error without a traceback."""
    try:
        cli.main(prog_name="python -m benchmarks", standalone_mode=False)
    except DeliveryError as error:
        print(f"\nbenchmarks: DELIVERY FAULT: {error}", file=sys.stderr)
        sys.exit(1)
    except BenchmarkError as error:
        print(f"\nbenchmarks: {error}", file=sys.stderr)
        sys.exit(1)
    except click.ClickException as error:
        print(f"benchmarks: {error.format_message()}", file=sys.stderr)
        sys.exit(error.exit_code)
    except click.Abort:
        print("\nbenchmarks: stopped", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
