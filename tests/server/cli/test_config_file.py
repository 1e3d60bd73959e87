"""The configuration file: precedence, and errors that are one line and name their place."""

from __future__ import annotations

import os
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given

from chat_server.cli import config_file
from chat_server.cli.check import check
from chat_server.cli.config_example import config_example
from chat_server.cli.config_file import config_option, settings_by_key
from chat_server.cli.options import build_config, server_options
from chat_server.config import HistoryFrom
from tests.support.toml_texts import LONG_KEYS, MANY_LINES, toml_texts


@click.command(context_settings={"auto_envvar_prefix": "CHAT_SERVER"})
@config_option
@server_options
def command(**parse_options: Any) -> Mapping[str, Any]:
    """Return the chosen values."""
    return parse_options


def parse_options(*arguments: str) -> Mapping[str, Any]:
    result: Mapping[str, Any] = command.main(list(arguments), standalone_mode=False)
    return result


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "chat.toml"


def load(file: Path, text: str, *arguments: str) -> Mapping[str, Any]:
    file.write_text(text, encoding="utf-8")
    return parse_options("--config", str(file), *arguments)


def config_error(file: Path, text: str) -> str:
    """Return the error for a file, without the name of the file."""
    with pytest.raises(click.UsageError) as raised:
        load(file, text)
    message = raised.value.format_message()
    assert message.startswith(f"{file}: ")
    assert message.isprintable()
    return message.removeprefix(f"{file}: ")


