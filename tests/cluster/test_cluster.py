"""Two nodes are one chat while nothing fails."""

from __future__ import annotations

import pytest

from tests.cluster.load import Load
from tests.support.cluster import StartCluster


@pytest.mark.parametrize("in_processes", [False, True])
def test_two_nodes_deliver_a_load_without_a_fault(
    start_cluster: StartCluster, in_processes: bool
) -> None:
    cluster = start_cluster(2, in_processes=in_processes)
    with Load(cluster.ports, ["alice", "bob", "carol", "dave"]) as load:
        load.run_while_delivered(20)
        load.drain()
        assert not load.faults()
        cluster.until_same_state()
        assert not cluster.log_faults()
        assert set(cluster.states()) == {"node0", "node1"}
