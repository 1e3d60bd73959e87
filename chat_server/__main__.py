"""The command line: from options to a `Config`, and from a `Config` to a running server."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Sequence
from typing import Any

import click

from chat_server.cli import (
    build_config,
    check,
    config_option,
    config_path,
    history,
    raise_file_limit,
    serve,
    server_options,
    users,
)
from chat_server.standard_streams import drop_unwritten_output, report


@click.group(
    invoke_without_command=True,
    context_settings={"auto_envvar_prefix": "CHAT_SERVER", "help_option_names": ["-h", "--help"]},
)
@config_option
@server_options
@click.option(
    "--stop-on-stdin-eof",
    is_flag=True,
    hidden=True,
    help="Stop when standard input ends. For programs that run this server as a child process.",
)
@click.version_option(package_name="lobby-chat", prog_name="chat-server")
@click.pass_context
def cli(context: click.Context, /, stop_on_stdin_eof: bool, **chosen: Any) -> None:
    """Serve a chat to any program that can send lines of text: a client, a script, netcat.

    Each option is also read from an environment variable (CHAT_SERVER_PORT for --port) and from the
    file that --config names (the key port). An option overrides a variable, which overrides the
    file.
    """
    if context.invoked_subcommand is None:
        raise_file_limit(chosen["max_clients"])
        serve(build_config(chosen, config_path(context)), until_stdin_ends=stop_on_stdin_eof)


cli.add_command(users)
cli.add_command(check)
cli.add_command(history)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the script `chat-server`. Report every error in one line, without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that is not UTF-8 cannot show every name.
            stream.reconfigure(errors="backslashreplace")
    try:
        status = cli.main(args=arguments, prog_name="chat-server", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.ClickException as error:
        message = " ".join(error.format_message().split())
        report(f"chat-server: {message}")
        sys.exit(error.exit_code)
    except click.Abort:
        report("chat-server: stopped")
        sys.exit(130)
    except OSError as error:  # a full disk, for example; click itself handles a closed pipe
        why = error.strerror or str(error)
        report(f"chat-server: can't write to standard output: {why}")
        sys.exit(1)
    finally:
        drop_unwritten_output()
    status = status if isinstance(status, int) else 0
    if threading.active_count() > 1:
        # A password hash that outlived the stop. Before Python 3.14, a thread that comes back from
        # native code while the interpreter ends aborts the process (status -6, a core dump).
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    main()
