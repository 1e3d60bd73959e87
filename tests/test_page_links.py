"""Links and paths in the Markdown pages of the project: each leads to a file or a heading."""

import re
from pathlib import Path

import pytest

from tests.support.project import PROJECT

PAGES = sorted(
    page.relative_to(PROJECT).as_posix()
    for folder in (".", "docs", "docs/decisions")
    for page in (PROJECT / folder).glob("*.md")
)


def without_code(page: Path) -> str:
    """Return the text of a page without its code blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", without_code(page), re.MULTILINE)
    return {
        re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-") for heading in headings
    }


@pytest.mark.parametrize("name", PAGES)
def test_links_of_page_lead_to_files_and_headings(name: str) -> None:
    page = PROJECT / name
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(page)):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("name", sorted(set(PAGES) - {"CHANGELOG.md"}))
def test_paths_named_in_page_exist(name: str) -> None:
    """The changelog is left out: it may name a file that was moved later."""
    text = (PROJECT / name).read_text("utf-8")
    folders = "chat_server|chat_tui|tests|docs|benchmarks|deploy|.ci|.github".replace(".", r"\.")
    paths = re.findall(rf"`((?:{folders})/[\w./*-]*)`", text)
    assert [path for path in paths if not any(PROJECT.glob(path.rstrip("/")))] == []
