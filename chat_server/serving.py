"""A server from its start to the signal that ends it: what the main thread does."""

from __future__ import annotations

import os
import select
import signal
import sys

import click

from chat_server.certificates import CertificateError
from chat_server.config import Config
from chat_server.endpoints import ListenError
from chat_server.event_log import EventLog
from chat_server.server import ChatServer
from chat_server.users import UsersFileError, UserStore


def serve(config: Config, *, until_stdin_ends: bool = False) -> None:
    """Run a server until a signal, or the end of standard input, asks it to stop. Main thread.

    Raises `click.UsageError` where the users file, the certificate or the address can't be used.
    """
    log = EventLog(level=config.log_level)
    try:
        server = ChatServer(config, UserStore(config.users), log)
        server.start()
    except (UsersFileError, CertificateError, ListenError) as error:
        raise click.UsageError(str(error)) from error
    except RuntimeError as error:
        raise click.UsageError(f"can't start: {error}") from error
    # A handler that did more than leave a byte could interrupt whoever holds the lock it needs.
    signalled, on_signal = os.pipe()
    os.set_blocking(on_signal, False)
    signal.set_wakeup_fd(on_signal, warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    at_terminal = sys.stderr is not None and sys.stderr.isatty()
    try:
        _announce(server)
    except OSError as error:
        server.stop()
        why = error.strerror or str(error)
        raise click.UsageError(f"can't write to standard output: {why}") from error
    _log_the_start(server, log)
    wait_for = [signalled, *([sys.stdin.fileno()] if until_stdin_ends and sys.stdin else [])]
    while True:
        ready = select.select(wait_for, [], [], config.users_check_seconds)[0]
        if signalled in ready:
            numbers = set(os.read(signalled, 4096))
            terminal_is_gone = at_terminal and not os.isatty(sys.stderr.fileno())
            if numbers - {signal.SIGHUP} or terminal_is_gone:
                break
            server.reload_certificate()
        elif ready and not os.read(ready[0], 4096):
            break
        server.look_at_users()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # a second one ends the process at once
    log.stopping()
    server.stop()
    log.stopped()


def _announce(server: ChatServer) -> None:
    """Tell on standard output what a person, or the program that started this, waits for."""
    lines = [
        f"[*] Chat server running on port {port}{' (TLS)' if endpoint.encrypted else ''}\n"
        for endpoint, port in server.listening
    ]
    if server.certificate is not None:
        lines.append(f"[*] Key fingerprint {server.certificate.fingerprint}\n")
    # In one piece: whoever waits for the first line may read no further.
    print("".join(lines), end="", flush=True)


def _log_the_start(server: ChatServer, log: EventLog) -> None:
    for endpoint, port in server.listening:
        log.running(endpoint.host, port, encrypted=endpoint.encrypted)
        if endpoint.is_public and not endpoint.encrypted:
            log.plaintext_is_public()
    if server.certificate is not None:
        log.certificate(server.certificate.fingerprint)
        server.look_at_certificate()
