"""The `process_*` metrics if /proc shows only processes (`ProcSubset=pid`)."""

from __future__ import annotations

import builtins
import sys
from dataclasses import fields
from typing import Any

import pytest
from prometheus_client import ProcessCollector
from prometheus_client.parser import text_string_to_metric_families

from chat_server.observability.metrics import Metrics
from chat_server.observability.snapshot import MetricsSnapshot

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")


def test_process_metrics_work_with_proc_subset_pid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = {
        sample.name: sample.value
        for family in ProcessCollector(registry=None).collect()
        for sample in family.samples
    }
    assert len(expected) >= 6
    real_open = builtins.open

    def open_without_proc_stat(file: Any, *more: Any, **others: Any) -> Any:
        if file == "/proc/stat":
            raise FileNotFoundError
        return real_open(file, *more, **others)

    monkeypatch.setattr("builtins.open", open_without_proc_stat)
    assert not list(ProcessCollector(registry=None).collect())
    values: dict[str, Any] = {field.name: 1 for field in fields(MetricsSnapshot)}
    now = MetricsSnapshot(**values | {"events": {}, "rejections": {}})
    exported = {
        sample.name: sample.value
        for family in text_string_to_metric_families(Metrics(lambda: now, 10).text().decode())
        for sample in family.samples
    }
    assert expected.keys() <= exported.keys()
    start = "process_start_time_seconds"
    assert exported[start] == pytest.approx(expected[start], abs=1.5)
