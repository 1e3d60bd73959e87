"""A server from its start to the signal that ends it: what the main thread does."""

from __future__ import annotations

import math
import os
import select
import signal
import sys
from typing import TYPE_CHECKING, Final

import click

from chat_server.accounts import Accounts, AccountStore, UsersFileError, accounts_with_demo_password
from chat_server.cli import systemd as service_manager
from chat_server.cli import thread_dump as thread_stacks
from chat_server.config import Config
from chat_server.net import CertificateError, ListenError, endpoints
from chat_server.observability import EventLog
from chat_server.server import ChatServer

if TYPE_CHECKING:
    from chat_server.observability import MetricsServer

_STOP: Final = (signal.SIGINT, signal.SIGTERM)


def serve(config: Config, *, until_stdin_ends: bool = False) -> None:
    """Run a server until a signal, or the end of standard input, asks it to stop. Main thread.

    Raises `click.UsageError` where the users file, the certificate or the address can't be used.
    """
    thread_stacks.dump_on_signal()
    log = EventLog(level=config.log_level, form=config.log_format)
    try:
        # Looked up once: a name that led elsewhere at a second look would be listened on unvetted.
        where = endpoints(config)
        public = any(endpoint.is_public for endpoint in where)
        server = ChatServer(
            config, AccountStore(config.users, _demo_password_problem if public else None), log
        )
        server.start(where)
    except (UsersFileError, CertificateError, ListenError) as error:
        raise click.UsageError(str(error)) from error
    except RuntimeError as error:
        raise click.UsageError(f"can't start: {error}") from error
    metrics = _start_metrics(config, server, log)
    # A handler that did more than leave a byte could interrupt whoever holds the lock it needs.
    signalled, on_signal = os.pipe()
    os.set_blocking(on_signal, False)
    signal.set_wakeup_fd(on_signal, warn_on_full_buffer=False)
    for number in (*_STOP, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    at_terminal = sys.stderr is not None and sys.stderr.isatty()
    try:
        _print_startup(server)
    except OSError as error:
        server.stop()
        if metrics is not None:
            metrics.stop()
        why = error.strerror or str(error)
        raise click.UsageError(f"can't write to standard output: {why}") from error
    _log_startup(server, log)
    if metrics is not None:
        log.metrics_listening(metrics.port)
    service_manager.notify(service_manager.READY)
    watchdog = service_manager.watchdog_seconds()
    # Half of its patience, so that one turn that takes long is no death.
    pause = min(config.tuning.users_check_seconds, watchdog / 2 if watchdog else math.inf)
    wait_for = [signalled, *([sys.stdin.fileno()] if until_stdin_ends and sys.stdin else [])]
    while True:
        ready = select.select(wait_for, [], [], pause)[0]
        if signalled in ready:
            numbers = os.read(signalled, 4096)  # a byte a signal
            terminal_is_gone = at_terminal and not os.isatty(sys.stderr.fileno())
            if any(number in numbers for number in _STOP) or terminal_is_gone:
                break
            if signal.SIGUSR1 in numbers:
                thread_stacks.dump_remaining()
            if signal.SIGHUP in numbers:
                server.reload_certificate()
        elif ready and not os.read(ready[0], 4096):
            break
        server.reload_accounts()
        if watchdog and server.health_problem() is None:
            service_manager.notify(service_manager.ALIVE)
    for number in (*_STOP, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # a second one ends the process at once
    service_manager.notify(service_manager.STOPPING)
    log.stopping()
    server.stop()
    if metrics is not None:
        metrics.stop()
    log.stopped()


def _demo_password_problem(accounts: Accounts) -> str | None:
    """Why these accounts can't be those of a server that others can reach, if so."""
    names = accounts_with_demo_password(accounts)
    if not names:
        return None
    return (
        f"the demo password, which everybody knows, is that of {', '.join(names)}; others can reach"
        " this server: change it with chat-server users passwd NAME, or remove the account"
    )


def _start_metrics(config: Config, server: ChatServer, log: EventLog) -> MetricsServer | None:
    """Answer /metrics and /healthz where that is wanted. Stops the server where it can't be."""
    if config.metrics is None:
        return None
    # Not before it is wanted: with the library this takes as long as the whole start without it.
    from chat_server.observability import Metrics, MetricsServer

    numbers = Metrics(server.measure, config.max_clients)
    try:
        metrics = MetricsServer(config.metrics, numbers.text, server.health_problem, log)
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


def _print_startup(server: ChatServer) -> None:
    """Tell on standard output what a person, or the program that started this, waits for."""
    lines = [
        f"[*] Chat server running on port {port}{' (TLS)' if endpoint.encrypted else ''}\n"
        for endpoint, port in server.listening
    ]
    if server.certificate is not None:
        lines.append(f"[*] Key fingerprint {server.certificate.fingerprint}\n")
    # In one piece: whoever waits for the first line may read no further.
    print("".join(lines), end="", flush=True)


def _log_startup(server: ChatServer, log: EventLog) -> None:
    for endpoint, port in server.listening:
        log.listening(endpoint.host, port, encrypted=endpoint.encrypted)
        if endpoint.is_public and not endpoint.encrypted:
            log.plaintext_public()
    if server.certificate is not None:
        log.key_fingerprint(server.certificate.fingerprint)
        server.check_certificate_expiry()
