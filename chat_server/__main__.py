"""The command line: options to a `Config`, a `Config` to a `ChatServer`, signals to its end."""

from __future__ import annotations

import io
import math
import os
import select
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from chat_server.config import MOST_CLIENTS, Config, room_for_clients
from chat_server.event_log import LEVELS, EventLog
from chat_server.server import ChatServer
from chat_server.users import UsersFileError, UserStore
from chat_server.users_command import users

_DEFAULTS = Config(max_clients=1)


class _Number(click.FloatRange):
    """A number within bounds; what is called "not a number" is none."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """As `click.FloatRange`, whose bounds do not hold a NaN."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


@click.group(
    invoke_without_command=True,
    context_settings={"auto_envvar_prefix": "CHAT_SERVER", "help_option_names": ["-h", "--help"]},
)
@click.option("--host", default=_DEFAULTS.host, show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=_DEFAULTS.port,
    show_default=True,
    help="Port to listen on; 0: any free port.",
)
@click.option(
    "--users",
    "users_file",
    envvar="CHAT_SERVER_USERS",
    type=click.Path(path_type=Path),
    default=_DEFAULTS.users,
    show_default="users.json in the working directory",
    metavar="FILE",
    help="The accounts.",
)
@click.option(
    "--max-clients",
    type=click.IntRange(1),
    default=None,
    show_default=f"{MOST_CLIENTS}, or what the open-file limit admits",
    help="Connections at once.",
)
@click.option(
    "--max-connections-per-ip",
    type=click.IntRange(0),
    default=None,
    show_default=f"{_DEFAULTS.max_connections_per_ip}, loopback exempt unless given",
    help="Connections at once from one address; 0: no limit.",
)
@click.option(
    "--rate",
    type=_Number(0, max=1e9),
    default=_DEFAULTS.rate,
    show_default=True,
    help="Lines a second that a client may send; 0: no limit.",
)
@click.option(
    "--burst",
    type=click.IntRange(1),
    default=_DEFAULTS.burst,
    show_default=True,
    help="Lines that a client may send at once.",
)
@click.option(
    "--login-failures",
    type=click.IntRange(0),
    default=_DEFAULTS.login_failures,
    show_default=True,
    help="Failed logins that an address may have in 10 minutes; 0: no limit.",
)
@click.option(
    "--outbox",
    type=click.IntRange(16 * 1024),
    default=_DEFAULTS.outbox,
    show_default=True,
    metavar="BYTES",
    help="Backlog that a slow reader may have.",
)
@click.option(
    "--login-timeout",
    type=_Number(0, min_open=True, max=86400),
    default=_DEFAULTS.login_timeout,
    show_default=True,
    metavar="SECONDS",
    help="Time to send the LOGIN line.",
)
@click.option(
    "--log-level",
    type=click.Choice(LEVELS),
    default=_DEFAULTS.log_level,
    show_default=True,
    help="What is logged to standard error.",
)
@click.option(
    "--stop-on-stdin-eof",
    is_flag=True,
    hidden=True,
    help="Stop when standard input ends, for a program that runs this server beside itself.",
)
@click.version_option(package_name="lobby-chat", prog_name="chat-server")
@click.pass_context
def cli(
    context: click.Context,
    host: str,
    port: int,
    users_file: Path,
    max_clients: int | None,
    max_connections_per_ip: int | None,
    rate: float,
    burst: int,
    login_failures: int,
    outbox: int,
    login_timeout: float,
    log_level: str,
    stop_on_stdin_eof: bool,
) -> None:
    """Serve a chat to anyone who can send lines of text: a client, a script, netcat.

    Each option is also read from an environment variable, CHAT_SERVER_PORT for --port.
    """
    if context.invoked_subcommand is not None:
        return
    config = Config(
        host=host,
        port=port,
        users=users_file,
        max_clients=_clients(max_clients),
        max_connections_per_ip=(
            _DEFAULTS.max_connections_per_ip
            if max_connections_per_ip is None
            else max_connections_per_ip
        ),
        limit_loopback=max_connections_per_ip is not None,
        rate=rate,
        burst=burst,
        login_failures=login_failures,
        outbox=outbox,
        login_timeout=login_timeout,
        log_level=log_level,
    )
    serve(config, until_stdin_ends=stop_on_stdin_eof)


cli.add_command(users)


def serve(config: Config, *, until_stdin_ends: bool = False) -> None:
    """Run a server until a signal, or the end of standard input, asks it to stop. Main thread.

    Raises `click.UsageError` where the users file or the address can't be used.
    """
    log = EventLog(level=config.log_level)
    try:
        server = ChatServer(config, UserStore(config.users), log)
        server.start()
    except UsersFileError as error:
        raise click.UsageError(str(error)) from error
    except RuntimeError as error:
        raise click.UsageError(f"can't start: {error}") from error
    except (OSError, UnicodeError) as error:  # a host name can be too odd even to be looked up
        number = error.errno if isinstance(error, OSError) else None
        why = os.strerror(number) if number and number > 0 else str(error)
        raise click.UsageError(
            f"can't listen on {config.host} port {config.port}: {why}; "
            "choose another with --host and --port"
        ) from error
    # A handler that did more than leave a byte could interrupt whoever holds the lock it needs.
    signalled, on_signal = os.pipe()
    os.set_blocking(on_signal, False)
    signal.set_wakeup_fd(on_signal, warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    try:
        print(f"[*] Chat server running on port {server.port}", flush=True)
    except OSError as error:
        server.stop()
        why = error.strerror or str(error)
        raise click.UsageError(f"can't write to standard output: {why}") from error
    log.running(config.host, server.port)
    wait_for = [signalled, *([sys.stdin.fileno()] if until_stdin_ends and sys.stdin else [])]
    while True:
        ready = select.select(wait_for, [], [], config.users_check_seconds)[0]
        if signalled in ready or (ready and not os.read(ready[0], 4096)):
            break
        server.look_at_users()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # a second one ends the process at once
    log.stopping()
    server.stop()
    log.stopped()


def _clients(wanted: int | None) -> int:
    if wanted is None:
        return room_for_clients()
    possible = room_for_clients(wanted)
    if possible < wanted:
        raise click.UsageError(
            f"--max-clients {wanted}: the open-file limit admits {possible}; "
            "raise it with ulimit -n, or ask for fewer"
        )
    return wanted


def main(arguments: Sequence[str] | None = None) -> None:
    """The script `chat-server`: whatever is wrong is told in one line, without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that is not UTF-8 has no sign for every name.
            stream.reconfigure(errors="backslashreplace")
    try:
        status = cli.main(args=arguments, prog_name="chat-server", standalone_mode=False)
    except click.ClickException as error:
        message = " ".join(error.format_message().split())
        print(f"chat-server: {message}", file=sys.stderr)
        sys.exit(error.exit_code)
    except click.Abort:
        print("chat-server: stopped", file=sys.stderr)
        sys.exit(130)
    except OSError as error:  # a full disk behind standard output; a closed pipe ends click itself
        why = error.strerror or str(error)
        print(f"chat-server: can't write to standard output: {why}", file=sys.stderr)
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


if __name__ == "__main__":
    main()
