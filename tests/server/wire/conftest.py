"""The time zone of the tests of stamps and times."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from chat_server.core import reload_time_zone
from chat_server.wire import stamps


@pytest.fixture
def use_zone() -> Iterator[Callable[[str], None]]:
    """Return what sets the zone of this process until the end of the test."""
    before = os.environ.get("TZ")
    yield _use_zone
    _use_zone(before)


def _use_zone(name: str | None) -> None:
    if name is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = name
    reload_time_zone()
    stamps.second_form.cache_clear()
