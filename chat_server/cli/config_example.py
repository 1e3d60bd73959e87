"""An example configuration file, generated from the options so that it is always up to date."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import Final

import click

from chat_server.cli.config_file import settings_by_key

_HEAD: Final = """\
# Settings of chat-server. Remove the # before a line to activate it. An option overrides an
# environment variable (CHAT_SERVER_PORT for port), which overrides this file. A relative path
# counts from the folder of this file. `chat-server check --config FILE` reports what a start
# would do.
"""

_SAMPLES: Final = {
    "member-places": "2500",
    "byte-rate": "40960",
    "history": '"users.history.db"',
    "metrics": "9101",
    "redis": '"rediss://redis.example"',
    "node": '"chat-1"',
}
"""Values for settings whose default is not a number: those of a server with the other defaults, the
port of `deploy/lobby.toml`, and a Redis."""


def config_example(command: click.Command) -> str:
    """Return every setting of `command` with its help and default, all commented out."""
    parts = [_HEAD]
    for key, option in settings_by_key(command).items():
        about = [option.help or ""]
        if isinstance(option.show_default, str):
            about.append(f"Default: {option.show_default}.")
        if isinstance(option.type, click.Choice):
            about.append(f"One of: {', '.join(map(str, option.type.choices))}.")
        comment = textwrap.fill(" ".join(about), 98, initial_indent="# ", subsequent_indent="# ")
        parts.append(f"{comment}\n#{key} = {_value(key, option)}\n")
    return "\n".join(parts)


def _value(key: str, option: click.Option) -> str:
    """Return the default as TOML, or a sample value if the default cannot be written."""
    default = option.default
    if key in _SAMPLES:
        return _SAMPLES[key]
    if option.multiple:
        return "[]"
    if option.is_flag:
        return "true" if default is True else "false"
    if isinstance(default, int | float):
        return str(default)
    if isinstance(default, str | Path):
        return json.dumps(str(default), ensure_ascii=False)
    if isinstance(option.type, click.types.IntParamType | click.types.FloatParamType):
        number = re.search(r"\d+", str(option.show_default))
        return number[0] if number else "1"
    return json.dumps(option.metavar or "", ensure_ascii=False)