def test_config_precedence_is_option_then_variable_then_file_then_default(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "port = 1\nburst = 1\nrate = 1\n"
    monkeypatch.setenv("CHAT_SERVER_BURST", "2")
    monkeypatch.setenv("CHAT_SERVER_RATE", "2")
    settings = load(file, text, "--rate", "3")
    assert (settings["port"], settings["burst"], settings["rate"]) == (1, 2, 3)
    assert settings["outbox"] == 1024 * 1024


def test_config_option_overrides_config_variable(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("port = 1\n")
    monkeypatch.setenv("CHAT_SERVER_CONFIG", str(file))
    assert parse_options()["port"] == 1
    other = tmp_path / "other.toml"
    other.write_text("port = 2\n")
    assert parse_options("--config", str(other))["port"] == 2


def test_empty_config_file_changes_nothing(file: Path) -> None:
    assert load(file, "") == parse_options()
    assert load(file, "\ufeff# nothing\r\n\r\n") == parse_options()


def test_config_file_accepts_every_setting(file: Path) -> None:
    values: dict[str, str] = {}
    for key, option in settings_by_key(command).items():
        if isinstance(option.type, click.Choice):
            values[key] = f'"{option.type.choices[0]}"'
        elif isinstance(option.type, click.IntRange):
            values[key] = str((option.type.min or 0) + 1)
        elif isinstance(option.type, click.types.FloatParamType):
            values[key] = "1.5"
        elif option.is_flag:
            values[key] = "true"
        else:
            values[key] = {
                "host": '"127.0.0.1"',
                "trusted": '"127.0.0.1"',
                "trusted-proxy": '"127.0.0.1"',
                "redis": '"redis://localhost"',
            }.get(key, '"alice"')
    settings = load(file, "".join(f"{key} = {value}\n" for key, value in values.items()))
    defaults = parse_options()
    assert len(settings) == len(defaults) == len(values) > 10
    for name, value in settings.items():
        if name not in ("host", "log_level", "log_format", "history_from"):
            assert value != defaults[name], name


def test_history_is_kept_next_to_users_file_by_default(tmp_path: Path) -> None:
    users = tmp_path / "people.json"
    config = build_config(parse_options("--users", str(users)))
    assert config.history == tmp_path / "people.history.db"
    assert config.history_from is HistoryFrom.START


@pytest.mark.parametrize("by", ["option", "variable", "file"])
def test_history_can_be_turned_off(file: Path, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if by == "variable":
        monkeypatch.setenv("CHAT_SERVER_HISTORY", "off")
    arguments = ["--history", "off"] if by == "option" else []
    settings = load(file, 'history = "Off"\n' if by == "file" else "", *arguments)
    assert build_config(settings).history is None


def test_history_file_in_config_file_counts_from_its_folder(file: Path) -> None:
    settings = load(file, 'history = "past/off.db"\nhistory-from = "visit"\nhistory-days = 0\n')
    config = build_config(settings)
    assert config.history == file.parent / "past" / "off.db"
    assert config.history_from is HistoryFrom.VISIT
    assert config.history_days == 0
    assert build_config(load(file, 'history = "./off"\n')).history == file.parent / "off"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("history = false", "line 1: history: must be a quoted text, not false"),
        ("history-days = -1", "line 1: history-days: -1 is not in the range 0<=x<=36500"),
        ("history-size = 1.5", "line 1: history-size: must be a whole number, not 1.5"),
        (
            'history-from = "now"',
            "line 1: history-from: 'now' is not one of 'start', 'account', 'visit'",
        ),
    ],
)
def test_config_file_rejects_invalid_history_setting(file: Path, text: str, error: str) -> None:
    assert config_error(file, text) == error


@pytest.mark.parametrize("text", ['"alice, bob"', '["alice", "bob"]', '["alice,bob", "alice"]'])
def test_config_file_accepts_list_as_array_or_comma_separated_text(file: Path, text: str) -> None:
    assert load(file, f"operators = {text}\n")["operators"] == ("alice", "bob")


def test_option_or_variable_replaces_whole_list_from_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = 'operators = ["alice"]\ntrusted = ["10.0.0.0/8"]\n'
    monkeypatch.setenv("CHAT_SERVER_TRUSTED", "192.0.2.1, 2001:db8::/32")
    settings = load(file, text, "--operators", "bob,carol", "--operators", "dave")
    assert settings["operators"] == ("bob", "carol", "dave")
    assert [str(network) for network in settings["trusted"]] == ["192.0.2.1/32", "2001:db8::/32"]
    assert load(file, text, "--operators", "")["operators"] == ()


def test_operator_names_are_canonicalized() -> None:
    config = build_config(parse_options("--operators", "cafe\u0301", "--max-clients", "1"))
    assert config.operators == {"caf\u00e9"}


def test_relative_path_in_config_is_resolved_from_folder_of_file(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load(file, 'users = "people/users.json"\n')["users"] == tmp_path / "people/users.json"
    assert load(file, 'users = "/etc/users.json"\n')["users"] == Path("/etc/users.json")
    monkeypatch.setenv("HOME", "/home/nobody")
    assert load(file, 'users = "~/users.json"\n')["users"] == Path("/home/nobody/users.json")
    assert load(file, "", "--users", "users.json")["users"] == Path("users.json")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("prot = 1", "line 1: unknown setting 'prot'; did you mean 'port'?"),
        ("\n# x\nmax_clients = 5", "line 3: unknown setting 'max_clients'; did you mean"),
        ("Port = 1", "line 1: unknown setting 'Port'; did you mean 'port'?"),
        ("[server]\nport = 1", "line 1: unknown setting 'server'; did you mean 'users'?"),
        ("port = 1\nxyzzyx = 1", "line 2: unknown setting 'xyzzyx'; chat-server check --example"),
        ('"a\\u001b[2J" = 1', r"line 1: unknown setting 'a\x1b[2J'; "),
        ("config = 'x.toml'", "line 1: 'config' can't be set here"),
        ("help = true", "line 1: unknown setting 'help'"),
        ("stop-on-stdin-eof = true", "line 1: unknown setting 'stop-on-stdin-eof'"),
        ("port = '9000'", "line 1: port: must be a whole number, not '9000'"),
        ("port = 9000.5", "line 1: port: must be a whole number, not 9000.5"),
        ("port = true", "line 1: port: must be a whole number, not true"),
        ("port = [1]", "line 1: port: must be a whole number, not [1]"),
        ("port.x = 1", "line 1: port: must be a whole number, not a table"),
        ("rate = 'fast'", "line 1: rate: must be a number, not 'fast'"),
        ("users = 5", "line 1: users: must be a quoted text, not 5"),
        ("trusted = [5]", "line 1: trusted: must be a quoted text or a list of them in [ ], not 5"),
        ("a = 1\nport = 70000", "line 1: unknown setting 'a'"),
        ("burst = 5\nport = 70000", "line 2: port: 70000 is not in the range 0<=x<=65535"),
        ("rate = nan", "line 1: rate: nan is not a number"),
        (f"rate = 1{'0' * 400}", "line 1: rate: 10000000000000000000... is too large"),
        (f"rate = 1{'0' * 5000}", "contains a number with too many digits"),
        (f"burst = 1{'0' * 400}", "line 1: burst: 10"),
        (f"outbox = 1{'0' * 400}", "line 1: outbox: 10"),
        ('users = "a\\u0000b"', r"line 1: users: 'a\x00b' contains a NUL; remove it"),
        ('host = "\\u0000"', r"line 1: host: '\x00' contains a NUL; remove it"),
        ("max-clients = 0", "line 1: max-clients: 0 is not in the range x>=1"),
        ("log-level = 'loud'", "line 1: log-level: 'loud' is not one of 'debug', "),
        (
            'operators = [\n"alice",\n"a b/c"]',
            "line 1: operators: 'b/c' is not a valid account name: ",
        ),
        (
            "trusted = ['10.0.0.1/8']",
            "line 1: trusted: '10.0.0.1/8' has bits set after its prefix; ",
        ),
        ("port = \n", "line 1 column 8: not TOML: "),
        ("burst = 1\nport 9000", "line 2 column 6: not TOML: "),
        ("port = 1\nport = 2\n", "line 2 column 9: not TOML: "),
        ('users = """', "at the end: not TOML: "),
        ("port = 0x" + "f" * 5000, "contains a number with too many digits"),
        (f"trusted = [0o1{'0' * 9000}]", "contains a number with too many digits"),
        ("x = " + "[" * 5000, "nested too deeply"),
        ("port = " + "[" * 200 + "]" * 200, "nested too deeply"),
        ("#" * 70_000, "larger than 64 KiB"),
    ],
)
def test_config_error_is_one_line_with_position_and_rule(
    file: Path, text: str, expected: str
) -> None:
    assert config_error(file, text).startswith(expected)


