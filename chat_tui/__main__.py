"""The program `chat-tui`: dispatch to the commands, and one line for every usage error."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from chat_tui.cli import client_command


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `chat-tui`. Usage errors are printed in one line, without a traceback.

    Raises `SystemExit`. Called by the main thread.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    command: click.Command = client_command
    name = "chat-tui"
    if arguments[:1] == ["config"]:  # a server with this name is config:9001
        from chat_tui.cli import config_command

        command, name = config_command, "chat-tui config"
        del arguments[0]
    elif arguments[:1] == ["trust"]:  # likewise trust:9001
        from chat_tui.cli import trust_command

        command, name = trust_command, "chat-tui trust"
        del arguments[0]
    try:
        status = command.main(args=arguments, prog_name=name, standalone_mode=False)
    except click.ClickException as error:
        message = " ".join(error.format_message().split())
        print(f"chat-tui: {message}", file=sys.stderr)
        sys.exit(error.exit_code)
    except click.Abort:
        print("chat-tui: stopped", file=sys.stderr)
        sys.exit(130)
    sys.exit(status if isinstance(status, int) else 0)


if __name__ == "__main__":
    main()
