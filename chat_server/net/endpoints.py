"""Endpoints: plain text on loopback, TLS on addresses that other machines can reach."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

from chat_server.addresses import is_loopback
from chat_server.config import Config
from chat_server.escape import one_line


class ListenError(Exception):
    """An address cannot be listened on. The text is one line: the address, why, what to do."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address and port to listen on."""

    host: str
    """The configured host name or address."""
    address: str
    """The address that `host` resolved to."""
    family: socket.AddressFamily
    port: int
    encrypted: bool

    @property
    def is_public(self) -> bool:
        """True if other machines can reach it."""
        return not is_loopback(self.address)


def endpoints(config: Config) -> tuple[Endpoint, ...]:
    """Return the endpoints of this configuration, plain text first. May resolve a host name.

    Plain text is for loopback only, unless `insecure_plaintext` is set. An address that other
    machines can reach always gets a TLS endpoint. Raises `ListenError`.
    """
    try:
        family, _, _, _, resolved = socket.getaddrinfo(
            config.host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:  # `UnicodeError`: a host name that cannot be encoded
        raise ListenError(_describe_failure(config.host, config.port, error)) from None
    address = str(resolved[0])

    def make_endpoint(port: int, *, encrypted: bool) -> Endpoint:
        return Endpoint(config.host, address, family, port, encrypted)

    plain, tls = (
        make_endpoint(config.port, encrypted=False),
        make_endpoint(config.tls_port, encrypted=True),
    )
    if plain.is_public and not config.insecure_plaintext:
        return (tls,)
    if not plain.is_public and not config.tls:
        return (plain,)
    if plain.port == tls.port != 0:
        raise ListenError(
            f"can't listen on port {tls.port} for plain text and for TLS; choose another with"
            " --port or --tls-port"
        )
    return plain, tls


def bind(endpoint: Endpoint) -> socket.socket:
    """Return a socket that is bound to the endpoint and does not listen. Raises `ListenError`."""
    bound = socket.socket(endpoint.family, socket.SOCK_STREAM)
    try:
        # A restarted server must not wait for connections in TIME_WAIT.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if endpoint.family == socket.AF_INET6:
            dual = endpoint.address == "::" and socket.has_dualstack_ipv6()
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not dual)
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
    return ListenError(_describe_failure(endpoint.host, endpoint.port, error, option))


def _describe_failure(host: str, port: int, error: Exception, option: str = "--port") -> str:
    number = error.errno if isinstance(error, OSError) else None
    why = os.strerror(number) if number and number > 0 else str(error)
    return one_line(
        f"can't listen on {host} port {port}: {why}; choose another with --host and {option}"
    )
