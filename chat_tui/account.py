"""Accounts: a user at a server with a password, and the parsing of server addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from chat_server.wire import canonical_name, published_form, split_words

PORT: Final = 9000
"""The default port of a server without encryption."""

TLS_PORT: Final = 9001
"""The default port of a server with encryption."""


Address = tuple[str, int]
"""The host and the port of a server. An IPv6 address has no brackets."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user at a server, with the password. `repr` hides passwords."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    plaintext: bool = False
    """True if the connection must not be encrypted, even to a remote host. If False, plain text is
    used only for a server on this machine that does not encrypt."""
    previous_password: str = field(default="", repr=False)
    """The password before a change whose outcome is unknown. Otherwise empty."""
    others: tuple[Address, ...] = ()
    """The other servers of the same chat. `host` and `port` name the first one, under which the
    client keeps what belongs to the account."""

    def with_password(self, new: str) -> Account:
        """Return this account with `new`, which is known to be the password."""
        return replace(self, password=new, previous_password="")

    def with_uncertain_password(self, new: str) -> Account:
        """Return this account while the outcome of a change to `new` is unknown.

        The client tries `new` first and then the current password.
        """
        return replace(self, password=new, previous_password=self.password)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """All servers of the chat, in the order in which they are tried at first."""
        return ((self.host, self.port), *self.others)

    def at(self, address: Address) -> Account:
        """Return this account at one of its servers alone."""
        host, port = address
        return replace(self, host=host, port=port, others=())

    @property
    def server(self) -> str:
        """`host:port` of the first server, with brackets around an IPv6 address."""
        return server_text((self.host, self.port))

    @property
    def identity(self) -> tuple[str, str]:
        """The server and the user. Equal for the same user at the same server."""
        return self.server.casefold(), canonical_name(self.user) or self.user

    @property
    def problem(self) -> str | None:
        """Why the client can't sign in with this account, as text for the user, or None.

        A line end in the name or the password would start another line. A space would start
        another word of `LOGIN <username> <password>`. The server ignores white space at the end of
        a line.
        """
        if not self.host:
            return "The server name is empty"
        if not 0 < self.port < 65536:
            return "The port must be a number from 1 to 65535"
        if not self.user:
            return "The user name is empty"
        if not self.password:
            return "The password is empty"
        for field_name, value in (("user name", self.user), ("password", self.password)):
            if split_words(value) != [value] or published_form(value) != value:
                return f"The {field_name} must not contain spaces or control characters"
        return None


def make_account(
    host: str,
    port: int,
    user: str,
    password: str,
    *,
    plaintext: bool = False,
    others: Sequence[Address] = (),
) -> Account:
    """Return an account as the user typed it: an IPv6 `host` may be in brackets."""
    host = host.strip()
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    return Account(host, port, user, password, plaintext, others=tuple(others))


def server_text(address: Address) -> str:
    """Return `host:port`, with brackets around an IPv6 address."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def default_port(*, plaintext: bool) -> int:
    """Return the port of a server if the user names none."""
    return PORT if plaintext else TLS_PORT


def parse_address(text: str) -> tuple[str, int | None]:
    """Return the host and port of HOST, HOST:PORT, [IPV6], [IPV6]:PORT or a bare IPv6 address.

    The port is None if `text` has none: the default depends on the encryption. Raises
    `ValueError`, whose text is for the user.
    """
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or ":" not in host or (rest and not rest.startswith(":")):
            raise ValueError(f"{text} is not an address: write IPv6 addresses like [::1]:9001")
        return host, _port(rest[1:]) if rest else None
    host, colon, rest = text.partition(":")
    if ":" in rest:
        return text, None
    if not host or any(character.isspace() for character in host):
        raise ValueError(f"{text!r} has no host: write an address like chat.example.org:9001")
    return host, _port(rest) if colon else None


def is_loopback(address: str) -> bool:
    """Return whether `address` is a literal loopback IP address, which never leaves the machine."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback


def is_this_machine(host: str) -> bool:
    """Return whether `host` is this machine, judged by the name alone: nothing is resolved."""
    return host.casefold().rstrip(".") == "localhost" or is_loopback(host)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise ValueError(f"{text!r} is not a port: use a number from 1 to 65535")
    return int(text)
