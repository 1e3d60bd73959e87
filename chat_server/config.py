"""The settings of the server: each default and limit, with its unit and its reason.

Creating a `Config` changes nothing in the process. Times are in seconds and sizes in bytes, except
those of the history: days and MiB.
"""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from platformdirs import user_state_path

from chat_server.addresses import Network
from chat_server.tuning import Tuning
from chat_server.wire import CLIENT_LINE_LIMIT

DEFAULT_COST = 12
"""bcrypt cost of a new hash, and of the dummy hash for an unknown user if there is no account."""

LOWEST_COST = 4
"""Lowest cost of a hash, which is bcrypt's own lower bound. For tests only."""

HIGHEST_COST = 16
"""Highest cost of a hash: 4 s of one core. At bcrypt's own bound, 31, a login would take days."""

RESERVED_FILES = 128
"""Open files that clients cannot use: for connections that are rejected or wait for admission, and
for the log, the users file, pipes and the listeners."""

OPERATOR_ENTRANCES = 8
"""Places for connections that have not logged in, while users have taken all others: one is enough
for an operator, and more of them protect the operator's login from a flood."""

MAX_CLIENTS = 10_000
"""Highest default of `max_clients`. The server was never measured with more threads than this."""


def clients_within_file_limit(max_clients: int = MAX_CLIENTS) -> int:
    """Return how many clients the soft limit on open files admits: 1 to `max_clients`."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return max_clients
    return max(1, min(max_clients, soft - RESERVED_FILES))


def state_folder() -> Path:
    """Return the folder for files that the server creates for itself. It may not exist yet.

    This is the folder that systemd assigned (`STATE_DIRECTORY`), or else the XDG state folder. If
    no home folder is known, as for a user id without an entry in the user database, it is a folder
    in the working directory, next to the users file.
    """
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given)
    try:
        return user_state_path("chat-server", appauthor=False)
    except RuntimeError:
        return Path("chat-server-state")


def default_history(users: Path) -> Path:
    """Return the history file of a server with this users file: `users.history.db` next to it."""
    return users.with_name(f"{users.stem}.history.db")


class HistoryFrom(Enum):
    """How far back a user may read, in addition to how long messages are kept."""

    START = "start"
    """To the start of what is kept."""
    ACCOUNT = "account"
    """To the creation of the user's account. Everything, if the users file does not say when."""
    VISIT = "visit"
    """To the user's first visit to the room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Settings of one server, which an operator sets by option, environment variable or file."""

    config_file: Path | None = None
    """The file that some of these settings came from. None: there is none."""

    host: str = "127.0.0.1"
    """Address to listen on. On an address that other machines can reach, only TLS is spoken."""

    port: int = 9000
    """Port for plain text. 0: any free port."""

    insecure_plaintext: bool = False
    """Speak plain text also on an address that other machines can reach. Others can read it."""

    tls: bool = False
    """Speak TLS as well as plain text. Not needed on an address that other machines can reach."""

    tls_port: int = 9001
    """Port for TLS. 0: any free port."""

    tls_cert: Path | None = None
    """Certificate with its chain, in PEM. None: the server creates its own."""

    tls_key: Path | None = None
    """Key of the certificate, in PEM, without a password."""

    state: Path = field(default_factory=state_folder)
    """Folder for files that the server creates for itself: its key and its certificate."""

    users: Path = Path("users.json")
    """The users file. A relative path counts from the working directory."""

    max_clients: int = field(default_factory=clients_within_file_limit)
    """Connections at once. The server rejects a connection over it with an error and closes it."""

    member_places: int | None = None
    """Places of `max_clients` that only clients that have logged in may take. None: a quarter. If
    the other places are taken, a new connection evicts one that has not logged in."""

    max_connections_per_ip: int = 16
    """Connections at once from one address, which must not take every place. 0: no limit."""

    limit_loopback: bool = False
    """Apply `max_connections_per_ip` to loopback too. Off: many users may come through one proxy
    there."""

    connections_without_login: int = 32
    """Connections of one address that may end without a login within
    `Tuning.connections_without_login_window`. Further ones are rejected. A client that prompts its
    user may need three for one login. 0: no limit."""

    limit_loopback_without_login: bool = False
    """Apply `connections_without_login` to loopback too. Off: a health check there may connect
    every few seconds."""

    trusted: tuple[Network, ...] = ()
    """Networks that are exempt from these two limits, as loopback is: a school behind one address.
    Their failed logins count all the same. No address in them can be banned."""

    operators: frozenset[str] = frozenset()
    """Accounts, by canonical name, that may use `/kick`, `/ban` and `/announce`."""

    rate: float = 10.0
    """Lines per second that a client may send in the long run: more than a user types. 0: no
    limit."""

    burst: int = 20
    """Lines that a client may send at once: a small paste, or the few lines of a script."""

    byte_rate: float | None = None
    """Bytes per second that a logged-in client may send in the long run, TLS records included. At
    once it may send `burst` lines of full length. None: `rate` lines of full length. 0: no
    limit."""

    login_failures: int = 10
    """Failed logins of one address within `Tuning.login_failure_window`. 0: no limit."""

    remember_logins: float = 600.0
    """Time after the end of a user's session in which the same password is accepted without a new
    hash. Three hundred users that lose the network at once would wait a minute for their hashes.
    Longer than a network is away, and short for what a copy of the memory reveals. 0: off."""

    outbox: int = 1024 * 1024
    """Largest backlog of a slow reader: about 10,000 lines. It bounds the memory that a stuck
    client costs."""

    login_timeout: float = 30.0
    """Time to send the LOGIN line: enough to type it in netcat, and short for unknown peers."""

    log_level: str = "info"
    """Lowest level that is logged, one of `observability.LEVELS`."""

    log_format: str = "text"
    """`text` for people or `json` for programs."""

    metrics: int | None = None
    """Port of 127.0.0.1 for metrics and health, open to every user of this machine. 0: any free
    port. None: the server neither listens there nor times anything."""

    history: Path | None = None
    """File of the history. None: no message is kept. The command line keeps them by default, in
    `default_history(users)`; a server that is started by a program has to ask."""

    history_days: int = 30
    """Days that messages are kept: a month of holidays. 0: no bound."""

    history_messages: int = 100_000
    """Messages that are kept of each room, so one busy room does not displace the others. 0: no
    bound."""

    history_size: int = 1024
    """Size of the history file in MiB, about 4 million messages. The oldest messages go first. 0:
    no bound."""

    history_from: HistoryFrom = HistoryFrom.START
    """How far back a user may read."""

    redis: str | None = None
    """URL of the Redis that several servers share, without a password: `redis://`, `rediss://`,
    `unix://` or `redis+sentinel://`. None: this server is the only one."""

    redis_password_file: Path | None = None
    """File with the password for Redis. None: the environment variable, or no password."""

    redis_ca: Path | None = None
    """Certificates that sign the one of Redis, in PEM. None: those that the system trusts."""

    node: str = ""
    """Name of this server among those that share a Redis. Empty: the host name and the port."""

    trusted_proxies: tuple[Network, ...] = ()
    """Networks of load balancers. Their connections must begin with the PROXY protocol, version 1
    or 2, which names the client's address. It is rejected from anywhere else."""

    bcrypt_cost: int = DEFAULT_COST
    """Cost of a new hash. A stored hash of a lower cost is raised to it at a successful login. Each
    step doubles what a guess costs a thief of the users file, and what a login costs the server.
    12 takes a quarter of a second."""

    tuning: Tuning = field(default_factory=Tuning)

    @property
    def places_for_members(self) -> int:
        """Places that only clients that have logged in may take; fewer than `max_clients`."""
        share = self.max_clients // 4 if self.member_places is None else self.member_places
        return min(share, self.max_clients - 1)

    @property
    def places_for_operators(self) -> int:
        """Places that users who are not operators cannot take.

        One for each operator, and some for connections that have not logged in. At most a quarter
        of all, or half on a server with few places for many operators. None without operators.
        """
        operators = len(self.operators)
        if not operators:
            return 0
        share = max(self.max_clients // 4, min(operators + 1, self.max_clients // 2))
        return min(operators + OPERATOR_ENTRANCES, share)

    @property
    def input_rate(self) -> float:
        """Bytes per second that a logged-in client may send; 0: no limit."""
        return self.rate * CLIENT_LINE_LIMIT if self.byte_rate is None else self.byte_rate

    @property
    def input_burst(self) -> int:
        """Bytes that a logged-in client may send at once."""
        return self.burst * CLIENT_LINE_LIMIT

    @property
    def lag_threshold(self) -> int:
        """Backlog in bytes above which a reader is slow: publishers wait and stalling counts."""
        return self.outbox // 4
