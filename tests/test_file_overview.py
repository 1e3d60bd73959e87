"""The generated overview of the files: `docs/file_overview.py` and the page that it writes."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.project import PROJECT

SCRIPT = Path("docs", "file_overview.py")


def run_script(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script of this checkout."""
    return subprocess.run(
        [sys.executable, project / SCRIPT, *arguments], capture_output=True, text=True, timeout=30
    )


def make_project(folder: Path) -> Path:
    """Create a checkout with the script and two small packages. Return its folder."""
    for path, docstring in {
        "chat_server/__init__.py": "The server.",
        "chat_server/server.py": "Accepts connections\nand starts threads.\n\nMore about it.",
        "chat_server/wire/__init__.py": "The wire.",
        "chat_server/wire/stream.py": "A stream of bytes.",
        "chat_tui/__init__.py": "The client.",
    }.items():
        module = folder / path
        module.parent.mkdir(parents=True, exist_ok=True)
        module.write_text(f'"""{docstring}"""\n')
    (folder / "docs").mkdir()
    shutil.copy(PROJECT / SCRIPT, folder / SCRIPT)
    return folder


def test_files_page_agrees_with_docstrings() -> None:
    done = run_script(PROJECT, "--check")
    assert done.returncode == 0, done.stderr


def test_files_page_lists_packages_with_their_modules(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    assert run_script(project).returncode == 0
    page = (project / "docs" / "files.md").read_text()
    assert page.partition("## chat_server\n")[2] == (
        "\n"
        "The server.\n\n"
        "- [`server.py`](../chat_server/server.py): Accepts connections and starts threads.\n\n"
        "### chat_server/wire\n\n"
        "The wire.\n\n"
        "- [`stream.py`](../chat_server/wire/stream.py): A stream of bytes.\n\n"
        "## chat_tui\n\n"
        "The client.\n"
    )


def test_check_fails_if_docstring_changed(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    run_script(project)
    assert run_script(project, "--check").returncode == 0
    (project / "chat_server" / "server.py").write_text('"""Another."""\n')
    done = run_script(project, "--check")
    assert done.returncode == 1
    assert done.stderr == "docs/files.md is out of date: run `make overview`.\n"


def test_module_without_docstring_is_named(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    (project / "chat_tui" / "bare.py").touch()
    done = run_script(project)
    assert done.returncode == 1
    assert done.stderr == "chat_tui/bare.py has no docstring: write one.\n"
