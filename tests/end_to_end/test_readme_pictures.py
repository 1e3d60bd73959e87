"""The README's pictures are drawn from the client, and the README shows each of them."""

import importlib.util
import re
from pathlib import Path

from tests.support.project import PROJECT


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
    readme = (PROJECT / "README.md").read_text("utf-8")
    assert set(re.findall(r"docs/pictures/(\w+\.svg)", readme)) == drawn.keys()
