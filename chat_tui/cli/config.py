"""`chat-tui config`: what is in force, and where each value came from."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click

from chat_tui.config import (
    EXAMPLE,
    ConfigProblem,
    Configuration,
    Settings,
    configuration_path,
    load,
)
from chat_tui.sanitize import safe_text


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--example", is_flag=True, help="Print a settings file to begin with.")
def config_command(example: bool) -> int:
    """Print the settings in force and where each came from, and what is wrong with the file.

    What is printed is itself a settings file; no password is ever in it. The exit code is 1 where
    something is wrong.
    """
    if example:
        print(EXAMPLE, end="")
        return 0
    configuration = load()
    keys, problems = _validated(configuration)
    for line in (
        *_settings(configuration),
        *_keys(configuration, keys),
        *_unknown_entries(configuration),
    ):
        print(line)
    sys.stdout.flush()
    for problem in problems:
        print(f"chat-tui: {safe_text(str(problem))}", file=sys.stderr)
    return 1 if problems else 0


def _validated(configuration: Configuration) -> tuple[dict[str, str], list[ConfigProblem]]:
    """The keys that can be used, and all mistakes, those included that only the screens see."""
    from textual.theme import BUILTIN_THEMES

    from chat_tui.config import BASES
    from chat_tui.ui import theme_problem, usable_keys

    keys, wrong = usable_keys(configuration)
    own = [theme.name for theme in configuration.themes]
    themes = theme_problem(configuration, [*BASES, *BUILTIN_THEMES, *own])
    return keys, [*configuration.problems, *themes, *wrong]


def _settings(configuration: Configuration) -> Iterator[str]:
    path = configuration_path()
    if configuration.exists:
        yield f"# {safe_text(str(path))}"
    else:
        yield f"# There is no {safe_text(str(path))}: all is as it comes. To begin one:"
        folder, file = shlex.quote(str(path.parent)), shlex.quote(str(path))
        yield f"#   mkdir -p {folder} && chat-tui config --example > {file}"
    yield ""
    for setting in fields(Settings):
        if setting.name == "keys":
            continue
        value = getattr(configuration.settings, setting.name)
        if value is None:
            yield _line(f"# {setting.name} is not set", "default")
        else:
            where = _origin(configuration, setting.name)
            yield _line(f"{setting.name} = {_toml(value)}", where)


def _keys(configuration: Configuration, good: dict[str, str]) -> Iterator[str]:
    from chat_tui.ui import effective_keys

    yield ""
    yield "[keys]"
    for name, keys, words in effective_keys(good):
        where = _origin(configuration, *configuration.key_path(name)) if name in good else "default"
        quoted = _toml(name) if "." in name else name
        yield _line(f"{quoted} = {_toml(keys)}", f"{where}: {words}" if words else where)


def _unknown_entries(configuration: Configuration) -> Iterator[str]:
    for profile in configuration.profiles:
        path = ("profiles", profile.name)
        yield ""
        yield _line(f"[profiles.{_toml(profile.name)}]", _origin(configuration, *path))
        values = {"server": profile.account("").server, "user": profile.user, "room": profile.room}
        values["password_env"] = profile.password_env
        for name, value in values.items():
            if value is not None:
                yield _line(f"{name} = {_toml(value)}", _origin(configuration, *path, name))
        if profile.password_command is not None:  # what it is may tell where a secret lies
            where = _origin(configuration, *path, "password_command")
            yield _line("# password_command = …", where)
        if profile.plaintext:
            yield _line("plaintext = true", _origin(configuration, *path, "plaintext"))
        if profile.keyring:
            yield _line("keyring = true", _origin(configuration, *path, "keyring"))
        if profile.needs_prompt:
            yield "# the password: you are asked"
    for theme in configuration.themes:
        path = ("themes", theme.name)
        yield ""
        yield _line(f"[themes.{_toml(theme.name)}]", _origin(configuration, *path))
        yield _line(f"base = {_toml(theme.base)}", _origin(configuration, *path, "base"))
        for name, colour in theme.colours.items():
            yield _line(f"{name} = {_toml(colour)}", _origin(configuration, *path, name))


def _line(text: str, origin: str) -> str:
    return f"{text:<40}  # {origin}"


def _origin(configuration: Configuration, *path: str) -> str:
    line = configuration.lines.get(path)
    wrong = any(problem.line == line for problem in configuration.problems)
    if line is None or wrong:
        return "default"
    return f"line {line}"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    text = str(value) if isinstance(value, Path) else value
    assert isinstance(text, str)
    escaped = safe_text(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
