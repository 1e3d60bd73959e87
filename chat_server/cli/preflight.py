"""Checks for whatever would keep a server with this configuration from starting or serving well.

They do not start a server, create a file or keep a port.
"""

from __future__ import annotations

import os
import shlex
import socket
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from chat_server.accounts import (
    Accounts,
    UsersFileError,
    demo_password_problem,
    exposure_problems,
    read_accounts,
)
from chat_server.addresses import LOOPBACK
from chat_server.cli.capacity_checks import (
    check_memory,
    check_open_files,
    check_places,
    check_threads,
    format_megabytes,
)
from chat_server.cli.findings import Finding, Severity, exposure
from chat_server.cli.redis_check import check_redis
from chat_server.config import Config
from chat_server.escape import one_line, quoted
from chat_server.history import (
    HistoryFile,
    HistoryFileError,
    HistoryInUseError,
    StoreError,
)
from chat_server.net import (
    SELF_SIGNED_CERTIFICATE,
    SELF_SIGNED_KEY,
    CertificateError,
    Endpoint,
    ListenError,
    MissingFiles,
    bind,
    endpoints,
    load_certificate,
    missing_files,
    open_all,
)
from chat_server.observability import METRICS_HOST
from chat_server.strict_modes import mode_problems

_WIDE_PREFIX_LENGTH: Final = {4: 8, 6: 32}
"""A trusted network with a shorter prefix contains a large part of the internet."""


def check_listening(config: Config) -> Iterator[Finding]:
    """Check that the addresses are local and their ports are free."""
    try:
        targets = endpoints(config)
    except ListenError as error:
        yield Finding(Severity.ERROR, str(error))
        return
    try:
        bound, skipped = open_all(targets, bind)
    except ListenError as error:
        yield from _describe_all_failures(targets, error)
        return
    for each in bound:
        each.close()
    for endpoint in bound.values():
        how = "TLS" if endpoint.encrypted else "plain text"
        free = "any free port" if endpoint.port == 0 else "which is free"
        yield Finding(
            Severity.OK,
            f"would listen on {endpoint.shown} port {endpoint.port}, {how}, {free}",
        )
    for problem in skipped.values():
        yield Finding(Severity.WARNING, f"would not listen on all addresses: {problem}")
    if any(endpoint.is_public and not endpoint.encrypted for endpoint in bound.values()):
        yield Finding(
            Severity.WARNING,
            "plain text on an address that others can reach: they can read every password and"
            " every message",
        )


def _describe_all_failures(targets: Sequence[Endpoint], first: ListenError) -> Iterator[Finding]:
    """Try each endpoint on its own. `open_all` ends with the first one that fails."""
    found = {str(first): Severity.ERROR}
    for endpoint in targets:
        try:
            bind(endpoint).close()
        except ListenError as error:
            is_skipped = error.is_address_missing and not first.is_address_missing
            found.setdefault(str(error), Severity.WARNING if is_skipped else Severity.ERROR)
    for text, severity in found.items():
        yield Finding(severity, text)


def metrics_port_problem(port: int, error: Exception) -> str:
    """Return the error for a port of `--metrics` that cannot be used."""
    why = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return f"can't listen on {METRICS_HOST} port {port} for --metrics: {why}; choose another port"


def check_metrics(config: Config) -> Iterator[Finding]:
    """Check that the port for metrics is free."""
    if not config.metrics:
        return
    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((METRICS_HOST, config.metrics))
        except OSError as error:
            yield Finding(Severity.ERROR, metrics_port_problem(config.metrics, error))
        else:
            yield Finding(
                Severity.OK,
                f"would serve metrics on {METRICS_HOST} port {config.metrics}, which is free",
            )


