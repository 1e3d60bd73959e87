"""The configuration file: TOML, in which every option of the server is a key, `max-clients = 500`.

An option overrides an environment variable, which overrides the file, which overrides the default.
click does this with `Context.default_map`, which this module fills. Every error is one line with
the file, the line in it, the key and the rule. A relative path in the file counts from the folder
of the file. `~` is expanded here, as no shell does it.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource

from chat_server.cli.option_types import OFF, OptionalFile
from chat_server.escape import one_line, quoted
from chat_server.files import NotRegularFileError, read_regular
from chat_server.toml_text import TomlLimitError, TomlSyntaxError, parse_toml, toml_statements

SIZE_LIMIT: Final = 64 * 1024
"""Most bytes of a file that was written by hand. A larger one is not a configuration file."""

_META: Final = "chat_server.cli.config_file"
_CommandT = TypeVar("_CommandT", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A parsed file: its path, and the line of each key."""

    path: Path
    lines: Mapping[str, int]

    def location(self, key: str | None = None) -> str:
        """Return the file, and the line of `key` in it, for errors and `chat-server check`."""
        shown = one_line(str(self.path))
        line = None if key is None else self.lines.get(key)
        return shown if line is None else f"{shown}: line {line}"


def config_option(command: _CommandT) -> _CommandT:
    """Add the option `--config` to a command. It is parsed before all other options."""
    option = click.option(
        "--config",
        type=click.Path(path_type=Path),
        is_eager=True,
        expose_value=False,
        callback=_load,
        metavar="FILE",
        help="A TOML file with any of these settings, as in: max-clients = 500. chat-server check"
        " --example prints one.",
    )
    return option(command)


def settings_by_key(command: click.Command) -> dict[str, click.Option]:
    """Return the options that a file may set, by key, in the order of `--help`."""
    return {
        option_key(option): option
        for option in command.params
        if isinstance(option, click.Option) and not (option.is_eager or option.hidden)
    }


def option_key(option: click.Option) -> str:
    """Return the key of an option: its long name without the leading dashes."""
    return max(option.opts, key=len).lstrip("-")


def config_path(context: click.Context) -> Path | None:
    """Return the path of the file that was read, or None."""
    file = context.meta.get(_META)
    return file.path if isinstance(file, ConfigFile) else None


def option_origin(context: click.Context, option: click.Option) -> str | None:
    """Return a description of the source of an option's value, or None for the default."""
    assert option.name is not None
    match context.get_parameter_source(option.name):
        case ParameterSource.COMMANDLINE:
            return f"option --{option_key(option)}"
        case ParameterSource.ENVIRONMENT:
            return f"environment {context.auto_envvar_prefix}_{option.name.upper()}"
        case ParameterSource.DEFAULT_MAP:
            file = context.meta[_META]
            assert isinstance(file, ConfigFile)
            return file.location(option_key(option))
        case _:
            return None


def _load(context: click.Context, option: click.Parameter, path: Path | None) -> None:
    assert option.name is not None
    parent = context.parent
    given = context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE
    if parent is not None and not given:
        # As in `chat-server --config FILE check`. The parent has read the environment, too.
        context.default_map = parent.default_map
    elif path is not None:
        context.default_map = _read(context, path)


def _read(context: click.Context, path: Path) -> dict[str, Any]:
    """Return the values by parameter name, and store the `ConfigFile` in `context.meta`.

    Raises `click.UsageError`.
    """
    text = _read_text(path)
    try:
        values = parse_toml(text)
    except TomlSyntaxError as error:
        where = "at the end" if error.line is None else f"line {error.line} column {error.column}"
        raise _config_error(
            ConfigFile(path, {}),
            None,
            f"{where}: not TOML: {error}; write lines like: port = 9000",
        ) from None
    except TomlLimitError as error:
        raise _config_error(ConfigFile(path, {}), None, str(error)) from None
    file = ConfigFile(path, _line_numbers(text))
    settings = settings_by_key(context.command)
    found = {}
    for key, value in values.items():
        option = settings.get(key)
        if option is None:
            raise _config_error(file, key, _describe_unknown_key(key, settings))
        assert option.name is not None
        found[option.name] = _convert(context, file, key, option, value)
    context.meta[_META] = file
    return found


