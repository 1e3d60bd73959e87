"""The file of pinned keys."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chat_tui.storage.known_servers import KnownServers, KnownServersError
from tests.support.tls_server import certificate, fingerprint


def test_concurrent_pins_are_all_stored(tmp_path: Path) -> None:
    keys = [fingerprint(certificate()) for _ in range(2)]
    start = threading.Barrier(8)

    def pin(number: int) -> None:
        known = KnownServers(tmp_path)
        start.wait()
        for port in range(1, 11):
            known.pin(f"host{number}", port, keys[number % 2])

    with ThreadPoolExecutor(8) as clients:
        list(clients.map(pin, range(8)))
    assert len(KnownServers(tmp_path).listed()) == 80


def test_known_server_lookup_normalizes_host(tmp_path: Path) -> None:
    known = KnownServers(tmp_path)
    key = fingerprint(certificate())
    known.pin("Chat.Example.org", 9001, key)
    known.pin("::1", 9001, key)
    assert known.trusted("chat.example.ORG.", 9001) == (key, True)
    assert known.trusted("0:0:0:0:0:0:0:1", 9001) == (key, True)
    assert known.trusted("chat.example.org", 9002) is None
    assert [one.server for one in known.forget("CHAT.example.org", 9002)] == []
    assert [one.server for one in known.forget("CHAT.example.org", None)] == [
        "chat.example.org:9001"
    ]
    assert [one.server for one in known.forget("0::1", 9001)] == ["[::1]:9001"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"h:1": {}}',
        '{"h:1": {"key": "SHA256:short", "since": "x"}}',
        '{"h": {"key": "SHA256:%s", "since": "x"}}' % ("A" * 43),
        '{"h:1": {"key": "SHA256:%s", "since": "x"}, "h:1": {}}' % ("A" * 43),
        "[" * 100_000,
        " " * (1 << 20) + "{}",
    ],
    ids=range(8),
)
def test_invalid_known_servers_file_is_reported_and_kept(tmp_path: Path, text: str) -> None:
    file = tmp_path / "known-servers.json"
    file.write_text(text)
    known = KnownServers(tmp_path)
    for use in (
        lambda: known.trusted("h", 1),
        lambda: known.pin("h", 1, fingerprint(certificate())),
        lambda: known.forget("h", 1),
        known.listed,
    ):
        with pytest.raises(Exception, match="move it away"):
            use()
    assert file.read_text() == text


def test_pin_rejects_different_key_for_known_server(tmp_path: Path) -> None:
    one, other = fingerprint(certificate()), fingerprint(certificate())
    KnownServers(tmp_path).pin("h", 1, one)
    with pytest.raises(Exception, match="chat-tui trust forget h:1"):
        KnownServers(tmp_path).pin("h", 1, other)
    assert KnownServers(tmp_path).trusted("h", 1) == (one, True)


def test_key_of_another_server_is_trusted_as_it_is_there(tmp_path: Path) -> None:
    known = KnownServers(tmp_path)
    pinned, once, new = (fingerprint(certificate()) for _ in range(3))
    known.pin("one", 1, pinned)
    known.trust_once("two", 2, once)
    others = [("one", 1), ("two", 2)]
    assert known.trust_like(("three", 3), others, pinned)
    assert known.trusted("three", 3) == (pinned, True)
    assert known.trust_like(("four", 4), others, once)
    assert known.trusted("four", 4) == (once, False)
    assert not known.trust_like(("five", 5), others, new)
    assert known.trusted("five", 5) is None
    assert [(one.server, one.like) for one in KnownServers(tmp_path).listed()] == [
        ("one:1", ""),
        ("three:3", "one:1"),
    ]


def test_pinned_key_is_never_replaced_by_that_of_another_server(tmp_path: Path) -> None:
    known = KnownServers(tmp_path)
    first, second = fingerprint(certificate()), fingerprint(certificate())
    known.pin("one", 1, first)
    known.pin("two", 2, second)
    with pytest.raises(KnownServersError, match="another key"):
        known.trust_like(("two", 2), [("one", 1)], first)
    assert known.trusted("two", 2) == (second, True)
