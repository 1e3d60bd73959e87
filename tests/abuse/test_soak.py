"""A short soak. `make soak` runs one of ten minutes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.abuse.soak import Soak

SECONDS = 30.0 if os.environ.get("CI") == "true" else 5.0


@pytest.mark.skipif(sys.platform != "linux", reason="the soak measures a process by its /proc")
@pytest.mark.timeout(SECONDS + 120)
def test_short_soak_finds_no_faults(tmp_path: Path) -> None:
    soak = Soak(tmp_path, clients=200, seed=1, report=print)
    soak.run(SECONDS)
    assert not soak.faults
