"""The URL of Redis and its password: what is accepted, and errors that say what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat_server.backplane import (
    PASSWORD_VARIABLE,
    RedisSettings,
    RedisSettingsError,
    RedisUrl,
    parse_redis_url,
)

URL = RedisUrl((("localhost", 6379),))


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("redis://localhost", URL),
        ("REDIS://localhost:6379/", URL),
        ("redis://10.0.0.7:7000/3", RedisUrl((("10.0.0.7", 7000),), database=3)),
        ("redis://[::1]:7000", RedisUrl((("::1", 7000),))),
        ("rediss://lobby@cache", RedisUrl((("cache", 6379),), is_encrypted=True, user="lobby")),
        (
            "redis+sentinel://a,b:26380,[::1]/main/2",
            RedisUrl((("a", 26379), ("b", 26380), ("::1", 26379)), service="main", database=2),
        ),
        (
            "rediss+sentinel://a/main",
            RedisUrl((("a", 26379),), is_encrypted=True, service="main"),
        ),
        ("unix:///run/redis.sock", RedisUrl((), path="/run/redis.sock")),
        ("unix:///a:b@c/d,e", RedisUrl((), path="/a:b@c/d,e")),
        (
            "unix://lobby@/run/my%20%3Fredis.sock?db=2",
            RedisUrl((), user="lobby", database=2, path="/run/my ?redis.sock"),
        ),
    ],
)
def test_valid_url_is_parsed(text: str, parsed: RedisUrl) -> None:
    assert parse_redis_url(text) == parsed
    assert parse_redis_url(str(parsed)) == parsed


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("localhost:6379", "not a URL of Redis; write redis://HOST:6379"),
        ("http://localhost", "not a URL of Redis"),
        ("", "not a URL of Redis"),
        ("redis://", "'' is not a host with a port"),
        ("redis://host:0", "'0' is not a port"),
        ("redis://host:70000", "'70000' is not a port"),
        ("redis://host:", "'' is not a port"),
        ("redis://a,b", "several hosts are the addresses of Sentinels"),
        ("redis://host/lobby", "'lobby' is not the number of a database"),
        ("redis://host/0?protocol=3", "has no options here"),
        ("redis+sentinel://a,b", "names no master"),
        ("unix://run/redis.sock", "the URL names no socket by its whole path"),
        ("unix:///", "the URL names no socket"),
        ("unix:///run/redis.sock?db=x", "'x' is not the number of a database"),
        ("unix:///run/redis.sock?password=x", "has no option but `db`"),
    ],
)
def test_invalid_url_is_rejected_with_advice(text: str, problem: str) -> None:
    with pytest.raises(RedisSettingsError, match=problem.replace("?", r"\?")):
        parse_redis_url(text)


@pytest.mark.parametrize(
    "text",
    [
        "redis://:hush@host",
        "redis://lobby:hush@host",
        "redis+sentinel://u:hu@sh@a/main",
        "unix://lobby:hush@/run/redis.sock",
    ],
)
def test_password_in_url_is_rejected_and_not_repeated(text: str) -> None:
    with pytest.raises(RedisSettingsError) as raised:
        parse_redis_url(text)
    assert "--redis-password-file" in str(raised.value)
    assert PASSWORD_VARIABLE in str(raised.value)
    assert "hu" not in str(raised.value)


def test_password_is_read_again_at_each_connect(tmp_path: Path) -> None:
    file = tmp_path / "password"
    settings = RedisSettings(URL, file)
    file.write_text("first\nnot this\n")
    assert settings.password() == "first"
    file.write_text("second\r\n")
    assert settings.password() == "second"


def test_password_file_overrides_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    file.write_text("of the file")
    assert RedisSettings(URL).password() is None
    monkeypatch.setenv(PASSWORD_VARIABLE, "of the environment")
    assert RedisSettings(URL).password() == "of the environment"
    assert RedisSettings(URL, file).password() == "of the file"


@pytest.mark.parametrize(
    ("contents", "problem"),
    [
        (None, "does not exist"),
        (b"", "has no password in its first line"),
        (b"\nsecond\n", "has no password in its first line"),
        (b"\xff\n", "is not UTF-8"),
        (b"x" * 5000, "is too large"),
    ],
)
def test_unusable_password_file_is_reported_without_its_contents(
    tmp_path: Path, contents: bytes | None, problem: str
) -> None:
    file = tmp_path / "password"
    if contents is not None:
        file.write_bytes(contents)
    with pytest.raises(RedisSettingsError, match=f"{file} {problem}"):
        RedisSettings(URL, file).password()
