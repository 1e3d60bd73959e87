"""A part whose program is not installed is left out, and the page says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.accounts import Accounts
from benchmarks.bench import Bench, Part
from benchmarks.cluster import REDIS
from benchmarks.figures import Figures
from benchmarks.native import Programs
from benchmarks.parts import cluster, cluster_costs, cluster_faults
from benchmarks.progress import Progress


@pytest.mark.parametrize(
    "part",
    [cluster.PAIR_PART, cluster.NODES_PART, cluster_costs.PART, cluster_faults.AWAY_PART],
    ids=lambda part: part.name,
)
def test_part_of_several_servers_is_left_out_without_redis(
    part: Part,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    programs = Programs(tmp_path / "load", tmp_path / "ceiling")
    accounts = Accounts(tmp_path / "fast", tmp_path / "slow", tmp_path / "few")
    bench = Bench(programs, accounts, tmp_path, Figures(), Progress(1), 1, (), 10)
    part.measure(bench)
    assert bench.figures.absent[REDIS] == "not installed"
    assert not bench.figures.samples
    assert "redis-server is not installed" in capsys.readouterr().err
