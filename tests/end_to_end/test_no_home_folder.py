"""Programs of a user id without a home folder, as in some containers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_NO_ENTRY = """
import pwd, sys
def no_entry(key):
    raise KeyError(key)
pwd.getpwuid = pwd.getpwnam = no_entry
from {package}.__main__ import main
main(sys.argv[1:])
"""


def run(package: str, folder: Path, *arguments: str, **more: str) -> tuple[int, str, str]:
    """Run a program without HOME and without an entry in the user database."""
    homes = ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in homes}
    done = subprocess.run(
        [sys.executable, "-c", _NO_ENTRY.format(package=package), *arguments],
        cwd=folder,
        env=environment | more,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("config",),
        ("trust", "list"),
        ("--plain",),
        ("--send", "lobby", "hello"),
        ("--tail", "lobby"),
    ],
)
def test_client_names_the_variables_to_set(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    status, _, errors = run("chat_tui", tmp_path, *arguments)
    assert status == 2
    assert errors == (
        "chat-tui: no home folder is known for this user id. Set HOME, or XDG_CONFIG_HOME and"
        " XDG_STATE_HOME, to a folder\n"
    )


def test_client_works_with_folders_of_its_own(tmp_path: Path) -> None:
    folder = str(tmp_path)
    status, output, errors = run(
        "chat_tui", tmp_path, "config", XDG_STATE_HOME=folder, XDG_CONFIG_HOME=folder
    )
    assert (status, errors) == (0, "")
    assert folder in output
    assert run("chat_tui", tmp_path, "--help")[0] == 0


def test_server_works_and_keeps_its_key_in_the_working_directory(tmp_path: Path) -> None:
    status, output, errors = run("chat_server", tmp_path, "--help")
    assert (status, errors) == (0, "")
    assert "chat-server-state" in output
    added = run("chat_server", tmp_path, "users", "add", "bob", "--generate")
    assert added[0] == 0, added
    assert "bob" in run("chat_server", tmp_path, "users", "list")[1]
    status, output, errors = run("chat_server", tmp_path, "check", "--port", "0", "--tls-port", "0")
    assert "Traceback" not in errors + output
