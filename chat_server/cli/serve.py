"""The main thread of a server, from its start to the signal that ends it."""

from __future__ import annotations

import math
import os
import select
import signal
import sys
from typing import TYPE_CHECKING, Final

import click

from chat_server.accounts import Accounts, UsersFileError, exposure_problems, open_accounts
from chat_server.cli import systemd, thread_dump
from chat_server.cli.preflight import metrics_port_problem
from chat_server.cluster_node import JoinError
from chat_server.config import Config
from chat_server.core import reload_time_zone
from chat_server.history import HistoryInUseError
from chat_server.net import CertificateError, ListenError, endpoints
from chat_server.observability import EventLog
from chat_server.server import ChatServer
from chat_server.strict_modes import mode_problems

if TYPE_CHECKING:
    from chat_server.observability import MetricsServer

_START_ERRORS: Final = (
    CertificateError,
    HistoryInUseError,
    JoinError,
    ListenError,
    UsersFileError,
)
"""Their texts are for the operator."""

_STOP: Final = (signal.SIGINT, signal.SIGTERM)


def serve(config: Config, *, until_stdin_ends: bool = False) -> None:
    """Run a server until a signal or, if requested, the end of standard input. Main thread.

    Raises `click.UsageError` if the users file, the certificate or the address cannot be used.
    """

    def reject_exposed(accounts: Accounts) -> str | None:
        """Return why a server that others can reach must not use these accounts, or None."""
        return next(exposure_problems(config.users, accounts), None)

    log = EventLog(level=config.log_level, log_format=config.log_format)
    try:
        thread_dump.dump_on_signal(config.log_format)
        # Resolve once. A second lookup could return another address, which was not checked.
        targets = endpoints(config)
        public = any(endpoint.is_public for endpoint in targets)
        if public and config.config_file is not None:
            for problem in mode_problems(config.config_file):
                raise click.UsageError(str(problem))
        accounts = open_accounts(config, reject_exposed if public else None)
        server = ChatServer(config, accounts, log)
        server.start(targets)
    except _START_ERRORS as error:
        raise click.UsageError(str(error)) from error
    except RuntimeError as error:
        raise click.UsageError(f"can't start: {error}") from error
    metrics = _start_metrics(config, server, log)
    # Signal handlers only leave a byte. A handler that took a lock could interrupt its holder.
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
    systemd.notify(systemd.READY)
    watchdog = systemd.watchdog_seconds()
    # Half of the watchdog's time, so that one slow iteration does not end the server.
    pause = min(config.tuning.users_check_seconds, watchdog / 2 if watchdog else math.inf)
    wait_for = [signalled, *([sys.stdin.fileno()] if until_stdin_ends and sys.stdin else [])]
    while True:
        ready = select.select(wait_for, [], [], pause)[0]
        if signalled in ready:
            numbers = os.read(signalled, 4096)  # one byte per signal
            terminal_closed = at_terminal and not os.isatty(sys.stderr.fileno())
            if any(number in numbers for number in _STOP) or terminal_closed:
                break
            if signal.SIGHUP in numbers:
                server.reload_certificate()
                server.report_exposure()
        elif ready and not os.read(ready[0], 4096):
            break
        reload_time_zone()
        server.reload_accounts()
        if watchdog and server.defect() is None:
            systemd.notify(systemd.ALIVE)
    for number in (*_STOP, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # a second one ends the process at once
    systemd.notify(systemd.STOPPING)
    log.stopping()
    server.stop()
    if metrics is not None:
        metrics.stop()
    log.stopped()


def _start_metrics(config: Config, server: ChatServer, log: EventLog) -> MetricsServer | None:
    """Serve /metrics and /healthz if requested. Stop the server if that fails."""
    if config.metrics is None:
        return None
    # Import on demand: loading the library takes as long as the rest of the start.
    from chat_server.observability import Metrics, MetricsServer

    collected = Metrics(server.measure, config.max_clients)
    try:
        metrics = MetricsServer(
            config.metrics, collected.text, server.health_problem, log, server.degradation
        )
        metrics.start()
    except (OSError, RuntimeError) as error:
        server.stop()
        raise click.UsageError(metrics_port_problem(config.metrics, error)) from error
    server.time_fan_out(collected.observe_fan_out)
    return metrics


def _print_startup(server: ChatServer) -> None:
    """Print what a user, or the parent process, waits for on standard output."""
    lines = [
        f"[*] Chat server running on port {port}{' (TLS)' if endpoint.encrypted else ''}\n"
        for endpoint, port in server.listening
    ]
    if server.certificate is not None:
        lines.append(f"[*] Key fingerprint {server.certificate.fingerprint}\n")
    # A host name with several addresses has the same port on each.
    # Write all lines at once: a reader of the first line may not read any further.
    print("".join(dict.fromkeys(lines)), end="", flush=True)


def _log_startup(server: ChatServer, log: EventLog) -> None:
    if os.geteuid() == 0:
        log.running_as_root()
    for endpoint, port in server.listening:
        log.listening(endpoint.address, port, encrypted=endpoint.encrypted)
    if server.history_file is not None:
        log.history_opened(str(server.history_file))
    if any(endpoint.is_public and not endpoint.encrypted for endpoint, _ in server.listening):
        log.plaintext_public()
    if server.certificate is not None:
        log.key_fingerprint(server.certificate.fingerprint)
        server.check_certificate_expiry()
