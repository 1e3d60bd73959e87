"""Random lives on three nodes, shortly. `make soak-cluster` runs ten minutes of them."""

from __future__ import annotations

import os

import pytest

from tests.cluster.lives import OPERATOR, Lives, names_of
from tests.support.cluster import StartCluster

SECONDS = 12.0 if os.environ.get("CI") == "true" else 8.0
USERS = 12


@pytest.mark.timeout(SECONDS + 120)
def test_random_lives_on_killed_nodes_show_no_fault(start_cluster: StartCluster) -> None:
    cluster = start_cluster(
        3,
        people=names_of(USERS),
        in_processes=True,
        operators=frozenset({OPERATOR}),
        login_failures=0,
    )
    lives = Lives(cluster, users=USERS, seed=3, report=print)
    assert not lives.run(SECONDS)
    assert lives.node_kills
    assert lives.redis_kills
    assert lives.cuts
