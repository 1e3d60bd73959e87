"""Checks whether the limits of this machine admit as many clients as the configuration does."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from typing import Final

from chat_server.accounts import default_workers
from chat_server.cli.findings import Finding, Severity
from chat_server.cli.host_limits import memory_limit, thread_limit
from chat_server.config import MAX_CLIENTS, RESERVED_FILES, Config

_BASE_THREADS: Final = 8
"""Threads in addition to clients and hashing: main, thread dump, acceptor, flusher, presence,
history, unread, and one to spare."""

_LOG_THREADS: Final = 2
"""Threads that write and read the log of several servers."""

_BASE_BYTES: Final = 45 * 2**20
"""Memory of a server without a client."""

_CLIENT_BYTES: Final = 90 * 2**10
"""Memory of a quiet client: 30 KB in the process, 60 KB in the kernel (docs/performance.md)."""

_INPUT_BYTES: Final = 256 * 2**10
"""Memory for the input of a client that is over its rate: two reads, and the lines of a part."""


def check_places(config: Config) -> Iterator[Finding]:
    """Report how the places are shared out."""
    users = config.max_clients - config.places_for_operators
    text = (
        f"{config.max_clients} places: {config.max_clients - config.places_for_members} at most"
        " for connections that have not logged in"
    )
    if config.places_for_operators:
        text += f", {users} at most for users that are not operators"
    yield Finding(Severity.OK, text)


def check_open_files(config: Config) -> Iterator[Finding]:
    """Check that the limit on open files admits the clients."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    admits = "any number" if soft == resource.RLIM_INFINITY else str(soft)
    needed = config.max_clients + RESERVED_FILES
    text = f"{config.max_clients} clients at once need {needed} open files; the limit is {admits}"
    if soft != resource.RLIM_INFINITY and needed >= soft and config.max_clients < MAX_CLIENTS:
        text += " (ulimit -n, LimitNOFILE= in systemd)"
    yield Finding(Severity.OK, text)


def check_threads(config: Config) -> Iterator[Finding]:
    """Check that every client can have a thread."""
    maximum = thread_limit()
    needed = config.max_clients + default_workers() + _BASE_THREADS
    needed += 0 if config.redis is None else _LOG_THREADS
    if maximum is None or needed <= maximum.value:
        limit = "unknown" if maximum is None else f"{maximum.value}, set by {maximum.source}"
        yield Finding(Severity.OK, f"{needed} threads at most; the limit is {limit}")
        return
    yield Finding(
        Severity.WARNING,
        f"{config.max_clients} clients need {needed} threads, but {maximum.source} admits"
        f" {maximum.value}: the server will reject further clients as full; raise the limit, or"
        " lower --max-clients",
    )


def check_memory(config: Config) -> Iterator[Finding]:
    """Estimate the memory with all clients connected, and in the worst case."""
    quiet = _BASE_BYTES + config.max_clients * _CLIENT_BYTES
    worst = quiet + config.max_clients * (config.outbox + _INPUT_BYTES)
    text = (
        f"memory: about {format_megabytes(quiet)} with {config.max_clients} clients,"
        f" {format_megabytes(worst)} if all of them are stuck"
    )
    limit = memory_limit()
    if limit is None:
        yield Finding(Severity.OK, text)
    elif quiet > limit.value:
        yield Finding(
            Severity.WARNING,
            f"{text}, but {limit.source} has {format_megabytes(limit.value)}; lower --max-clients",
        )
    else:
        yield Finding(Severity.OK, f"{text}; {limit.source} has {format_megabytes(limit.value)}")


def format_megabytes(size: int) -> str:
    """Return a number of bytes in MB or GB."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
