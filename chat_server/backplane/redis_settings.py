"""Where Redis is and how to log in there: the URL, the password and the certificates. No network.

    redis://[USER@]HOST[:PORT][/DATABASE]            plain text, port 6379
    rediss://...                                     TLS
    redis+sentinel://[USER@]HOST[:PORT],.../SERVICE[/DATABASE]    port 26379
    rediss+sentinel://...                            TLS to the Sentinels and to Redis
    unix://[USER@]/PATH[?db=DATABASE]                a Unix socket

A URL never holds a password: it is shown in logs, in errors and by `ps`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from chat_server.escape import one_line, quoted
from chat_server.files import NotRegularFileError, read_regular

PASSWORD_VARIABLE: Final = "CHAT_SERVER_REDIS_PASSWORD"
"""The environment variable with the password, if no file is named."""

_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379

_MAX_PASSWORD_BYTES: Final = 4096
"""Most bytes of a password file. A larger one is not a password file."""

_SCHEMES: Final = ("redis", "rediss", "redis+sentinel", "rediss+sentinel", "unix")

_EXAMPLE: Final = (
    "redis://HOST:6379, rediss://HOST:6379, redis+sentinel://HOST,HOST/NAME or unix:///PATH"
)

_HOST: Final = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\s:@/\[\]]+))(?::(?P<port>.*))?"
)


class RedisSettingsError(Exception):
    """The URL or the password cannot be used. The text is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """A parsed URL."""

    addresses: tuple[tuple[str, int], ...]
    """Host and port of Redis, or those of all Sentinels. Empty: see `path`."""
    is_encrypted: bool = False
    service: str = ""
    """The name of the master that the Sentinels watch. Empty: there are no Sentinels."""
    user: str = ""
    """The user of Redis. Empty: the default user."""
    database: int = 0
    path: str = ""
    """The path of the Unix socket of Redis. Empty: it is reached by TCP."""

    def __str__(self) -> str:
        """Return the URL for people."""
        user = f"{quote(self.user)}@" if self.user else ""
        if self.path:
            database = f"?db={self.database}" if self.database else ""
            return one_line(f"unix://{user}{quote(self.path)}{database}")
        scheme = f"redis{'s' if self.is_encrypted else ''}{'+sentinel' if self.service else ''}"
        hosts = ",".join(
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.addresses
        )
        path = f"/{self.service}" if self.service else ""
        path += f"/{self.database}" if self.database else ""
        return one_line(f"{scheme}://{user}{hosts}{path}")


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """How to connect to Redis."""

    url: RedisUrl
    password_file: Path | None = None
    """None: the password is in the environment, or there is none."""
    ca: Path | None = None
    """Certificates that sign the one of Redis, in PEM. None: those that the system trusts."""

    def password(self) -> str | None:
        """Return the password, or None if there is none.

        Read again at each connect, so a changed file is in use without a restart. Raises
        `RedisSettingsError`.
        """
        if self.password_file is None:
            return os.environ.get(PASSWORD_VARIABLE) or None
        return _read_password(self.password_file)


def parse_redis_url(text: str) -> RedisUrl:
    """Parse a URL. Raises `RedisSettingsError`, whose text never contains a password."""
    scheme, separator, rest = text.strip().partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in _SCHEMES:
        raise RedisSettingsError(f"not a URL of Redis; write {_EXAMPLE}")
    is_socket = scheme == "unix"
    if is_socket:
        # The path may contain any character.
        head, slash, path = rest.partition("/")
        login, _, host = head.rpartition("@")
        location = f"{host}{slash}{path}"
    else:
        login, _, location = rest.rpartition("@")
    user, colon, _ = login.partition(":")
    if colon:
        raise RedisSettingsError(
            "the URL contains a password, which others can see; remove it and use"
            f" `--redis-password-file` or the variable {PASSWORD_VARIABLE}"
        )
    if is_socket:
        return _socket(location, unquote(user))
    if "?" in location or "#" in location:
        raise RedisSettingsError(f"a URL of Redis has no options here; write {_EXAMPLE}")
    has_sentinels = scheme.endswith("+sentinel")
    hosts, _, path = location.partition("/")
    service, database = "", path
    if has_sentinels:
        service, _, database = path.partition("/")
        if not service:
            raise RedisSettingsError(
                "the URL names no master; write redis+sentinel://HOST,HOST/NAME, where NAME is"
                " the master that the Sentinels watch"
            )
    elif "," in hosts:
        raise RedisSettingsError(
            "several hosts are the addresses of Sentinels; write redis+sentinel://HOST,HOST/NAME"
        )
    port = _SENTINEL_PORT if has_sentinels else _PORT
    return RedisUrl(
        tuple(_address(host.strip(), port) for host in hosts.split(",")),
        is_encrypted=scheme.startswith("rediss"),
        service=unquote(service),
        user=unquote(user),
        database=_database(database),
    )


def _socket(location: str, user: str) -> RedisUrl:
    """Return the URL of a Unix socket."""
    path, question, option = location.partition("?")
    name, _, database = option.partition("=")
    if question and name != "db":
        raise RedisSettingsError(
            "a URL of a socket has no option but `db`; write unix:///PATH?db=1"
        )
    if not path.startswith("/") or path.endswith("/"):
        raise RedisSettingsError(
            "the URL names no socket by its whole path; write unix:///PATH, such as"
            " unix:///run/redis/redis-server.sock"
        )
    return RedisUrl((), user=user, database=_database(database), path=unquote(path))


def _database(text: str) -> int:
    if text and not (text.isascii() and text.isdigit() and len(text) < 6):
        raise RedisSettingsError(f"{quoted(text)} is not the number of a database, such as 0")
    return int(text or 0)


def _address(text: str, default_port: int) -> tuple[str, int]:
    found = _HOST.fullmatch(text)
    if found is None:
        raise RedisSettingsError(f"{quoted(text)} is not a host with a port; write {_EXAMPLE}")
    port = found["port"]
    if port is None:
        return found["v6"] or found["name"], default_port
    if not (port.isascii() and port.isdigit() and 0 < int(port[:6]) <= 65535):
        raise RedisSettingsError(f"{quoted(port)} is not a port: a whole number from 1 to 65535")
    return found["v6"] or found["name"], int(port)


def _read_password(path: Path) -> str:
    """Return the first line of the file. Raises `RedisSettingsError`."""
    shown = f"the password file {one_line(str(path))}"
    try:
        data, _ = read_regular(path, _MAX_PASSWORD_BYTES + 1)
    except FileNotFoundError:
        raise RedisSettingsError(f"{shown} does not exist; create it, with mode 0600") from None
    except (IsADirectoryError, NotRegularFileError):
        raise RedisSettingsError(f"{shown} is not a regular file; name one") from None
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise RedisSettingsError(f"{shown} can't be read: {one_line(why)}") from None
    try:
        password = data.partition(b"\n")[0].removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        raise RedisSettingsError(f"{shown} is not UTF-8; save it as UTF-8") from None
    if not password or len(data) > _MAX_PASSWORD_BYTES:
        why = "has no password in its first line" if not password else "is too large"
        raise RedisSettingsError(f"{shown} {why}; write the password into it, and nothing else")
    return password
