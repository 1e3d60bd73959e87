"""Every limit and default of the server, each with its unit and its reason."""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from platformdirs import user_state_path

from chat_server.addresses import Network

DEFAULT_COST = 12
"""The bcrypt cost of a new hash, and of the hash for an unknown user if there is no account."""

LOWEST_COST = 4
"""Of a hash: what bcrypt has; for tests alone."""

HIGHEST_COST = 16
"""Of a hash: four seconds of one core. At bcrypt's own bound, 31, a login would take days."""

RESERVED_FILES = 64
"""Open files kept back from clients: for the log, the users file, pipes, the listener."""

MAX_CLIENTS = 10_000
"""Beyond this many threads nobody has measured the server."""


def clients_within_file_limit(max_clients: int = MAX_CLIENTS) -> int:
    """How many clients the limit on open files admits, after raising the soft limit as needed.

    At least 1, at most `most`. Changes the limit of this process.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = max_clients + RESERVED_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        # Some systems have a lower ceiling than they tell, and none counts as far as somebody may
        # ask for; then the soft limit stays what it was.
        with suppress(OSError, ValueError, OverflowError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, raised), hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return max_clients
    return max(1, min(max_clients, soft - RESERVED_FILES))


def state_folder() -> Path:
    """Where the server keeps what it makes for itself; it may not be there yet.

    The folder that systemd gave it, or else that of the XDG rules.
    """
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(given) if given else user_state_path("chat-server", appauthor=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What one server runs with. Times in seconds, sizes in bytes; 0 lifts a limit where said."""

    host: str = "127.0.0.1"
    """Address to listen on. On one that others can reach, TLS alone is spoken."""

    port: int = 9000
    """For plain text. 0: any free port."""

    insecure_plaintext: bool = False
    """Plain text also where others can reach it, and read along."""

    tls: bool = False
    """TLS beside plain text; on an address that others can reach it is spoken in any case."""

    tls_port: int = 9001
    """For TLS. 0: any free port."""

    tls_cert: Path | None = None
    """A certificate with its chain, in PEM. None: the server makes its own."""

    tls_key: Path | None = None
    """Its key, in PEM, without a password."""

    tls_handshake_seconds: float = 10.0
    """For a whole handshake: many times what the slowest line needs, and it is a stranger's."""

    state: Path = field(default_factory=state_folder)
    """Folder for what the server makes for itself: its key and its certificate."""

    users: Path = Path("users.json")
    """The accounts; in the working directory."""

    max_clients: int = field(default_factory=clients_within_file_limit)
    """Connections at once; a connection over it is told so and closed."""

    max_connections_per_ip: int = 16
    """One address must not take every place. 0: no limit."""

    limit_loopback: bool = False
    """Whether that limit holds for loopback too: many people may come through one proxy there."""

    connections_without_login: int = 32
    """Connections that one address may have in `connections_without_login_window` which end without
    a login; then it is refused. A client that asks a person for something may need three. 0: no
    limit."""

    connections_without_login_window: float = 600.0
    """Ten minutes: a scanner stays out, a person with a mistyped port is soon back."""

    limit_loopback_without_login: bool = False
    """Whether that limit holds for loopback too: something there may look every few seconds
    whether the server is well."""

    trusted: tuple[Network, ...] = ()
    """Networks that these two limits leave alone, as loopback is: a school behind one address.
    Their failed logins are counted all the same. No address in them can be banned."""

    operators: frozenset[str] = frozenset()
    """Accounts, by their canonical names, that may `/kick`, `/ban` and `/announce`."""

    rate: float = 10.0
    """Lines a second that a client may send in the long run: more than one types. 0: no limit."""

    burst: int = 20
    """Lines that a client may send at once: a small paste, a script's few lines."""

    login_failures: int = 10
    """Failed logins that one address may have in `login_failure_window`. 0: no limit."""

    login_failure_window: float = 600.0
    """Ten minutes: guessing becomes hopeless, a person who mistyped only waits a little."""

    outbox: int = 1024 * 1024
    """Backlog of one slow reader: some 10,000 lines. It bounds the memory a stuck client costs."""

    login_timeout: float = 30.0
    """Time to send the LOGIN line: long enough to type it at netcat, short enough for strangers."""

    log_level: str = "info"

    log_format: str = "text"
    """For eyes; `json` for programs."""

    metrics: int | None = None
    """Port of 127.0.0.1 for numbers and health, to anyone on this machine; 0: any free port.
    None: nothing listens, and nothing is timed."""

    stall_seconds: float = 5.0
    """A reader over a quarter of its outbox whose kernel took nothing for so long is cut."""

    throttle_seconds: float = 0.1
    """What a publisher waits, for all slow readers of a batch together, at the most."""

    throttle_recency: float = 1.0
    """Only readers that took something within this time are waited for."""

    linger_seconds: float = 1.0
    """So long, after the last line, is read away what comes, lest a reset destroy that line."""

    flush_seconds: float = 5.0
    """How long a server that stops tries to get its last lines out; and for a session that ends,
    how long its client may take nothing of them."""

    longest_flush_seconds: float = 60.0
    """A client that reads, if slowly, gets the last lines of its session for at most so long."""

    half_closed_seconds: float = 60.0
    """After an orderly close: so long what had come is still taken, at the allowed rate."""

    bcrypt_cost: int = DEFAULT_COST
    """The cost of a new hash, and what a stored one is raised to at a good login: each step doubles
    what a guess costs a thief of the users file, and a login the server. 12: a quarter second."""

    users_check_seconds: float = 0.5
    """How often the users file is looked at: the session of a disabled or removed account ends
    within a second, and an account is there as soon as one has walked over. A look is two calls of
    `stat`."""

    vanished_seconds: float = 105.0
    """So soon a client is found that vanished without a word: within the two minutes of section 5.
    It also ends one that lives but was suspended (Ctrl+Z) and has taken nothing for so long."""

    listen_backlog: int = 4096
    """With the default of 128, a thousand clients that reconnect at once wait for seconds."""

    stack_size: int = 256 * 1024
    """Of each thread: 8 MiB each would exhaust address space long before 10,000 clients."""

    switch_interval: float = 0.0005
    """A thread that gave the interpreter away for a send waits so long, at worst, to get it back;
    at the default of 5 ms one busy thread made a fan-out to 100 forty times slower."""

    switch_interval_per_client: float = 10e-6
    """And so much for each client, where that is more. A thread that waits for the interpreter
    wakes once an interval to ask for it. When 1,000 clients went away at once, all their threads
    asked every 0.5 ms, and the server did nothing else for 4 to 10 s; at 10 ms it took 0.1 s."""

    @property
    def lag_threshold(self) -> int:
        """Backlog in bytes above which a reader is slow: publishers wait and stalling counts."""
        return self.outbox // 4
