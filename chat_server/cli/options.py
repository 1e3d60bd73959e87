"""The options of the server: each is a field of `Config` and an environment variable."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import click

from chat_server.cli.option_types import (
    ACCOUNT_LIST,
    NETWORK_LIST,
    OFF,
    NodeName,
    OptionalFile,
    RedisUrlText,
    merge_uses,
)
from chat_server.config import (
    HIGHEST_COST,
    LOWEST_COST,
    MAX_CLIENTS,
    Config,
    HistoryFrom,
    clients_within_file_limit,
    default_history,
)
from chat_server.observability import FORMATS, LEVELS

_DEFAULTS: Final = Config(max_clients=1)


class _FiniteFloatRange(click.FloatRange):
    """A number within bounds. NaN is rejected."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Convert like `click.FloatRange`, whose bounds do not exclude a NaN."""
        try:
            number = float(super().convert(value, param, ctx))
        except OverflowError:  # a whole number of more than 308 digits
            self.fail(f"{str(value)[:20]}... is too large", param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


_OPTIONS: Final = (
    click.option("--host", default=_DEFAULTS.host, show_default=True, help="Address to listen on."),
    click.option(
        "--port",
        type=click.IntRange(0, 65535),
        default=_DEFAULTS.port,
        show_default=True,
        help="Port for plain text; 0: any free port.",
    ),
    click.option(
        "--tls",
        is_flag=True,
        help="Speak TLS as well, on its own port. Not needed on an address that others can reach,"
        " where only TLS is spoken.",
    ),
    click.option(
        "--tls-port",
        type=click.IntRange(0, 65535),
        default=_DEFAULTS.tls_port,
        show_default=True,
        help="Port for TLS; 0: any free port.",
    ),
    click.option(
        "--tls-cert",
        type=click.Path(path_type=Path, readable=False),
        show_default="a self-signed certificate",
        metavar="FILE",
        help="Certificate with its chain, in PEM format.",
    ),
    click.option(
        "--tls-key",
        type=click.Path(path_type=Path, readable=False),
        metavar="FILE",
        help="Key of --tls-cert, in PEM format, without a password.",
    ),
    click.option(
        "--insecure-plaintext",
        is_flag=True,
        help="Speak plain text also on an address that others can reach. They can read it.",
    ),
    click.option(
        "--state",
        type=click.Path(path_type=Path, file_okay=False),
        default=_DEFAULTS.state,
        show_default=True,
        metavar="FOLDER",
        help="Folder for the server's own key and certificate.",
    ),
    click.option(
        "--users",
        "users",
        envvar="CHAT_SERVER_USERS",
        type=click.Path(path_type=Path, readable=False),
        default=_DEFAULTS.users,
        show_default="users.json in the working directory",
        metavar="FILE",
        help="Users file, which holds the accounts.",
    ),
    click.option(
        "--max-clients",
        type=click.IntRange(1),
        default=None,
        show_default=f"{MAX_CLIENTS}, or what the open-file limit admits",
        help="Most connections at once.",
    ),
    click.option(
        "--member-places",
        type=click.IntRange(0),
        default=None,
        show_default="a quarter of --max-clients",
        help="Places that only clients that have logged in may take.",
    ),
    click.option(
        "--max-connections-per-ip",
        type=click.IntRange(0),
        default=None,
        show_default=f"{_DEFAULTS.max_connections_per_ip}, loopback exempt unless given",
        help="Most connections at once from one address; 0: no limit.",
    ),
    click.option(
        "--connections-without-login",
        type=click.IntRange(0),
        default=None,
        show_default=f"{_DEFAULTS.connections_without_login}, loopback exempt unless given",
        help="Connections from an address that may end without login in 10 minutes; 0: no limit.",
    ),
    click.option(
        "--trusted",
        type=NETWORK_LIST,
        multiple=True,
        callback=merge_uses,
        show_default="loopback only",
        metavar="NETWORK",
        help="Network that is exempt from these two limits, such as 10.1.0.0/16. May be given"
        " several times.",
    ),
    click.option(
        "--trusted-proxy",
        type=NETWORK_LIST,
        multiple=True,
        callback=merge_uses,
        show_default="none",
        metavar="NETWORK",
        help="Network of a load balancer, whose connections must begin with a PROXY header. May be"
        " given several times.",
    ),
    click.option(
        "--operators",
        type=ACCOUNT_LIST,
        multiple=True,
        callback=merge_uses,
        show_default="none",
        metavar="USER,...",
        help="Accounts that may /kick, /ban and /announce.",
    ),
    click.option(
        "--rate",
        type=_FiniteFloatRange(0, max=1e9),
        default=_DEFAULTS.rate,
        show_default=True,
        help="Lines a second that a client may send; 0: no limit.",
    ),
    click.option(
        "--burst",
        type=click.IntRange(1, 10**9),
        default=_DEFAULTS.burst,
        show_default=True,
        help="Lines that a client may send at once.",
    ),
    click.option(
        "--byte-rate",
        type=_FiniteFloatRange(0, max=1e12),
        default=None,
        show_default="lines of 4096 bytes at --rate",
        metavar="BYTES",
        help="Bytes a second that a logged-in client may send; 0: no limit.",
    ),
    click.option(
        "--login-failures",
        type=click.IntRange(0),
        default=_DEFAULTS.login_failures,
        show_default=True,
        help="Failed logins of one address in 10 minutes; 0: no limit.",
    ),
    click.option(
        "--bcrypt-cost",
        type=click.IntRange(LOWEST_COST, HIGHEST_COST),
        default=_DEFAULTS.bcrypt_cost,
        show_default=True,
        help="Cost of new password hashes. A lower one is raised to it at a successful login.",
    ),
    click.option(
        "--outbox",
        type=click.IntRange(16 * 1024, 2**40),
        default=_DEFAULTS.outbox,
        show_default=True,
        metavar="BYTES",
        help="Largest backlog of a slow reader.",
    ),
    click.option(
        "--login-timeout",
        type=_FiniteFloatRange(0, min_open=True, max=86400),
        default=_DEFAULTS.login_timeout,
        show_default=True,
        metavar="SECONDS",
        help="Time to send the LOGIN line.",
    ),
    click.option(
        "--remember-logins",
        type=_FiniteFloatRange(0, max=86400),
        default=_DEFAULTS.remember_logins,
        show_default=True,
        metavar="SECONDS",
        help="After a session: time in which its user logs in again without a new hash; 0: off.",
    ),
    click.option(
        "--history",
        type=OptionalFile(),
        default=None,
        show_default="users.history.db next to the users file users.json",
        metavar="FILE|off",
        help="File in which messages are kept, or off to keep none.",
    ),
    click.option(
        "--history-days",
        type=click.IntRange(0, 36_500),
        default=_DEFAULTS.history_days,
        show_default=True,
        metavar="DAYS",
        help="Days that messages are kept; 0: no bound.",
    ),
    click.option(
        "--history-messages",
        type=click.IntRange(0, 10**9),
        default=_DEFAULTS.history_messages,
        show_default=True,
        help="Messages that are kept of each room; 0: no bound.",
    ),
    click.option(
        "--history-size",
        type=click.IntRange(0, 2**20),
        default=_DEFAULTS.history_size,
        show_default=True,
        metavar="MIB",
        help="Size of the history file in MiB; 0: no bound.",
    ),
    click.option(
        "--history-from",
        type=click.Choice([each.value for each in HistoryFrom]),
        default=_DEFAULTS.history_from.value,
        show_default=True,
        help="How far back a user may read: to the start of what is kept, to the creation of the"
        " account, or to the first visit to the room.",
    ),
    click.option(
        "--redis",
        type=RedisUrlText(),
        default=None,
        show_default="off: this server is the only one",
        metavar="URL",
        help="Redis that several servers share, so that they are one chat: redis://HOST,"
        " rediss://HOST with TLS, unix:///PATH, or redis+sentinel://HOST,HOST/NAME. Without a"
        " password.",
    ),
    click.option(
        "--redis-password-file",
        type=click.Path(path_type=Path, readable=False),
        default=None,
        show_default="the variable CHAT_SERVER_REDIS_PASSWORD, or none",
        metavar="FILE",
        help="File with the password for --redis.",
    ),
    click.option(
        "--redis-ca",
        type=click.Path(path_type=Path, readable=False),
        default=None,
        show_default="the authorities that the system trusts",
        metavar="FILE",
        help="Certificates of the authority that signed the one of --redis, in PEM format.",
    ),
    click.option(
        "--node",
        type=NodeName(),
        default=None,
        show_default="the host name and the port",
        metavar="NAME",
        help="Name of this server among those that share --redis. Each has its own.",
    ),
    click.option(
        "--log-level",
        type=click.Choice(LEVELS),
        default=_DEFAULTS.log_level,
        show_default=True,
        help="Lowest level that is logged to standard error.",
    ),
    click.option(
        "--log-format",
        type=click.Choice(FORMATS),
        default=_DEFAULTS.log_format,
        show_default=True,
        help="One sentence a line for people, or one JSON object a line for programs.",
    ),
    click.option(
        "--metrics",
        type=click.IntRange(0, 65535),
        default=None,
        show_default="off",
        metavar="PORT",
        help="Port of 127.0.0.1 for /metrics (Prometheus) and /healthz; 0: any free port.",
    ),
)


def server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add all options of the server to a command, in the order of `--help`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def build_config(values: Mapping[str, Any], config_file: Path | None = None) -> Config:
    """Return the configuration for these option values, by parameter name.

    `config_file`: the file that some of them came from.
    The caller has called `raise_file_limit`. Raises `click.UsageError` if the values contradict
    each other or if the limit on open files is too low for `--max-clients`.
    """
    if (values["tls_cert"] is None) != (values["tls_key"] is None):
        raise click.UsageError(
            "`--tls-cert` and `--tls-key` must be used together. Set both or neither."
        )
    _check_redis(values)
    max_clients = _max_clients(values["max_clients"])
    member_places = values["member_places"]
    if member_places is not None and member_places >= max_clients:
        raise click.UsageError(
            f"`--member-places {member_places}` leaves no place for a connection that has not"
            f" logged in yet. Set it below `--max-clients`, which is {max_clients}."
        )
    max_connections = values["max_connections_per_ip"]
    without_login = values["connections_without_login"]
    return Config(
        **{
            **{name: value for name, value in values.items() if name != "trusted_proxy"},
            "config_file": config_file,
            "max_clients": max_clients,
            "max_connections_per_ip": _DEFAULTS.max_connections_per_ip
            if max_connections is None
            else max_connections,
            "limit_loopback": max_connections is not None,
            "connections_without_login": (
                _DEFAULTS.connections_without_login if without_login is None else without_login
            ),
            "limit_loopback_without_login": without_login is not None,
            "trusted_proxies": values["trusted_proxy"],
            "operators": frozenset(values["operators"]),
            "history": history_file(values["history"], values["users"]),
            "history_from": HistoryFrom(values["history_from"]),
            "node": values["node"] or _DEFAULTS.node,
        }
    )


def _check_redis(values: Mapping[str, Any]) -> None:
    """Check that no setting for Redis is given in vain. Raises `click.UsageError`."""
    url = values["redis"]
    for name in ("redis_password_file", "redis_ca", "node"):
        if values[name] and url is None:
            option = f"--{name.replace('_', '-')}"
            raise click.UsageError(f"`{option}` has no effect without `--redis`. Add `--redis`.")
    if values["redis_ca"] is not None and not url.lower().startswith("rediss"):
        raise click.UsageError(
            "`--redis-ca` is for a connection with TLS. Write `rediss://` in `--redis`."
        )


def history_file(chosen: Path | str | None, users: Path) -> Path | None:
    """Return the history file, or None for `off`. `chosen`: the value of `--history`."""
    if chosen is None:
        return default_history(users)
    return None if chosen == OFF else Path(chosen)


def _max_clients(requested: int | None) -> int:
    if requested is None:
        return clients_within_file_limit()
    possible = clients_within_file_limit(requested)
    if possible < requested:
        raise click.UsageError(
            f"`--max-clients {requested}` exceeds the open-file limit, which admits {possible}."
            " Raise the limit with `ulimit -n`, or lower `--max-clients`."
        )
    return requested
