"""The command line of the server, run in this process."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from chat_server.__main__ import cli


def run_server(
    *arguments: str | Path, typed: str | bytes | None = None, default_cost: bool = False
) -> Result:
    """Run `chat-server` with these arguments. `typed`: its standard input.

    It makes cheap hashes, unless `default_cost` is true or an argument sets the cost.
    """
    cost = None if default_cost else "4"
    variables = {"CHAT_SERVER_USERS": None, "CHAT_SERVER_BCRYPT_COST": cost}
    return CliRunner(env=variables).invoke(
        cli, [str(argument) for argument in arguments], input=typed
    )
