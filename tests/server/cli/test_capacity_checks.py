"""Checks whose findings depend on the machine, and the limits of the machine."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from chat_server.cli import capacity_checks, host_limits
from chat_server.cli.capacity_checks import check_memory, check_places, check_threads
from chat_server.cli.findings import Finding, Severity
from chat_server.cli.host_limits import (
    ResourceLimit,
    memory_limit,
    raise_file_limit,
    thread_limit,
)
from chat_server.config import MAX_CLIENTS, RESERVED_FILES, Config, clients_within_file_limit


def test_finding_is_one_line_prefixed_with_severity() -> None:
    assert str(Finding(Severity.OK, "all is well")) == "ok       all is well"
    assert str(Finding(Severity.WARNING, "look\nhere")) == r"warning  look\nhere"
    assert str(Finding(Severity.ERROR, "no")) == "error    no"


def test_check_threads_warns_if_limit_is_below_max_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(max_clients=1000)
    monkeypatch.setattr(
        "chat_server.cli.capacity_checks.thread_limit", lambda: ResourceLimit(512, "the test")
    )
    (finding,) = check_threads(config)
    assert finding.severity is Severity.WARNING
    assert "the test admits 512" in finding.text
    monkeypatch.setattr(
        "chat_server.cli.capacity_checks.thread_limit", lambda: ResourceLimit(5000, "the test")
    )
    (finding,) = check_threads(config)
    assert finding.severity is Severity.OK


def test_check_memory_warns_if_limit_is_below_need(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(max_clients=10_000)
    monkeypatch.setattr(
        "chat_server.cli.capacity_checks.memory_limit", lambda: ResourceLimit(512 << 20, "the test")
    )
    (finding,) = check_memory(config)
    assert finding.severity is Severity.WARNING
    assert "the test has 537 MB" in finding.text
    monkeypatch.setattr(
        "chat_server.cli.capacity_checks.memory_limit", lambda: ResourceLimit(2 << 30, "the test")
    )
    (finding,) = check_memory(config)
    assert finding.severity is Severity.OK


def test_host_limits_use_lowest_limit_of_all_parent_cgroups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = tmp_path / "cgroup"
    own = groups / "system.slice" / "chat.service"
    own.mkdir(parents=True)
    for folder, threads, memory in (
        (own, "max", "1000000000"),
        (own.parent, "77", "max"),
        (groups, "78", "1000"),
    ):
        (folder / "pids.max").write_text(f"{threads}\n")
        (folder / "memory.max").write_text(f"{memory}\n")
    monkeypatch.setattr(host_limits, "_CGROUPS", groups)
    monkeypatch.setattr(host_limits, "_SELF_CGROUP", tmp_path / "own")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, 0))
    (tmp_path / "own").write_text("1:name=x:/y\n0::/system.slice/chat.service\n")
    assert thread_limit() == (77, "the control group (TasksMax= in systemd)")
    assert memory_limit() == (1000, "the control group (MemoryMax= in systemd)")


def test_host_limits_are_unknown_if_system_reports_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_limits, "_SELF_CGROUP", tmp_path / "none")
    monkeypatch.setattr(host_limits, "_KERNEL_LIMITS", tmp_path)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, 0))
    assert thread_limit() is None
    monkeypatch.setattr(capacity_checks, "thread_limit", thread_limit)
    (finding,) = check_threads(Config(max_clients=10))
    assert "unknown" in finding.text


def test_client_count_is_capped_by_open_file_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, resource.RLIM_INFINITY))
    raise_file_limit(10**30)
    assert clients_within_file_limit(10**30) == 1024 - RESERVED_FILES


def test_creating_config_leaves_open_file_limit_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: pytest.fail("the limit was changed"))
    assert Config().max_clients == 256 - RESERVED_FILES


@pytest.mark.parametrize(
    ("max_clients", "hard", "expected"),
    [
        (100, 4096, []),
        (1000, 4096, [1000 + RESERVED_FILES]),
        (1000, resource.RLIM_INFINITY, [1000 + RESERVED_FILES]),
        (None, 4096, [4096]),
        (None, resource.RLIM_INFINITY, [MAX_CLIENTS + RESERVED_FILES]),
    ],
)
def test_start_raises_open_file_limit_as_far_as_needed(
    max_clients: int | None, hard: int, expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: raised.append(limits))
    raise_file_limit(max_clients)
    assert raised == [(soft, hard) for soft in expected]


def test_report_shows_how_places_are_shared_out() -> None:
    (finding,) = check_places(Config(max_clients=100))
    assert str(finding) == (
        "ok       100 places: 75 at most for connections that have not logged in"
    )
    (finding,) = check_places(
        Config(max_clients=100, member_places=10, operators=frozenset({"alice", "bob"}))
    )
    assert str(finding) == (
        "ok       100 places: 90 at most for connections that have not logged in,"
        " 90 at most for users that are not operators"
    )
