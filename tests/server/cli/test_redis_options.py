"""The options for several servers: what is rejected, in one line that says what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chat_server.__main__ import cli
from chat_server.cli.options import build_config
from tests.support.project import PROJECT
from tests.support.server_cli import run_server

PASSWORD = "Xyzzy"


def usage_error(*arguments: str) -> str:
    result = run_server(*arguments)
    assert result.exit_code == 2
    return result.output.splitlines()[-1]


@pytest.mark.parametrize("url", ["redis.example", "http://redis.example", "redis://"])
def test_bad_redis_url_is_rejected_with_example(url: str) -> None:
    error = usage_error("--redis", url)
    assert "'--redis'" in error
    assert "redis://HOST:6379" in error


def test_password_in_redis_url_is_rejected_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"redis://lobby:{PASSWORD}@redis.example"
    file = tmp_path / "chat.toml"
    file.write_text(f'redis = "{url}"\n')
    errors = [usage_error("--redis", url), usage_error("--config", str(file))]
    assert errors[1].startswith(f"Error: {file}: line 1: redis: ")
    monkeypatch.setenv("CHAT_SERVER_REDIS", url)
    errors.append(usage_error())
    for error in errors:
        assert "--redis-password-file" in error
        assert "CHAT_SERVER_REDIS_PASSWORD" in error
        assert PASSWORD not in error


def test_redis_password_is_not_an_option() -> None:
    assert "--redis-password-file" in usage_error("--redis-password", PASSWORD)
    assert PASSWORD not in usage_error("--redis-password", PASSWORD)


@pytest.mark.parametrize(
    "option", [("--redis-password-file", "f"), ("--redis-ca", "f"), ("--node", "chat-1")]
)
def test_settings_of_redis_without_redis_are_rejected(option: tuple[str, str]) -> None:
    assert usage_error(*option).endswith(
        f"`{option[0]}` has no effect without `--redis`. Add `--redis`."
    )


def test_redis_ca_needs_tls() -> None:
    assert "Write `rediss://` in `--redis`" in usage_error(
        "--redis", "redis://redis.example", "--redis-ca", "ca.pem"
    )


@pytest.mark.parametrize("name", ["a b", "-x", "ä", "x" * 65])
def test_bad_name_of_node_is_rejected(name: str) -> None:
    assert "is not a name of a server" in usage_error("--redis=redis://h", f"--node={name}")


def test_redis_settings_are_read_from_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_SERVER_REDIS", "rediss://lobby@redis.example")
    monkeypatch.setenv("CHAT_SERVER_REDIS_PASSWORD_FILE", "password")
    monkeypatch.setenv("CHAT_SERVER_REDIS_CA", "ca.pem")
    monkeypatch.setenv("CHAT_SERVER_NODE", "chat-1")
    with cli.make_context("chat-server", ["check"]) as context:
        chosen = {name: value for name, value in context.params.items() if "stdin" not in name}
        config = build_config(chosen)
    assert config.redis == "rediss://lobby@redis.example:6379"
    assert config.redis_password_file == Path("password")
    assert config.redis_ca == Path("ca.pem")
    assert config.node == "chat-1"


@pytest.mark.slow
@pytest.mark.parametrize("command", [(), ("users", "list"), ("check",)])
def test_missing_library_is_one_line_that_says_what_to_install(command: tuple[str, ...]) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-c"),
            "import sys; sys.modules['redis'] = None\n"  # as if it was not installed
            "from chat_server.__main__ import main; main(sys.argv[1:])",
            *(*command, "--redis", "redis://redis.example"),
        ],
        capture_output=True,
        text=True,
        cwd=PROJECT,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "chat-server: Invalid value for '--redis': needs the library for Redis:"
        " pip install 'lobby-chat[redis]'\n"
    )
