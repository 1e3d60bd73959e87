"""The command line: which parts, how often; then the figures, the pictures and the page."""

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
from benchmarks.errors import BenchmarkError, DeliveryError
from benchmarks.figures import Figures
from benchmarks.machine import can_pin, describe, raise_file_limit
from benchmarks.native import compile_programs
from benchmarks.parts import PARTS
from benchmarks.progress import Progress
from benchmarks.report import page, summary
from benchmarks.servers import EVERYONE, INSPIRCD, NGIRCD, version

PROJECT: Final = Path(__file__).parent.parent
RECORD: Final = Path(__file__).parent / "figures.json"
PAGE: Final = PROJECT / "docs" / "performance.md"
REPS: Final = 5
QUICK: Final = ("throughput",)
MOST_CLIENTS: Final = 12_000


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--reps", type=click.IntRange(1), default=REPS, show_default=True, help="Runs of each scenario."
)
@click.option(
    "--only",
    type=click.Choice([part.name for part in PARTS]),
    multiple=True,
    help="Only this part; may be given more than once. Writes no page.",
)
@click.option(
    "--server",
    "servers",
    type=click.Choice([kind.name for kind in EVERYONE]),
    multiple=True,
    help="Compare only this server; may be given more than once. Writes no page.",
)
@click.option("--quick", is_flag=True, help="Throughput alone, once. Writes no page.")
@click.option(
    "--from",
    "record",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Measure nothing: write the page from these figures.",
)
@click.option(
    "--record-to",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    show_default=f"{RECORD.relative_to(PROJECT)}, for a whole run",
    help="Where to keep every figure.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    show_default=f"{PAGE.relative_to(PROJECT)}, for a whole run",
    help="The page to write; its pictures go into pictures/ beside it.",
)
def cli(
    reps: int,
    only: tuple[str, ...],
    servers: tuple[str, ...],
    quick: bool,
    record: Path | None,
    record_to: Path | None,
    output: Path | None,
) -> None:
    """Measure the server beside others, all in one run, and write docs/performance.md.

    Fails where a message came twice, out of order, cut or not at all; a goal that is missed is
    told on the page.
    """
    names = QUICK if quick and not only else only
    if record is None and not names and not servers:
        record_to, output = record_to or RECORD, output or PAGE
    if record is not None:
        output = output or PAGE
    if output is not None:
        _need_matplotlib()  # now, not after eight minutes
    if record is not None:
        figures = Figures.load(record)
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
    click.echo(f"written: {output}")


def _need_matplotlib() -> None:
    if importlib.util.find_spec("matplotlib") is None:
        raise BenchmarkError(
            "the pictures need matplotlib: pip install -e '.[bench]', or run make bench"
        )


def _measure(reps: int, names: tuple[str, ...], servers: tuple[str, ...]) -> Figures:
    if platform.system() != "Linux":
        raise BenchmarkError("the load generator needs Linux (epoll)")
    parts = [part for part in PARTS if not names or part.name in names]
    figures = Figures()
    expected = sum(part.set_up_seconds + part.rep_seconds * reps for part in parts)
    progress = Progress(expected)
    most_clients = min(MOST_CLIENTS, raise_file_limit() - SPARE_FILES)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # a peer that gives its rights away still has to read its settings
        bench = Bench(
            programs=compile_programs(folder),
            accounts=write_accounts(folder),
            folder=folder,
            figures=figures,
            progress=progress,
            reps=reps,
            wanted=servers or tuple(kind.name for kind in EVERYONE),
            most_clients=most_clients,
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
        "ngircd": version(NGIRCD) or "not installed",
        "inspircd": version(INSPIRCD) or "not installed",
    }
    return figures


def main() -> None:
    """Whatever is wrong is told without a traceback."""
    try:
        cli.main(prog_name="python -m benchmarks", standalone_mode=False)
    except DeliveryError as error:
        print(f"\nbenchmarks: NOT DELIVERED ONCE AND IN ORDER: {error}", file=sys.stderr)
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