def test_unreadable_config_file_is_reported(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"port = 1\n# \xe9\n")
    for path, expected in (
        (tmp_path / "none.toml", "no such file"),
        (tmp_path, "is a folder"),
        (latin, "line 2: not UTF-8"),
        (latin / "below", "can't be read: Not a directory"),
    ):
        with pytest.raises(click.UsageError) as raised:
            parse_options("--config", str(path))
        assert raised.value.format_message().startswith(f"{path}: {expected}")


def test_config_example_has_every_setting_and_each_line_is_valid(
    file: Path,
) -> None:
    example = config_example(check)
    assert load(file, example) == parse_options()
    lines = [
        line[1:]
        for line in example.splitlines()
        if line.startswith("#") and not line.startswith("# ")
    ]
    assert list(tomllib.loads("\n".join(lines))) == list(settings_by_key(command))
    defaults = {**parse_options(), "users": file.parent / "users.json"}
    settings = load(file, "\n".join(lines))
    for name, value in settings.items():
        # Some defaults cannot be written. The example then shows the effective value.
        assert value == defaults[name] or defaults[name] is None, name
    assert max(map(len, example.splitlines())) <= 100


def test_config_example_lists_choices_of_setting() -> None:
    assert "debug, info, warning, error" in config_example(check)


@given(toml_texts())
def test_each_key_has_the_line_on_which_its_statement_begins(
    sample: tuple[str, dict[str, int]],
) -> None:
    text, expected = sample
    assert tomllib.loads(text).keys() == expected.keys()
    assert config_file._line_numbers(text) == expected


@pytest.mark.parametrize("text", MANY_LINES.values(), ids=MANY_LINES)
def test_lines_of_long_file_are_found_in_linear_time(text: str) -> None:
    work = time.thread_time()
    assert config_file._line_numbers(text)["port"] == text.count("\n")
    assert time.thread_time() - work < 2.0


@pytest.mark.parametrize("text", LONG_KEYS)
def test_key_of_thousands_of_parts_is_rejected_at_once(file: Path, text: str) -> None:
    work = time.thread_time()
    assert config_error(file, text) == "nested too deeply for settings"
    assert time.thread_time() - work < 2.0


def test_named_pipe_and_device_are_rejected_without_blocking(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path / "link", Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(click.UsageError) as raised:
            parse_options("--config", str(path))
        assert raised.value.format_message() == (
            f"{path}: is not a regular file; name one with --config"
        )
