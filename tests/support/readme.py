"""The command lines of README.md, which tests execute."""

from __future__ import annotations

import re

from tests.support.project import PROJECT

README = PROJECT / "README.md"


def readme_block(name: str) -> str:
    """Return the fenced block of the README that follows the mark with this name."""
    found = re.search(rf"<!-- netcat: {name} -->\n```\w*\n(.*?)```", README.read_text(), re.DOTALL)
    assert found, f"README.md has no block marked {name!r}"
    return found[1].strip("\n")
