"""What is loaded when a part is: held at run time, where import-linter only reads the source."""

import os
import subprocess
import sys
from importlib.metadata import version
from types import ModuleType

import pytest

import chat_server
import chat_tui

SCREEN = {"textual", "rich"}
"""What only the screens may load; it costs a quarter of a second."""


def modules_after(code: str) -> set[str]:
    """Run `code` in a fresh interpreter and return the names of all modules that it loaded.

    `make coverage` measures child processes. This one is left out: coverage loads modules, too.
    """
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint('--')\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        timeout=30,
        env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")},
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("--\n")[2].split())


def test_server_imports_no_client_and_no_asyncio() -> None:
    loaded = modules_after("import chat_server.__main__, chat_server.server")
    assert "chat_server.client_handler" in loaded
    assert not loaded & (SCREEN | {"asyncio", "chat_tui"})


def test_wire_package_imports_no_server_and_no_socket() -> None:
    loaded = modules_after("import chat_server.wire.protocol, chat_server.wire.replies")
    assert not loaded & {"socket", "ssl", "threading", "chat_server.server", "chat_server.core.hub"}


@pytest.mark.parametrize("package", ["chat_server", "chat_tui"])
def test_importing_package_loads_no_other_module(package: str) -> None:
    nothing = modules_after("pass")
    assert modules_after(f"import {package}") - nothing == {package}


@pytest.mark.parametrize("package", [chat_server, chat_tui])
def test_package_version_is_that_of_distribution(package: ModuleType) -> None:
    assert package.__version__ == version("lobby-chat")


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_client_help_and_version_import_no_textual(option: str) -> None:
    loaded = modules_after(
        "import chat_tui.__main__\n"
        f"sys.argv = ['chat-tui', {option!r}]\n"
        "try:\n    chat_tui.__main__.main()\nexcept SystemExit as end:\n    assert not end.code"
    )
    assert "chat_tui.__main__" in loaded
    assert not loaded & (SCREEN | {"asyncio", "chat_server.server", "chat_tui.ui.app"})


@pytest.mark.parametrize(
    "part",
    [
        "chat_tui.model",
        "chat_tui.protocol",
        "chat_tui.transport",
        "chat_tui.session.session",
        "chat_tui.headless.entry_points",
    ],
)
def test_client_core_packages_import_no_textual(part: str) -> None:
    loaded = modules_after(f"import {part}")
    assert not loaded & (SCREEN | {"asyncio", "chat_server.server", "chat_tui.ui.app"})