def check_certificate(config: Config) -> Iterator[Finding]:
    """Check that there is a usable certificate, or that one could be created."""
    if not _uses_tls(config):
        return
    try:
        if config.tls_cert is not None and config.tls_key is not None:
            loaded = load_certificate(config.tls_cert, config.tls_key)
        elif (missing := missing_files(config.state)) is not MissingFiles.NOTHING:
            yield from _check_state(config.state, missing)
            return
        else:
            loaded = load_certificate(
                config.state / SELF_SIGNED_CERTIFICATE, config.state / SELF_SIGNED_KEY
            )
    except CertificateError as error:
        yield Finding(Severity.ERROR, str(error))
        return
    until = loaded.not_after.date().isoformat()
    if loaded.has_expired:
        yield Finding(Severity.WARNING, f"certificate {loaded.path} expired on {until}; renew it")
    elif loaded.not_before > datetime.now(UTC):
        begins = loaded.not_before.date().isoformat()
        yield Finding(
            Severity.WARNING,
            f"certificate {loaded.path} is not valid before {begins}: clients will reject it",
        )
    else:
        yield Finding(
            Severity.OK, f"certificate {loaded.path}: valid until {until}, key {loaded.fingerprint}"
        )
    if loaded.key_is_exposed:
        yield Finding(
            Severity.WARNING,
            f"key {loaded.key}: open to other users of this machine (mode {loaded.key_mode:04o})",
        )
    for problem in loaded.key_mode_problems:
        yield Finding(_exposure_severity(config), f"key {problem}")


def _check_state(folder: Path, missing: MissingFiles) -> Iterator[Finding]:
    """Check that the server can create the missing files there."""
    what = (
        "a key and a self-signed certificate in"
        if missing is MissingFiles.BOTH
        else f"another certificate for the key {SELF_SIGNED_KEY} in"
    )
    existing = folder
    while not os.path.lexists(existing) and existing != existing.parent:
        existing = existing.parent
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        yield Finding(Severity.OK, f"would create {what} {folder}")
    else:
        yield Finding(
            Severity.ERROR,
            f"can't create {what} {folder}: {existing} can't be written; name another"
            " folder with --state, or a certificate with --tls-cert and --tls-key",
        )


def _uses_tls(config: Config) -> bool:
    try:
        return any(endpoint.encrypted for endpoint in endpoints(config))
    except ListenError:
        return False  # reported by check_listening


def _is_public(config: Config) -> bool:
    try:
        return any(endpoint.is_public for endpoint in endpoints(config))
    except ListenError:
        return False


def _exposure_severity(config: Config) -> Severity:
    """Return the severity of what only a server on loopback may use."""
    return Severity.ERROR if _is_public(config) else Severity.WARNING


def check_user(_: Config) -> Iterator[Finding]:
    """Check that the server does not run as root."""
    if os.geteuid() == 0:
        yield Finding(
            Severity.WARNING,
            "running as root: a defect in the server would give away the whole machine; run it as"
            " a user of its own",
        )


def check_config_file(config: Config) -> Iterator[Finding]:
    """Check that other users cannot write the configuration file."""
    if config.config_file is not None:
        for problem in mode_problems(config.config_file):
            yield Finding(_exposure_severity(config), f"configuration file {problem}")


def check_accounts(config: Config) -> Iterator[Finding]:
    """Check the accounts, and that every operator has one."""
    if config.redis is None:
        yield from check_users(config)
        yield from check_operators(config)
        return
    accounts: list[Accounts] = []
    yield from check_redis(config, accounts.append)
    if not accounts:  # the first server imports the users file
        yield from check_users(config)
        yield from check_operators(config)
        return
    problem = demo_password_problem(accounts[0])
    if problem is not None:
        yield Finding(_exposure_severity(config), f"the accounts in Redis: {problem}")
    yield from _operators_without_account(config, accounts[0])


def check_users(config: Config) -> Iterator[Finding]:
    """Check that the users file is usable, and which other users can read it."""
    path = one_line(str(config.users))
    try:
        accounts = read_accounts(config.users)
        mode = os.stat(config.users).st_mode
    except UsersFileError as error:
        yield Finding(Severity.ERROR, f"users file {error}")
        return
    except OSError as error:
        yield Finding(Severity.ERROR, f"users file {path}: {error.strerror}")
        return
    if not accounts:
        yield Finding(
            Severity.ERROR,
            f"users file {path}: has no account; create one with: chat-server users add NAME"
            f" --users {shlex.quote(str(config.users))}",
        )
        return
    count = "1 account" if len(accounts) == 1 else f"{len(accounts)} accounts"
    yield Finding(Severity.OK, f"users file {path}: {count}")
    yield from exposure("users file", config.users, mode)
    for problem in exposure_problems(config.users, accounts):
        yield Finding(_exposure_severity(config), f"users file {path}: {problem}")


