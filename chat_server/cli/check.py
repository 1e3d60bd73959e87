"""`chat-server check`: report what a start with these settings would do, without starting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
from click.core import ParameterSource

from chat_server.cli.config_example import config_example
from chat_server.cli.config_file import (
    config_option,
    config_path,
    option_origin,
    settings_by_key,
)
from chat_server.cli.findings import Finding, Severity
from chat_server.cli.host_limits import raise_file_limit
from chat_server.cli.options import build_config, server_options
from chat_server.cli.preflight import CHECKS
from chat_server.escape import one_line


def _print_example(context: click.Context, _: click.Parameter, requested: bool) -> None:
    if requested:
        click.echo(config_example(context.command), nl=False)
        context.exit()


# The variables of the server itself: CHAT_SERVER_PORT, not CHAT_SERVER_CHECK_PORT.
@click.command(context_settings={"auto_envvar_prefix": "CHAT_SERVER"})
@config_option
@server_options
@click.option(
    "--example",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_example,
    help="Print a configuration file with every setting, commented out, and exit.",
)
@click.pass_context
def check(context: click.Context, /, **chosen: Any) -> None:
    """Report what a start with these settings would do, and what is wrong with them.

    Prints one finding a line, which begins with ok, warning or error. The exit status is 0 if a
    start would work, and 1 if it would fail. It is 2 if the options or the file cannot be parsed.
    Nothing is started, created or changed.
    """
    level = Severity.OK
    for finding in _findings(context, chosen):
        click.echo(finding)
        if finding.severity is Severity.ERROR:
            level = Severity.ERROR
    if level is Severity.ERROR:
        click.echo(Finding(Severity.ERROR, "a start would fail"))
        context.exit(1)
    click.echo(Finding(Severity.OK, "a start would work"))


def _findings(context: click.Context, chosen: dict[str, Any]) -> Iterator[Finding]:
    parent = context.parent
    origins = {}
    for key, option in settings_by_key(context.command).items():
        assert option.name is not None
        source: click.Context = context
        # As in `chat-server --port 9001 check`.
        if (
            parent is not None
            and parent.get_parameter_source(option.name) is ParameterSource.COMMANDLINE
            and context.get_parameter_source(option.name) is not ParameterSource.COMMANDLINE
        ):
            source = parent
            chosen[option.name] = parent.params[option.name]
        origin = option_origin(source, option)
        if origin is not None:
            origins[key] = f"{key} = {_format_value(chosen[option.name])}, from {origin}"
    for text in origins.values():
        yield Finding(Severity.OK, text)
    if not origins:
        yield Finding(Severity.OK, "every setting has its default")
    raise_file_limit(chosen["max_clients"])  # like a start, but only for this process
    try:
        config = build_config(chosen, config_path(context))
    except click.UsageError as error:
        yield Finding(Severity.ERROR, error.format_message())
        return
    for run_check in CHECKS:
        yield from run_check(config)


def _format_value(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return one_line(str(value))
