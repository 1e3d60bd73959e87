"""The README's pictures are drawn from the client, and the README shows each of them."""

import importlib.util
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support.project import PROJECT


@pytest.mark.timeout(240)
async def test_readme_pictures_are_drawn_from_client(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location(
        "make_pictures", PROJECT / "docs" / "pictures" / "make_pictures.py"
    )
    assert spec
    assert spec.loader
    make_pictures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_pictures)
    await make_pictures.main(tmp_path)
    drawn = {picture.name: picture.read_text("utf-8") for picture in tmp_path.glob("*.svg")}
    assert "password123" in drawn["login.svg"]
    for name in ("chat.svg", "light.svg", "narrow.svg"):
        assert "kettle" in drawn[name]
        assert "21:09" in drawn[name]
    assert "new&#160;since&#160;Saturday&#160;11:23" in drawn["away.svg"]
    assert "Sunday&#160;22&#160;November" in drawn["away.svg"]
    assert "2&#160;messages&#160;with:&#160;flaky" in drawn["search.svg"]
    readme = (PROJECT / "README.md").read_text("utf-8")
    of_the_benchmark = {"throughput.svg"}
    shown = set(re.findall(r"docs/pictures/(\w+\.svg)", readme)) - of_the_benchmark
    assert shown == drawn.keys()
    _check_moving_picture(drawn["talk.svg"])


def test_committed_moving_picture_is_small_and_moves() -> None:
    _check_moving_picture((PROJECT / "docs" / "pictures" / "talk.svg").read_text("utf-8"))


def _check_moving_picture(picture: str) -> None:
    """Check that a picture is well-formed, loads nothing, ends as told and hides other frames."""
    assert len(picture.encode()) < 300_000
    root = ElementTree.fromstring(picture)
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")
    namespace = {"": "http://www.w3.org/2000/svg"}
    style = root.findtext("style", "", namespace)
    hidden = set(re.findall(r"^\.(f\d+)\{visibility:hidden\}$", style, re.MULTILINE))
    assert hidden
    assert hidden <= set(re.findall(r"@keyframes (f\d+)\{", style))
    still = [
        "".join(group.itertext())
        for group in root.iterfind(".//g", namespace)
        if group.get("class", "f") not in hidden and group.get("transform") is None
    ]
    assert any("green. Thanks, both of you!" in text for text in still)
    assert not any("lunch tomorrow?" in text for text in still)
    assert "lunch tomorrow?" in picture
    assert "password123" not in picture
