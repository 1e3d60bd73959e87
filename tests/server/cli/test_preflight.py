"""The checks whose findings depend on the machine."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from chat_server.cli import host_limits as machine_limits
from chat_server.cli import preflight
from chat_server.cli.host_limits import Ceiling, memory_ceiling, thread_ceiling
from chat_server.cli.preflight import Finding, Level, check_memory, check_threads
from chat_server.config import RESERVED_FILES, Config, room_for_clients


def test_a_finding_is_one_line_that_begins_with_its_level() -> None:
    assert str(Finding(Level.OK, "all is well")) == "ok       all is well"
    assert str(Finding(Level.WARNING, "look\nhere")) == r"warning  look\nhere"
    assert str(Finding(Level.ERROR, "no")) == "error    no"


def test_fewer_threads_than_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(max_clients=1000)
    monkeypatch.setattr(
        "chat_server.cli.preflight.thread_ceiling", lambda: Ceiling(512, "somebody")
    )
    (finding,) = check_threads(config)
    assert finding.level is Level.WARNING
    assert "somebody admits 512" in finding.text
    monkeypatch.setattr(
        "chat_server.cli.preflight.thread_ceiling", lambda: Ceiling(5000, "somebody")
    )
    (finding,) = check_threads(config)
    assert finding.level is Level.OK


def test_less_memory_than_clients_take(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(max_clients=10_000)
    monkeypatch.setattr(
        "chat_server.cli.preflight.memory_ceiling", lambda: Ceiling(512 << 20, "a box")
    )
    (finding,) = check_memory(config)
    assert finding.level is Level.WARNING
    assert "a box has 537 MB" in finding.text
    monkeypatch.setattr(
        "chat_server.cli.preflight.memory_ceiling", lambda: Ceiling(2 << 30, "a box")
    )
    (finding,) = check_memory(config)
    assert finding.level is Level.OK


def test_the_lowest_limit_of_all_groups_above_counts(
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
    monkeypatch.setattr(machine_limits, "_CGROUPS", groups)
    monkeypatch.setattr(machine_limits, "_OWN_GROUP", tmp_path / "own")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, 0))
    (tmp_path / "own").write_text("1:name=x:/y\n0::/system.slice/chat.service\n")
    assert thread_ceiling() == (77, "the control group (TasksMax= in systemd)")
    assert memory_ceiling() == (1000, "the control group (MemoryMax= in systemd)")


def test_a_machine_that_tells_nothing_has_no_limit_that_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_limits, "_OWN_GROUP", tmp_path / "none")
    monkeypatch.setattr(machine_limits, "_KERNEL", tmp_path)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, 0))
    assert thread_ceiling() is None
    monkeypatch.setattr(preflight, "thread_ceiling", thread_ceiling)
    (finding,) = check_threads(Config(max_clients=10))
    assert "not known" in finding.text


def test_more_clients_than_the_system_can_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, resource.RLIM_INFINITY))
    assert room_for_clients(10**30) == 1024 - RESERVED_FILES
