"""`make` in a new checkout: it finds a Python, installs once, and reports what is missing.

The tests run the Makefile with a PATH on which every Python is a small script.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.project import PROJECT

TOO_OLD_OR_A_SHIM = "exit 1"
GOOD = """
case "$*" in *"-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python;; esac
echo "$(basename "$0") $*" >> calls
"""
NO_ENSUREPIP = 'case "$*" in *ensurepip*) exit 1;; esac'
PIP_FAILS = f'case "$*" in *"pip install"*) exit 1;; esac\n{GOOD}'


class MakefileHarness:
    """A folder with the Makefile, and a PATH that has only the added programs."""

    def __init__(self, folder: Path, make: Path) -> None:
        self._make = make
        self._programs = folder / "programs"
        self._programs.mkdir()
        for name in ("basename", "cat", "cp", "mkdir", "rm"):
            found = shutil.which(name)
            assert found is not None
            (self._programs / name).symlink_to(found)
        self.checkout = folder / "a checkout"
        self.checkout.mkdir()
        for name in ("Makefile", "pyproject.toml"):
            shutil.copy(PROJECT / name, self.checkout)

    def add_program(self, name: str, script: str) -> None:
        """Put a program on the PATH."""
        program = self._programs / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def make(self, target: str = "test") -> subprocess.CompletedProcess[str]:
        """Run make."""
        return subprocess.run(
            [self._make, target],
            cwd=self.checkout,
            env={"PATH": str(self._programs)},
            capture_output=True,
            text=True,
            timeout=30,
        )

    def calls(self) -> list[str]:
        """Return the calls of working Pythons since the last call, except probes (`-c`)."""
        record = self.checkout / "calls"
        calls = record.read_text().splitlines() if record.exists() else []
        record.unlink(missing_ok=True)
        return [call for call in calls if " -c " not in call]


@pytest.fixture
def machine(tmp_path: Path, require_program: Callable[[str], Path]) -> MakefileHarness:
    """Return a harness with make and without any Python."""
    return MakefileHarness(tmp_path, require_program("make"))


PIP = "python -m pip install --quiet --disable-pip-version-check --editable"
INSTALL = f"{PIP} .[dev]"
INSTALL_RUNTIME = f"{PIP} ."
CLIENT = "python -m chat_tui --local"
SUITE = "python -m pytest -n 6 --dist worksteal"


def test_make_without_python_fails_with_one_line(machine: MakefileHarness) -> None:
    machine.add_program("python3", TOO_OLD_OR_A_SHIM)
    done = machine.make()
    assert done.returncode != 0
    assert done.stderr.startswith("Lobby needs Python 3.11 or newer")
    assert not (machine.checkout / ".venv").exists()


def test_make_without_ensurepip_names_package(machine: MakefileHarness) -> None:
    machine.add_program("python3", NO_ENSUREPIP)
    done = machine.make()
    assert done.returncode != 0
    assert done.stderr.startswith("python3 cannot make a virtual environment: ensurepip is missing")
    assert "apt install python3-venv" in done.stderr


def test_make_uses_first_working_python(machine: MakefileHarness) -> None:
    machine.add_program("python3.14", TOO_OLD_OR_A_SHIM)
    machine.add_program("python3.13", NO_ENSUREPIP)
    machine.add_program("python3.12", GOOD)
    machine.add_program("python3", GOOD)
    assert machine.make().returncode == 0
    assert machine.calls() == ["python3.12 -m venv .venv", INSTALL, SUITE]


def test_make_reinstalls_only_when_pyproject_changes(machine: MakefileHarness) -> None:
    machine.add_program("python3", GOOD)
    machine.make()
    machine.calls()
    assert machine.make().returncode == 0
    assert machine.calls() == [SUITE]
    stamp = machine.checkout / ".venv" / ".installed"
    newer = stamp.stat().st_mtime_ns + 1_000_000_000
    project_file = machine.checkout / "pyproject.toml"
    os.utime(project_file, ns=(newer, newer))
    assert machine.make().returncode == 0
    assert machine.calls() == [INSTALL, SUITE]


def test_make_recreates_incomplete_venv(machine: MakefileHarness) -> None:
    machine.add_program("python3", PIP_FAILS)
    assert machine.make().returncode != 0
    assert machine.calls() == ["python3 -m venv .venv"]
    (machine.checkout / ".venv" / "half").touch()
    machine.add_program("python3", GOOD)
    assert machine.make().returncode == 0
    assert machine.calls() == ["python3 -m venv .venv", INSTALL, SUITE]
    assert not (machine.checkout / ".venv" / "half").exists()


def test_make_recreates_moved_venv(machine: MakefileHarness) -> None:
    machine.add_program("python3", GOOD)
    machine.make()
    machine.calls()
    machine.checkout = machine.checkout.rename(machine.checkout.with_name("elsewhere"))
    assert machine.make().returncode == 0
    assert machine.calls() == ["python3 -m venv .venv", INSTALL, SUITE]


def test_make_run_installs_no_development_tools(machine: MakefileHarness) -> None:
    machine.add_program("python3", GOOD)
    assert machine.make("run").returncode == 0
    assert machine.calls() == ["python3 -m venv .venv", INSTALL_RUNTIME, CLIENT]
    assert machine.make("run").returncode == 0
    assert machine.calls() == [CLIENT]


def test_make_test_after_make_run_adds_development_tools(machine: MakefileHarness) -> None:
    machine.add_program("python3", GOOD)
    machine.make("run")
    machine.calls()
    assert machine.make("test").returncode == 0
    assert machine.calls() == [INSTALL, SUITE]
    assert machine.make("run").returncode == 0
    assert machine.calls() == [CLIENT]


def test_make_run_after_make_test_installs_nothing(machine: MakefileHarness) -> None:
    machine.add_program("python3", GOOD)
    machine.make("test")
    machine.calls()
    assert machine.make("run").returncode == 0
    assert machine.make("test").returncode == 0
    assert machine.calls() == [CLIENT, SUITE]


def test_make_run_recreates_incomplete_venv(machine: MakefileHarness) -> None:
    machine.add_program("python3", PIP_FAILS)
    assert machine.make("run").returncode != 0
    assert machine.calls() == ["python3 -m venv .venv"]
    machine.add_program("python3", GOOD)
    assert machine.make("run").returncode == 0
    assert machine.calls() == ["python3 -m venv .venv", INSTALL_RUNTIME, CLIENT]


def test_make_recreates_venv_whose_development_tools_failed_to_install(
    machine: MakefileHarness,
) -> None:
    machine.add_program("python3", GOOD)
    machine.make("run")
    machine.calls()
    (machine.checkout / ".venv" / "bin" / "python").write_text(f"#!/bin/sh\n{PIP_FAILS}\n")
    assert machine.make("test").returncode != 0
    assert machine.make("run").returncode == 0
    assert machine.calls() == ["python3 -m venv .venv", INSTALL_RUNTIME, CLIENT]


def test_changed_pyproject_reinstalls_for_each_target(machine: MakefileHarness) -> None:
    machine.add_program("python3", GOOD)
    machine.make("test")
    machine.calls()
    newer = (machine.checkout / ".venv" / ".installed").stat().st_mtime_ns + 1_000_000_000
    project_file = machine.checkout / "pyproject.toml"
    os.utime(project_file, ns=(newer, newer))
    machine.make("run")
    assert machine.calls() == [INSTALL_RUNTIME, CLIENT]
    machine.make("test")
    assert machine.calls() == [INSTALL, SUITE]
