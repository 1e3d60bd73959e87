"""`chat-tui config`: print the settings in force, and where each value comes from."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click

from chat_tui.account import server_text
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
@click.option("--example", is_flag=True, help="Print an example settings file.")
def config_command(example: bool) -> int:
    """Print the settings in force, their origin, and the problems of the settings file.

    The output is a valid settings file and never contains a password. The exit code is 1 if the
    file has problems.
    """
    if example:
        print(EXAMPLE, end="")
        return 0
    configuration = load()
    keys, problems = _validated(configuration)
    for line in (
        *_settings(configuration),
        *_keys(configuration, keys),
        *_profiles_and_themes(configuration),
    ):
        print(line)
    sys.stdout.flush()
    for problem in problems:
        print(f"chat-tui: {safe_text(str(problem))}", file=sys.stderr)
    return 1 if problems else 0


def _validated(configuration: Configuration) -> tuple[dict[str, str], list[ConfigProblem]]:
    """Return the usable keys (action id -> keys), and all problems.

    Problems of keys and themes are found here, because only the UI knows all actions and themes.
    """
    from textual.theme import BUILTIN_THEMES

    from chat_tui.config import BASES
    from chat_tui.ui import theme_problem, usable_keys

    keys, key_problems = usable_keys(configuration)
    custom = [theme.name for theme in configuration.themes]
    theme_problems = theme_problem(configuration, [*BASES, *BUILTIN_THEMES, *custom])
    return keys, [*configuration.problems, *theme_problems, *key_problems]


def _settings(configuration: Configuration) -> Iterator[str]:
    path = configuration_path()
    if configuration.exists:
        yield f"# {safe_text(str(path))}"
    else:
        yield f"# There is no {safe_text(str(path))}. All values are defaults. To create it:"
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
            origin = _origin(configuration, setting.name)
            yield _line(f"{setting.name} = {_toml(value)}", origin)


def _keys(configuration: Configuration, usable: dict[str, str]) -> Iterator[str]:
    from chat_tui.ui import effective_keys

    yield ""
    yield "[keys]"
    for name, keys, description in effective_keys(usable):
        origin = "default"
        if name in usable:
            origin = _origin(configuration, *configuration.key_path(name))
        quoted = _toml(name) if "." in name else name
        comment = f"{origin}: {description}" if description else origin
        yield _line(f"{quoted} = {_toml(keys)}", comment)


def _profiles_and_themes(configuration: Configuration) -> Iterator[str]:
    for profile in configuration.profiles:
        path = ("profiles", profile.name)
        yield ""
        yield _line(f"[profiles.{_toml(profile.name)}]", _origin(configuration, *path))
        servers = tuple(server_text(address) for address in profile.account("").addresses)
        values: dict[str, object] = (
            {"servers": servers} if profile.others else {"server": servers[0]}
        )
        values |= {"user": profile.user, "room": profile.room}
        values["password_env"] = profile.password_env
        for name, value in values.items():
            if value is not None:
                yield _line(f"{name} = {_toml(value)}", _origin(configuration, *path, name))
        if profile.password_command is not None:  # the command may reveal where a secret is
            origin = _origin(configuration, *path, "password_command")
            yield _line("# password_command = …", origin)
        if profile.plaintext:
            yield _line("plaintext = true", _origin(configuration, *path, "plaintext"))
        if profile.keyring:
            yield _line("keyring = true", _origin(configuration, *path, "keyring"))
        if profile.needs_prompt:
            yield "# no password source: the client asks for it"
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
    """Return the line that sets the value, or "default" if none does or the line has a problem."""
    line = configuration.lines.get(path)
    has_problem = any(problem.line == line for problem in configuration.problems)
    if line is None or has_problem:
        return "default"
    return f"line {line}"


def _toml(value: object) -> str:
    """Return the TOML form of a boolean, a string, a path or a tuple of these."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    text = str(value) if isinstance(value, Path) else value
    assert isinstance(text, str)
    escaped = safe_text(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
