"""Links: their position in a text."""

import pytest

from chat_tui.model.links import find_links


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("see https://a.example/x?y=1#z.", ["https://a.example/x?y=1#z"]),
        (
            "(http://a.example/b_(c)) or HTTPS://B.example!",
            ["http://a.example/b_(c)", "HTTPS://B.example"],
        ),
        ("https://a.example,http://b.example/", ["https://a.example,http://b.example/"]),
        ('<https://a.example/b> "http://c.example"', ["https://a.example/b", "http://c.example"]),
        ("file:///etc/passwd javascript:x ftp://a.example mailto:a@b.example", []),
        ("xhttp://a.example http:// https://. http://[1", []),
        # A character without width and a picture of ESC end a link: all of it must be visible.
        ("https://a.example\u200b.evil.example", ["https://a.example"]),
        ("https://a.example\u241b]8;;x", ["https://a.example"]),
        ("https://a.example/a\u3164b https://a.example/a\U000e0041b", ["https://a.example/a"] * 2),
        ("https://a.example/日本語、次", ["https://a.example/日本語"]),
        (
            "https://a.example/レオナルド・ダ・ヴィンチ。",
            ["https://a.example/レオナルド・ダ・ヴィンチ"],
        ),
        ("https://a.example/佐々木", ["https://a.example/佐々木"]),
        ("https://a.example/Michelson–Morley—", ["https://a.example/Michelson–Morley"]),
        ("https://a.example/x،", ["https://a.example/x"]),
        ("https://a.example/x।", ["https://a.example/x"]),
        # A bracket or quote that was opened before the link ends it.
        ("[a](https://a.example/b)[c](https://c.example), d", None),
        ("(https://a.example/b)c https://c.example", None),
        ("['https://a.example/b','https://c.example']", None),
        ("«https://a.example/b» ‹https://c.example›", None),
        ("https://a.example/it's", ["https://a.example/it's"]),
        ("https://[::1]/x]", ["https://[::1]/x"]),
    ],
)
def test_links_find_only_http_urls_without_trailing_punctuation(
    text: str, targets: list[str] | None
) -> None:
    if targets is None:
        targets = ["https://a.example/b", "https://c.example"]
    links = find_links(text)
    assert [link.target for link in links] == targets
    assert [text[link.start : link.end] for link in links] == targets


@pytest.mark.parametrize(
    "sign", [*list("，。！？：；（）【】《》「」『』〜～．／＠＃％＆〝〟﹐︵、｡｣"), "\u3000"]
)
def test_full_width_punctuation_ends_link(sign: str) -> None:
    for address in ("https://example.org", "https://example.org/a"):
        assert [link.target for link in find_links(f"见{address}{sign}然后")] == [address]


@pytest.mark.parametrize(
    "address",
    [
        "https://نامه\u200cای.com/می\u200cخواهم",
        "https://क्\u200dष.example",
        "https://i\u2764\ufe0f.ws/",
        "https://example.org/\U0001f3f3\ufe0f?a",
    ],
)
def test_link_does_not_end_at_joiner_of_its_script_or_at_emoji(address: str) -> None:
    assert [link.target for link in find_links(f"see {address}, please")] == [address]


@pytest.mark.parametrize("hidden", ["\u200c", "\u200d", "\ufe0f"])
def test_link_ends_at_sign_without_width_between_other_characters(hidden: str) -> None:
    [link] = find_links(f"https://example.org{hidden}.evil.example/")
    assert link.target == "https://example.org"