def _read_text(path: Path) -> str:
    file = ConfigFile(path, {})
    try:
        data, _ = read_regular(path, SIZE_LIMIT + 1)
    except FileNotFoundError:
        raise _config_error(file, None, "no such file; name another with --config") from None
    except IsADirectoryError:
        raise _config_error(file, None, "is a folder; name a file in it with --config") from None
    except NotRegularFileError:
        raise _config_error(file, None, "is not a regular file; name one with --config") from None
    except (OSError, ValueError) as error:  # or a NUL in its name
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise _config_error(file, None, f"can't be read: {one_line(why)}") from None
    if len(data) > SIZE_LIMIT:
        raise _config_error(
            file,
            None,
            f"larger than {SIZE_LIMIT >> 10} KiB; is it a configuration file?",
        )
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _config_error(file, None, f"line {line}: not UTF-8; save the file as UTF-8") from None


def _line_numbers(text: str) -> dict[str, int]:
    """Return the line on which each top-level name begins, in a valid TOML text."""
    found: dict[str, int] = {}
    in_table = False
    for line, statement in toml_statements(text):
        is_header = statement.lstrip().startswith("[")
        in_table = in_table or is_header
        if is_header or not in_table:
            for name in tomllib.loads(statement):
                found.setdefault(name, line)
    return found


def _describe_unknown_key(key: str, settings: Mapping[str, click.Option]) -> str:
    if key == "config":
        return "'config' can't be set here: a file cannot name another file"
    plain = key.lower().replace("_", "-")
    near = difflib.get_close_matches(plain, settings, 1, 0.5)
    hint = f"did you mean '{near[0]}'?" if near else "chat-server check --example lists all"
    return f"unknown setting {quoted(key)}; {hint}"


def _convert(
    context: click.Context, file: ConfigFile, key: str, option: click.Option, value: object
) -> object:
    """Return the value in the form that click expects. Raises `click.UsageError` if invalid."""
    values = value if option.multiple and isinstance(value, list) else [value]
    kind, description = _toml_type(option)
    for each in values:
        if not isinstance(each, kind) or (isinstance(each, bool) and kind is not bool):
            or_list = " or a list of them in [ ]" if option.multiple else ""
            raise _config_error(
                file, key, f"{key}: must be {description}{or_list}, not {_format_value(each)}"
            )
        if (
            isinstance(each, str) and "\0" in each
        ):  # neither a path nor any other setting can contain one
            raise _config_error(
                file, key, f"{key}: {_format_value(each)} contains a NUL; remove it"
            )
    if isinstance(option.type, click.Path):
        is_off = isinstance(option.type, OptionalFile) and str(value).lower() == OFF
        values = values if is_off else [_resolve_path(file.path, str(each)) for each in values]
    for each in values:
        try:
            option.type.convert(each, option, context)
        except click.BadParameter as error:
            raise _config_error(file, key, f"{key}: {error.message.removesuffix('.')}") from None
    return values if option.multiple else values[0]


def _toml_type(option: click.Option) -> tuple[type | tuple[type, ...], str]:
    """Return the TOML type of a value, and its description."""
    if option.is_flag:
        return bool, "true or false"
    if isinstance(option.type, click.types.IntParamType):
        return int, "a whole number"
    if isinstance(option.type, click.types.FloatParamType):
        return (int, float), "a number"
    return str, "a quoted text"


def _resolve_path(file: Path, written: str) -> str:
    try:
        return str(file.parent / Path(written).expanduser())
    except RuntimeError:  # no home folder is known
        return str(file.parent / written)


def _format_value(value: object) -> str:
    """Return a value as the user wrote it, truncated."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    return quoted(value) if isinstance(value, str) else one_line(str(value)[:40])


def _config_error(file: ConfigFile, key: str | None, message: str) -> click.UsageError:
    return click.UsageError(f"{file.location(key)}: {message}")
