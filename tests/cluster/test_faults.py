"""No message is lost, doubled or reordered by a fault between the nodes and Redis."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cluster.faults import FAULTS, REORDERING, FaultRun
from tests.cluster.load import Load
from tests.support.cluster import StartCluster
from tests.support.redis_server import StartRedis

USERS = ("alice", "bob", "carol", "dave")

NOTICE_SECONDS = 0.3
"""Some faults last until the clients have read the notice."""


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_fault_loses_doubles_and_reorders_nothing(
    fault: Callable[[FaultRun], None], start_cluster: StartCluster, start_redis: StartRedis
) -> None:
    cluster = start_cluster(2, redis_notice_seconds=NOTICE_SECONDS)
    with Load(cluster.ports, USERS) as load:
        load.run_while_delivered()
        fault(FaultRun(cluster, load, start_redis, cuts=5, away=0.8, frozen=0.6))
        load.run_while_delivered()
        load.drain()
        assert not load.faults(is_one_order=fault not in REORDERING)
        cluster.until_same_state()
        assert not cluster.log_faults()