def check_history(config: Config) -> Iterator[Finding]:
    """Check that the history file is usable, and report how much is kept."""
    if config.history is None:
        yield Finding(Severity.OK, "history is off: no message is kept")
        return
    # Loaded on demand: without history the library is not needed.
    from chat_server.history.sqlite import check_file

    shown = f"history file {one_line(str(config.history))}"
    file = HistoryFile(config.history)
    try:
        file.check()
        if file.size():
            check_file(config.history)
        free = file.free_bytes()
    except HistoryInUseError as error:
        yield Finding(Severity.ERROR, str(error))
        return
    except (HistoryFileError, StoreError, OSError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        yield Finding(Severity.WARNING, f"{shown}: {why}; a start would go on without history")
        return
    size = format_megabytes(file.size()) if file.size() else "would be created"
    yield Finding(Severity.OK, f"{shown}: {size}; keeps {_retention(config)}")
    needed = config.tuning.history_free_bytes
    if free < needed:
        yield Finding(
            Severity.WARNING,
            f"{shown}: {free >> 20} MiB are free on its disk; storing pauses below {needed >> 20}",
        )


def _retention(config: Config) -> str:
    bounds = (
        (config.history_days, "days"),
        (config.history_messages, "messages of each room"),
        (config.history_size, "MiB"),
    )
    texts = [f"{number} {what}" for number, what in bounds if number]
    return ", ".join(texts) or "everything"


def check_operators(config: Config) -> Iterator[Finding]:
    """Check that every operator has an account."""
    try:
        accounts: Accounts = read_accounts(config.users)
    except UsersFileError:
        return  # reported by check_users
    yield from _operators_without_account(config, accounts)


def _operators_without_account(config: Config, accounts: Accounts) -> Iterator[Finding]:
    for name in sorted(config.operators):
        if name not in accounts:
            yield Finding(Severity.WARNING, f"operator {quoted(name)} has no account")
    known = sorted(config.operators.intersection(accounts))
    if known:
        yield Finding(Severity.OK, f"operators: {', '.join(known)}")


def check_trusted(config: Config) -> Iterator[Finding]:
    """Report the limits by address, and the networks that they exempt."""
    exempt_networks = [str(network) for network in config.trusted]
    limits = (
        (config.max_connections_per_ip, "connections at once", config.limit_loopback),
        (
            config.connections_without_login,
            "connections without a login in 10 minutes",
            config.limit_loopback_without_login,
        ),
    )
    for maximum, what, counts_loopback in limits:
        if maximum == 0:
            yield Finding(Severity.OK, f"each address may have any number of {what}")
            continue
        exempt = ", ".join([*exempt_networks, *([] if counts_loopback else ["loopback"])])
        yield Finding(
            Severity.OK, f"each address may have {maximum} {what}{exempt and f'; exempt: {exempt}'}"
        )
    for network in config.trusted:
        if network.prefixlen < _WIDE_PREFIX_LENGTH[network.version] and network not in LOOPBACK:
            yield Finding(
                Severity.WARNING,
                f"trusted network {network} contains a large part of the internet:"
                " no limit on connections applies to it",
            )
    for network in config.trusted_proxies:
        yield Finding(Severity.OK, f"connections from {network} must begin with a PROXY header")
        if network.prefixlen < _WIDE_PREFIX_LENGTH[network.version] and network not in LOOPBACK:
            yield Finding(
                Severity.WARNING,
                f"trusted proxy {network} contains a large part of the internet: its hosts can"
                " claim any address; name the load balancers alone",
            )


CHECKS: Final[tuple[Callable[[Config], Iterator[Finding]], ...]] = (
    check_listening,
    check_metrics,
    check_user,
    check_config_file,
    check_certificate,
    check_accounts,
    check_history,
    check_trusted,
    check_places,
    check_open_files,
    check_threads,
    check_memory,
)
"""All checks, in the order of the report."""
