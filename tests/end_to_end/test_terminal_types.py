"""Every text is readable in terminals of all kinds, with colours and with `NO_COLOR`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.terminal_window import ClientForker, TerminalWindow, until_all_ended

TERMS = (
    *("xterm", "xterm-256color", "xterm-16color", "xterm-kitty", "alacritty", "linux"),
    *("screen", "tmux-256color", "rxvt-unicode-256color", "vt100", "vt220", "ansi"),
)

_SGR = re.compile(rb"\x1b\[([\d;]*)m")
_OTHER = re.compile(rb"\x1b(?:\[[\d;?<>=$]*[A-Za-z]|\][^\x07]*\x07|[()].|[78=>])")


@pytest.fixture(scope="module")
def forker() -> Iterator[ClientForker]:
    with ClientForker() as opened:
        yield opened


def draw_form(forker: ClientForker, folder: Path, **environment: str) -> bytes:
    """Return what the client writes until it has drawn the login form and a problem."""
    window = TerminalWindow(forker, ("127.0.0.1:1", "--user", "alice"), folder, **environment)
    try:
        window.until("Password")
        window.press("secret\r")
        window.until("Nothing listens at")
        return window.drawn
    finally:
        window.close()
        until_all_ended([window.process_id])


def colours_of_texts(drawn: bytes) -> Iterator[tuple[str, str, str]]:
    """Yield each text with the parameters of its foreground and its background."""
    front = back = ""
    position = 0
    while position < len(drawn):
        if match := _SGR.match(drawn, position):
            codes = (match[1] or b"0").decode().split(";")
            while codes:
                code = codes.pop(0)
                if code in {"38", "48"}:
                    size = 2 if codes[:1] == ["5"] else 4
                    colour, codes = ";".join([code[1:], *codes[:size]]), codes[size:]
                    front, back = (colour, back) if code == "38" else (front, colour)
                elif code in {"0", ""}:
                    front = back = ""
                elif code[:-1] in {"3", "4", "9", "10"}:
                    is_front = code[:-1] in {"3", "9"}
                    bright = "bright " if code[:-1] in {"9", "10"} else ""
                    colour = "" if code in {"39", "49"} else bright + code[-1]
                    front, back = (colour, back) if is_front else (front, colour)
            position = match.end()
        elif match := _OTHER.match(drawn, position):
            position = match.end()
        else:
            end = drawn.find(b"\x1b", position + 1)
            end = len(drawn) if end < 0 else end
            text = drawn[position:end].decode(errors="replace").strip()
            if text:
                yield text, front, back
            position = end


@pytest.mark.parametrize("term", TERMS)
def test_no_color_draws_no_colours(forker: ClientForker, tmp_path: Path, term: str) -> None:
    drawn = draw_form(forker, tmp_path, TERM=term, NO_COLOR="1")
    assert {(front, back) for _, front, back in colours_of_texts(drawn)} == {("", "")}


@pytest.mark.parametrize("term", TERMS)
def test_no_text_has_the_colour_of_its_background(
    forker: ClientForker, tmp_path: Path, term: str
) -> None:
    drawn = draw_form(forker, tmp_path, TERM=term)
    unreadable = [
        (text, front, back)
        for text, front, back in colours_of_texts(drawn)
        if (front and front == back) or (front in {"0", "bright 0"} and back in {"", "0"})
    ]
    assert unreadable == []
