"""Who signs in, and where."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, replace
from typing import Final

from chat_server.wire import canonical_name, published_form, split_words

PORT: Final = 9000
"""Where a server listens that does not encrypt, unless somebody chose another port."""

TLS_PORT: Final = 9001
"""Where a server listens that encrypts, unless somebody chose another port."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user at a server, and the password for it, which no `repr` shows."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    plaintext: bool = False
    """Whether nothing is to be encrypted, wherever the server is. Without it, plain text goes to
    this machine alone, where a server does not encrypt."""
    previous_password: str = field(default="", repr=False)
    """What the password was, while it is not known whether a change of it was made; else empty."""

    def with_password(self, new: str) -> Account:
        """The same, whose password is known to be `new`."""
        return replace(self, password=new, previous_password="")

    def in_doubt(self, new: str) -> Account:
        """The same, whose password is `new` or still the one of now: the new one is tried first."""
        return replace(self, password=new, previous_password=self.password)

    @property
    def server(self) -> str:
        """`host:port`, as it is shown."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def identity(self) -> tuple[str, str]:
        """Who it is, and where: equal for the same user at the same server."""
        return self.server.casefold(), canonical_name(self.user) or self.user

    @property
    def problem(self) -> str | None:
        """Why this can't be tried, in words for the form, or None where it can.

        A line end in the name or the password would begin a line of its own, a space another
        word of `LOGIN <username> <password>`; white space at the end of a line does not count.
        """
        if not self.host:
            return "Which server? Its name is empty"
        if not 0 < self.port < 65536:
            return "A port is a number from 1 to 65535"
        if not self.user:
            return "Who are you? The user name is empty"
        if not self.password:
            return "The password is empty"
        for what, word in (("user name", self.user), ("password", self.password)):
            if split_words(word) != [word] or published_form(word) != word:
                return f"A {what} has no spaces and no control characters"
        return None


def account(host: str, port: int, user: str, password: str, *, plaintext: bool = False) -> Account:
    """An account as it was typed into a form: the host may stand in the brackets of an IPv6."""
    host = host.strip()
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    return Account(host, port, user, password, plaintext)


def default_port(*, plaintext: bool) -> int:
    """The port of a server where nobody named one."""
    return PORT if plaintext else TLS_PORT


def address(text: str) -> tuple[str, int | None]:
    """Host and port of HOST, HOST:PORT, [V6], [V6]:PORT or a bare V6. Raises `ValueError`.

    None for the port where there is none: which one is usual depends on the encryption.
    """
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or ":" not in host or (rest and not rest.startswith(":")):
            raise ValueError(f"{text} is no address: an IPv6 one looks like [::1]:9001")
        return host, _port(rest[1:]) if rest else None
    host, colon, rest = text.partition(":")
    if ":" in rest:
        return text, None
    if not host or any(character.isspace() for character in host):
        raise ValueError(f"{text!r} names no host: an address looks like chat.example.org:9001")
    return host, _port(rest) if colon else None


def is_loopback(address: str) -> bool:
    """Whether this is an address, written out, that never leaves the machine."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback


def is_this_machine(host: str) -> bool:
    """Whether a host is this machine, as far as its name says without a look-up."""
    return host.casefold().rstrip(".") == "localhost" or is_loopback(host)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise ValueError(f"{text!r} is no port: a port is a number from 1 to 65535")
    return int(text)
