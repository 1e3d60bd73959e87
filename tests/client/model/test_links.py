"""Links: their position in a text, and the host they lead to."""

import pytest

from chat_tui.model.links import find_links, link_host


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("see https://a.example/x?y=1#z.", ["https://a.example/x?y=1#z"]),
        ("(http://a.example/b_(c)) or HTTPS://B.example!", None),
        ("https://a.example,http://b.example/", ["https://a.example,http://b.example/"]),
        ('<https://a.example/b> "http://c.example"', ["https://a.example/b", "http://c.example"]),
        ("file:///etc/passwd javascript:x ftp://a.example mailto:a@b.example", []),
        ("xhttp://a.example http:// https://. http://[1", []),
        # A character without width and a picture of ESC end a link: all of it must be visible.
        ("https://a.example\u200b.evil.example", ["https://a.example"]),
        ("https://a.example\u241b]8;;x", ["https://a.example"]),
        ("https://a.example/日本語、次", ["https://a.example/日本語"]),
    ],
)
def test_links_find_only_http_urls_without_trailing_punctuation(
    text: str, targets: list[str] | None
) -> None:
    if targets is None:
        targets = ["http://a.example/b_(c)", "HTTPS://B.example"]
    links = find_links(text)
    assert [link.target for link in links] == targets
    assert [text[link.start : link.end] for link in links] == targets


def test_link_host_is_shown_in_ascii_form() -> None:
    assert link_host("https://user@real.example:8080/bank.example") == "real.example"
    assert link_host("https://bücher.example/") == "xn--bcher-kva.example"
    assert link_host("https://\u0430pple.example/").startswith("xn--")
    assert link_host("https://" + "ü" * 70 + ".example/").isascii()
