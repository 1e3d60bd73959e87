"""A server from its start to the signal that ends it: what the main thread does."""

from __future__ import annotations

import math
import os
import select
import signal
import sys
from typing import TYPE_CHECKING, Final

import click

from chat_server import service_manager, thread_stacks
from chat_server.config import Config
from chat_server.event_log import EventLog
from chat_server.server import ChatServer
from chat_server.users import UsersFileError, UserStore

if TYPE_CHECKING:
    from chat_server.metrics_server import MetricsServer

_STOP: Final = (signal.SIGINT, signal.SIGTERM)


def serve(config: Config, *, until_stdin_ends: bool = False) -> None:
    """Run a server until a signal, or the end of standard input, asks it to stop. Main thread.

    Raises `click.UsageError` where the users file or the address can't be used.
    """
    thread_stacks.show_when_asked()
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
    metrics = _start_metrics(config, server, log)
    # A handler that did more than leave a byte could interrupt whoever holds the lock it needs.
    signalled, on_signal = os.pipe()
    os.set_blocking(on_signal, False)
    signal.set_wakeup_fd(on_signal, warn_on_full_buffer=False)
    for number in _STOP:
        signal.signal(number, lambda *_: None)
    try:
        print(f"[*] Chat server running on port {server.port}", flush=True)
    except OSError as error:
        server.stop()
        if metrics is not None:
            metrics.stop()
        why = error.strerror or str(error)
        raise click.UsageError(f"can't write to standard output: {why}") from error
    log.running(config.host, server.port)
    if metrics is not None:
        log.metrics_running(metrics.port)
    service_manager.tell(service_manager.READY)
    watchdog = service_manager.watchdog_seconds()
    # Half of its patience, so that one turn that takes long is no death.
    pause = min(config.users_check_seconds, watchdog / 2 if watchdog else math.inf)
    wait_for = [signalled, *([sys.stdin.fileno()] if until_stdin_ends and sys.stdin else [])]
    while True:
        ready = select.select(wait_for, [], [], pause)[0]
        if signalled in ready:
            numbers = os.read(signalled, 4096)  # a byte a signal
            if any(number in numbers for number in _STOP):
                break
            if signal.SIGUSR1 in numbers:
                thread_stacks.show_the_rest()
        elif ready and not os.read(ready[0], 4096):
            break
        server.look_at_users()
        if watchdog and server.trouble() is None:
            service_manager.tell(service_manager.ALIVE)
    for number in _STOP:
        signal.signal(number, signal.SIG_DFL)  # a second one ends the process at once
    service_manager.tell(service_manager.STOPPING)
    log.stopping()
    server.stop()
    if metrics is not None:
        metrics.stop()
    log.stopped()


def _start_metrics(config: Config, server: ChatServer, log: EventLog) -> MetricsServer | None:
    """Answer /metrics and /healthz where that is wanted. Stops the server where it can't be."""
    if config.metrics is None:
        return None
    # Not before it is wanted: with the library this takes as long as the whole start without it.
    from chat_server.metrics import Metrics
    from chat_server.metrics_server import MetricsServer

    numbers = Metrics(server.measure, config.max_clients)
    try:
        metrics = MetricsServer(config.metrics, numbers.text, server.trouble, log)
        metrics.start()
    except (OSError, RuntimeError) as error:
        server.stop()
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise click.UsageError(
            f"can't listen on 127.0.0.1 port {config.metrics} for --metrics: {why}; "
            "choose another port"
        ) from error
    server.time_fan_out(numbers.observe_fan_out)
    return metrics
