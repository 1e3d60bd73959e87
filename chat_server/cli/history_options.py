"""The options of `chat-server history` that name its files: by themselves or like the server's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from chat_server.cli.options import history_file


def _resolve_users_file(context: click.Context, _: click.Parameter, value: Path | None) -> Path:
    """Return `--users` of this command, or else of the parent command."""
    before = context.find_root().params["users"]
    assert isinstance(before, Path)
    return value or before


def _resolve_history_file(context: click.Context, _: click.Parameter, value: Path | None) -> Path:
    """Return `--history` of this command, or of the parent command, or the file of the users."""
    users = context.params["users_file"]
    found = value or history_file(context.find_root().params["history"], users)
    if found is None:
        raise click.UsageError(
            "no history is kept (`history` is off); name the file of an earlier one with --history"
        )
    return found


def file_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that name the files. The users file is parsed first: it names the other."""
    for option in (
        click.option(
            "--history",
            "file",
            type=click.Path(path_type=Path, readable=False),
            callback=_resolve_history_file,
            metavar="FILE",
            help="History file. Default: that of the server with these settings.",
        ),
        click.option(
            "--users",
            "users_file",
            type=click.Path(path_type=Path, readable=False),
            callback=_resolve_users_file,
            is_eager=True,
            metavar="FILE",
            help="Users file. The history file is next to it, unless a setting names another.",
        ),
    ):
        command = option(command)
    return command
