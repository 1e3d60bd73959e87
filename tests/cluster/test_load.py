"""One server without others passes the checks that the faults of a cluster are tested with."""

from __future__ import annotations

from pathlib import Path

from tests.cluster.load import Load, LoadClient
from tests.support.running_server import StartServer


def test_one_server_delivers_a_load_without_a_fault(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(rate=0, history=tmp_path / "history.db")
    with Load([server.port], ["alice", "bob", "carol"], per_second=200) as load:
        load.run_while_delivered(20)
        newer = load.add(LoadClient(server.port, "alice", follows=False))
        older = load.clients[0]
        load.work_until(lambda: newer.is_ready and older.has_ended, "alice has logged in again")
        load.remove(older)
        load.run_while_delivered(20)
        load.drain()
        assert not load.faults()
        assert older.lines[-1] == "[SERVER] Logged out due to new login"
        load.clients[1].read.messages.pop(5)
        assert load.faults()
