"""Endpoints: plain text on loopback, TLS on addresses that other machines can reach."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

from chat_server.addresses import is_loopback
from chat_server.config import Config
from chat_server.escape import one_line

_PORT_ATTEMPTS: Final = 20
"""Attempts to find a free port that is free on all addresses of a name."""


class ListenError(Exception):
    """An address cannot be listened on. The text is one line: the address, why, what to do."""

    def __init__(self, text: str, number: int | None = None) -> None:
        """`number`: the `errno` of the cause, if there is one."""
        super().__init__(text)
        self._number = number

    @property
    def is_address_missing(self) -> bool:
        """True if this machine does not have the address, or not its family."""
        return self._number in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)

    @property
    def is_port_taken(self) -> bool:
        """True if another program has the port."""
        return self._number == errno.EADDRINUSE


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address and port to listen on."""

    host: str
    """The configured host name or address."""
    address: str
    """The address that `host` resolved to. A link-local one ends with `%` and its interface."""
    family: socket.AddressFamily
    port: int
    encrypted: bool

    @property
    def shown(self) -> str:
        """The host for people: the name with its address, if it is a name."""
        return self.host if self.host == self.address else f"{self.host} ({self.address})"

    @property
    def is_public(self) -> bool:
        """True if other machines can reach it."""
        return not is_loopback(self.address)


def endpoints(config: Config) -> tuple[Endpoint, ...]:
    """Return the endpoints of this configuration, plain text first. May resolve a host name.

    A name that resolves to several addresses has endpoints on each of them. Plain text is for
    loopback only, unless `insecure_plaintext` is set. An address that other machines can reach
    always gets a TLS endpoint. Raises `ListenError`.
    """
    try:
        found = socket.getaddrinfo(
            config.host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:  # `UnicodeError`: a host name that cannot be encoded
        raise ListenError(_describe_failure(config.host, config.port, error)) from None
    addresses = dict.fromkeys(_numeric(family, resolved) for family, *_, resolved in found)
    plain: list[Endpoint] = []
    tls: list[Endpoint] = []
    for address, family in addresses:
        is_public = not is_loopback(address)
        if not is_public or config.insecure_plaintext:
            plain.append(Endpoint(config.host, address, family, config.port, encrypted=False))
        if is_public or config.tls:
            tls.append(Endpoint(config.host, address, family, config.tls_port, encrypted=True))
    if config.port == config.tls_port != 0 and {e.address for e in plain} & {
        e.address for e in tls
    }:
        raise ListenError(
            f"can't listen on port {config.port} for plain text and for TLS; choose another with"
            " --port or --tls-port"
        )
    return (*plain, *tls)


def _numeric(
    family: socket.AddressFamily, resolved: tuple[Any, ...]
) -> tuple[str, socket.AddressFamily]:
    """Return the address of an endpoint, and its family."""
    address = ip_address(resolved[0].partition("%")[0])
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:  # a socket for IPv6 only cannot have it
            return str(address.ipv4_mapped), socket.AF_INET
        if resolved[3]:  # a link-local address needs its interface
            return f"{address}%{resolved[3]}", family
    return str(address), family


def open_all(
    targets: Sequence[Endpoint], open_one: Callable[[Endpoint], socket.socket]
) -> tuple[dict[socket.socket, Endpoint], dict[Endpoint, ListenError]]:
    """Open a socket for each endpoint with `bind` or `listen`. Return them, and what was skipped.

    An address of a host name is skipped if the machine does not have it, or not its family, as long
    as another address of the name can be used. The endpoints for plain text all have the same port,
    and those for TLS, also if the port is 0. Raises `ListenError` with all sockets closed.
    """
    opened: dict[socket.socket, Endpoint] = {}
    skipped: dict[Endpoint, ListenError] = {}
    try:
        for encrypted in (False, True):
            group = [endpoint for endpoint in targets if endpoint.encrypted is encrypted]
            opened.update(_open_group(group, open_one, skipped))
        if skipped and not opened:
            raise next(iter(skipped.values()))
    except BaseException:
        for each in opened:
            each.close()
        raise
    return opened, skipped


def _open_group(
    group: Sequence[Endpoint],
    open_one: Callable[[Endpoint], socket.socket],
    skipped: dict[Endpoint, ListenError],
) -> dict[socket.socket, Endpoint]:
    """Open sockets for endpoints that share a port. If that is 0, the first one chooses it."""
    attempts = _PORT_ATTEMPTS
    while True:
        attempts -= 1
        opened: dict[socket.socket, Endpoint] = {}
        port = 0
        try:
            for endpoint in group:
                try:
                    each = open_one(replace(endpoint, port=endpoint.port or port))
                except ListenError as error:
                    if not error.is_address_missing:
                        raise
                    skipped[endpoint] = error
                    continue
                opened[each] = endpoint
                port = each.getsockname()[1]
        except BaseException as error:
            for each in opened:
                each.close()
            # Another program has the chosen port on one of the other addresses.
            is_taken = isinstance(error, ListenError) and error.is_port_taken
            if is_taken and opened and group[0].port == 0 and attempts:
                continue
            raise
        return opened


def bind(endpoint: Endpoint) -> socket.socket:
    """Return a socket that is bound to the endpoint and does not listen. Raises `ListenError`."""
    try:
        bound = socket.socket(endpoint.family, socket.SOCK_STREAM)
    except OSError as error:  # the kernel has no IPv6
        raise _listen_error(endpoint, error) from None
    try:
        # A restarted server must not wait for connections in TIME_WAIT.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if endpoint.family == socket.AF_INET6:
            dual = endpoint.address == "::" and socket.has_dualstack_ipv6()
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not dual)
            address, _, interface = endpoint.address.partition("%")
            bound.bind((address, endpoint.port, 0, int(interface or 0)))
        else:
            bound.bind((endpoint.address, endpoint.port))
    except OSError as error:
        bound.close()
        raise _listen_error(endpoint, error) from None
    return bound


def listen(endpoint: Endpoint, backlog: int) -> socket.socket:
    """Return a listening socket. Raises `ListenError`.

    It does not block, because a connection may vanish between `select` and `accept`. `backlog`:
    connections that may wait to be accepted.
    """
    listener = bind(endpoint)
    try:
        listener.setblocking(False)
        listener.listen(backlog)
    except OSError as error:  # another program listens there since `bind`
        listener.close()
        raise _listen_error(endpoint, error) from None
    return listener


def _listen_error(endpoint: Endpoint, error: OSError) -> ListenError:
    option = "--tls-port" if endpoint.encrypted else "--port"
    text = _describe_failure(endpoint.shown, endpoint.port, error, option)
    return ListenError(text, error.errno)


def _describe_failure(host: str, port: int, error: Exception, option: str = "--port") -> str:
    number = error.errno if isinstance(error, OSError) else None
    why = os.strerror(number) if number and number > 0 else str(error)
    if isinstance(error, socket.gaierror):
        why = error.strerror or why
    shown = host or "''"
    return one_line(
        f"can't listen on {shown} port {port}: {why}; choose another with --host and {option}"
    )
