"""A server with history that is killed under load, again and again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.abuse.kill_rounds import NAMES, OPTIONS, KillRounds
from tests.support.accounts import write_accounts_file
from tests.support.server_program import ServerProgram

KILLS = 3
"""`make bench` measures more of them."""

MOST_LOST_MS = 3_000.0
"""On a machine that other tests load. The bound of a quiet one is in `docs/performance.md`."""


@pytest.mark.timeout(180)
def test_killed_server_has_kept_an_exact_prefix_of_what_it_delivered(tmp_path: Path) -> None:
    users = write_accounts_file(tmp_path / "users.json", NAMES)
    with ServerProgram(users, *OPTIONS) as program:
        outcome = KillRounds(program, seed=1).run(KILLS)
    assert not outcome.faults
    assert outcome.rounds == KILLS
    assert outcome.kept > 0
    assert outcome.delivered > 0
    assert max(outcome.losses_ms) < MOST_LOST_MS
