"""Write `docs/files.md`, the overview of all files, from the docstrings of the two packages.

`make overview` runs it. With `--check` it writes nothing and exits with 1 if the page is out of
date. The packages are parsed and not imported.
"""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = PROJECT / "docs" / "files.md"
PACKAGES: Final = ("chat_server", "chat_tui")

COLUMNS: Final = 100
"""Width at which the docs wrap."""

HEAD: Final = """\
<!-- Written by `make overview` from the docstrings of the modules. Change it there. -->
# Files

Each package with its modules, and the first sentence of each docstring. How the parts work
together is in [architecture.md](architecture.md).
"""


def overview() -> str:
    """Return the text of the page."""
    sections = [
        _section(package) for name in PACKAGES for package in _packages_below(PROJECT / name)
    ]
    return "\n".join([HEAD, *sections])


def _packages_below(folder: Path) -> Iterator[Path]:
    """Yield the package in this folder, and then those below it, in the order of their names."""
    yield folder
    for child in sorted(folder.iterdir()):
        if (child / "__init__.py").is_file():
            yield from _packages_below(child)


def _section(package: Path) -> str:
    path = package.relative_to(PROJECT)
    lines = [
        f"{'#' * min(len(path.parts) + 1, 3)} {path.as_posix()}",
        "",
        _wrapped(_summary(package / "__init__.py")),
    ]
    modules = [module for module in sorted(package.glob("*.py")) if module.name != "__init__.py"]
    if modules:
        lines.append("")
    for module in modules:
        link = f"[`{module.name}`](../{module.relative_to(PROJECT).as_posix()})"
        lines.append(_wrapped(f"- {link}: {_summary(module)}", indent="  "))
    return "\n".join(lines) + "\n"


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text, COLUMNS, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _summary(module: Path) -> str:
    """Return the first paragraph of a module's docstring as one line."""
    docstring = ast.get_docstring(ast.parse(module.read_text("utf-8")))
    if not docstring:
        sys.exit(f"{module.relative_to(PROJECT)} has no docstring: write one.")
    return " ".join(docstring.split("\n\n", 1)[0].split())


def main() -> None:
    """Write the page, or check it."""
    page = overview()
    if sys.argv[1:] == ["--check"]:
        if not PAGE.is_file() or PAGE.read_text("utf-8") != page:
            sys.exit(f"{PAGE.relative_to(PROJECT)} is out of date: run `make overview`.")
    elif sys.argv[1:]:
        sys.exit("Usage: python docs/file_overview.py [--check]")
    else:
        PAGE.write_text(page, "utf-8")


if __name__ == "__main__":
    main()
