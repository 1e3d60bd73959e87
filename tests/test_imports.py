"""The modules that each part loads, checked at run time. import-linter reads only the source."""

import ast
import importlib
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest

import chat_server
import chat_tui
from tests.support.loaded_modules import modules_after
from tests.support.project import PROJECT

SCREEN = {"textual", "rich"}
"""Modules that only the screens may load, because they cost a quarter of a second."""


def test_server_imports_no_client_and_no_asyncio() -> None:
    loaded = modules_after("import chat_server.__main__, chat_server.server")
    assert "chat_server.client_handler" in loaded
    assert not loaded & (SCREEN | {"asyncio", "chat_tui"})


def test_server_without_redis_imports_nothing_of_redis() -> None:
    loaded = modules_after(
        "import chat_server.server, chat_server.__main__\n"
        "from chat_server.cli.options import build_config\n"
        "with chat_server.__main__.cli.make_context('chat-server', ['--port', '0']) as context:\n"
        "    del context.params['stop_on_stdin_eof']\n"
        "    assert build_config(context.params).redis is None"
    )
    assert "chat_server.server" in loaded
    assert not loaded & {"redis", "hiredis", "chat_server.backplane"}


def test_wire_package_imports_no_server_and_no_socket() -> None:
    loaded = modules_after(
        "import chat_server.wire.protocol, chat_server.wire.replies\n"
        "import chat_server.wire.operator_replies"
    )
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


def _modules() -> dict[str, Path]:
    """Return the path of each module of the two packages, by its dotted name."""
    found = {}
    for package in ("chat_server", "chat_tui"):
        for path in sorted((PROJECT / package).rglob("*.py")):
            name = ".".join(path.relative_to(PROJECT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


MODULES = _modules()
PACKAGES = [name for name, path in MODULES.items() if path.name == "__init__.py" and "." in name]


def test_no_test_module_imports_another_test_module() -> None:
    wrong = []
    for path in sorted((PROJECT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                module = node.module.rpartition(".")[2]
                if module.startswith("test_") or module == "conftest":
                    wrong.append(f"{path.relative_to(PROJECT)} line {node.lineno}: {node.module}")
    assert not wrong


def _exports(package: str) -> set[str]:
    """Return the names in `__all__` of the package, read from its source."""
    for node in ast.parse(MODULES[package].read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            exported: list[str] = ast.literal_eval(node.value)
            return set(exported)
    return set()


def test_packages_are_imported_only_through_their_exports() -> None:
    wrong = []
    for name, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.ImportFrom) or node.module not in MODULES:
                continue
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                target = full if full in MODULES else node.module
                package = target if target in PACKAGES else target.rpartition(".")[0]
                inside = name == package or name.startswith(f"{package}.")
                if package not in PACKAGES or inside:
                    continue
                if node.module != package or alias.name not in _exports(package):
                    wrong.append(f"{name} line {node.lineno}: {full}")
    assert not wrong


@pytest.mark.parametrize("package", PACKAGES)
def test_exported_names_exist(package: str) -> None:
    imported = importlib.import_module(package)
    for name in _exports(package):
        if f"{package}.{name}" in MODULES:
            importlib.import_module(f"{package}.{name}")
        assert hasattr(imported, name)
