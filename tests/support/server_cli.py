"""The command line of the server, run in this process."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from chat_server.__main__ import cli


def run_server(*arguments: str | Path, typed: str | bytes | None = None) -> Result:
    """Run `chat-server` with these arguments. `typed`: its standard input."""
    return CliRunner(env={"CHAT_SERVER_USERS": None}).invoke(
        cli, [str(argument) for argument in arguments], input=typed
    )
