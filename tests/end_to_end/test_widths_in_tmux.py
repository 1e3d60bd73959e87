"""Text takes as many cells in a real terminal as the client measures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from rich.cells import cell_len

from chat_tui.ui.terminal.width_filter import substitute
from tests.support.wait_until import until

PROBE = """
import json, os, re, sys, termios, tty
texts, found = json.load(open("texts.json")), []
before = termios.tcgetattr(0)
tty.setraw(0)
for text in texts:
    os.write(1, b"\\r\\x1b[2K" + text.encode() + b"\\x1b[6n")
    answer = b""
    while not answer.endswith(b"R"):
        answer += os.read(0, 1)
    found.append(int(re.search(rb";(\\d+)R", answer)[1]) - 1)
termios.tcsetattr(0, termios.TCSANOW, before)
json.dump(found, open("found.part", "w"))
os.rename("found.part", "found.json")
"""
"""A program that draws each text at the left edge and requests the cursor position."""

TEXTS = (
    *("plain", "日本語、한국어", "e\u0301\u0302", "Z" + "\u0301" * 200, "שָׁלוֹם", "مرحبا", "ที่นี่"),
    *("😀👍⌚", "👨‍👩‍👧‍👦", "👩🏽‍💻", "❤️‍🔥", "❤️", "🏳️‍🌈", "🇩🇪🇫🇷", "1️⃣#️⃣", "👍🏽", "\U0001fae9"),
    *(
        "हिन्दी",
        "தமிழ்",
        "\u1112\u1161\u11ab",
        "a\u200b\u200d\u2060b",
        "☰䷀",
        "\ue0b0",
        "\u0600",
        "\u3164",
    ),
    *("\U000e0041x", "葛\U000e0100", "a\u00adb", "\u0378", "㉈", "\U0001f3fd", "か\u3099", "©️®️™️"),
)


def test_tmux_agrees_with_measured_widths(
    tmp_path: Path, short_folder: Path, require_program: Callable[[str], Path]
) -> None:
    drawn = ["".join(piece for piece, _ in substitute(text)) for text in TEXTS]
    (tmp_path / "texts.json").write_text(json.dumps(drawn))
    (tmp_path / "probe.py").write_text(PROBE)
    tmux = [str(require_program("tmux")), "-u", "-f", "/dev/null", "-S", str(short_folder / "tmux")]
    command = [sys.executable, "probe.py"]
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "TERM": "screen"}
    subprocess.run(
        [*tmux, "new-session", "-d", *command], check=True, cwd=tmp_path, env=environment
    )
    try:
        until((tmp_path / "found.json").exists, "the probe has written its findings")
    finally:
        subprocess.run([*tmux, "kill-server"], check=False, capture_output=True)
    found = json.loads((tmp_path / "found.json").read_text())
    assert dict(zip(drawn, found, strict=True)) == {text: cell_len(text) for text in drawn}
    assert list(map(cell_len, drawn)) == list(map(cell_len, TEXTS))
