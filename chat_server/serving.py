"""A server from its start to the signal that ends it: what the main thread does."""

from __future__ import annotations

import os
import select
import signal
import sys

import click

from chat_server.config import Config
from chat_server.event_log import EventLog
from chat_server.server import ChatServer
from chat_server.users import UsersFileError, UserStore


def serve(config: Config, *, until_stdin_ends: bool = False) -> None:
    """Run a server until a signal, or the end of standard input, asks it to stop. Main thread.

    Raises `click.UsageError` where the users file or the address can't be used.
    """
    log = EventLog(level=config.log_level, form=config.log_format)
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
