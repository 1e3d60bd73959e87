"""Link targets: the host that a browser reaches, as browsers compute it."""

import pytest

from chat_tui.model.link_target import InvalidHostError, resolve_link


@pytest.mark.parametrize(
    ("target", "host", "readable"),
    [
        ("https://faß.de/", "xn--fa-hia.de", "faß.de"),
        ("https://FAẞ.de/", "xn--fa-hia.de", "faß.de"),
        ("https://βόλος.com", "xn--nxasmm1c.com", "βόλος.com"),
        ("https://Bücher.Example:8080/", "xn--bcher-kva.example", "bücher.example"),
        ("https://xn--fa-hia.de", "xn--fa-hia.de", "faß.de"),
        ("https://☃.net/", "xn--n3h.net", "☃.net"),
        ("https://ＥＸＡＭＰＬＥ.org/", "example.org", "example.org"),
        ("https://exa%6Dple.org/", "example.org", "example.org"),
        ("https://b%C3%BCcher.example/", "xn--bcher-kva.example", "bücher.example"),
        ("https://example%E3%80%82org/", "example.org", "example.org"),
        ("https://example.org./", "example.org.", "example.org."),
        ("https://bank.example@evil.example/", "evil.example", "evil.example"),
        ("https://bank.example:443@evil.example:8443", "evil.example", "evil.example"),
        ("https://a@bank.example@evil.example/", "evil.example", "evil.example"),
        ("https://evil.example\\@bank.example/", "evil.example", "evil.example"),
        ("https://evil.example?@bank.example/", "evil.example", "evil.example"),
        ("https://evil.example#@bank.example/", "evil.example", "evil.example"),
        ("http://0x7f.1/", "127.0.0.1", "127.0.0.1"),
        ("http://017700000001/", "127.0.0.1", "127.0.0.1"),
        ("http://2130706433/", "127.0.0.1", "127.0.0.1"),
        ("http://１２７.0.0.1./", "127.0.0.1", "127.0.0.1"),
        ("http://[0:0::1]:8080/", "[::1]", "[::1]"),
        ("http://[::ffff:127.0.0.1]/", "[::ffff:7f00:1]", "[::ffff:7f00:1]"),
        ("https://my_host.example/", "my_host.example", "my_host.example"),
        ("https://r3---sn.example/", "r3---sn.example", "r3---sn.example"),
    ],
)
def test_link_leads_to_host_that_browser_reaches(target: str, host: str, readable: str) -> None:
    resolved = resolve_link(target)
    assert (resolved.host, resolved.readable) == (host, readable)
    assert resolve_link(resolved.address).host == host


@pytest.mark.parametrize(
    "target",
    [
        "https://a..b/",
        "https://./",
        "https://exam%20ple.org/",
        "https://example.org%2f.evil.example/",
        "https://example.org／.evil.example/",
        "https://%ff.example/",
        "https://a%E2%80%8Db.example/",
        "https://xn--a.example/",
        "https://xn--example-.org/",
        "https://א1a.example/",
        "http://1.2.3.4.5/",
        "http://256.0.0.1/",
        "http://1.2.3.08/",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "https://example.org:99999/",
        "https://example.org:8o/",
        "https://" + "ü" * 70 + ".example/",
        "https://" + "a." * 130 + "example/",
        "http://" + "9" * 5_000,
        "ftp://example.org/",
    ],
)
def test_host_that_no_browser_reaches_is_invalid(target: str) -> None:
    with pytest.raises(InvalidHostError):
        resolve_link(target)


def test_link_target_names_user_port_and_mixed_scripts() -> None:
    resolved = resolve_link("https://bank.example@evil.example:8443/x?y#z")
    assert (resolved.user, resolved.port) == ("bank.example", 8443)
    assert resolved.address == "https://bank.example@evil.example:8443/x?y#z"
    assert resolve_link("https://\u0430pple.example").mixed_scripts == ("Cyrillic", "Latin")
    assert resolve_link("https://日本語のカナ.example").mixed_scripts == ()
    assert resolve_link("https://münchen.example").mixed_scripts == ()
