"""Where a server listens: plain text on loopback, TLS where others can reach it."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

from chat_server.addresses import is_loopback
from chat_server.config import Config
from chat_server.escape import one_line


class ListenError(Exception):
    """An address can't be listened on. The text is one line: the address, why, the cure."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address and port to listen on."""

    host: str
    """As it was asked for."""
    address: str
    """What that was found to be."""
    family: socket.AddressFamily
    port: int
    encrypted: bool

    @property
    def is_public(self) -> bool:
        """Whether anyone but this machine can reach it."""
        return not is_loopback(self.address)


def endpoints(config: Config) -> tuple[Endpoint, ...]:
    """Where this configuration listens; plain text first. May look up a name.

    Plain text is for loopback alone, unless `insecure_plaintext` is asked for: on an address that
    others can reach, TLS is spoken in any case. Raises `ListenError`.
    """
    try:
        family, _, _, _, where = socket.getaddrinfo(
            config.host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:  # a host name can be too odd even to be looked up
        raise ListenError(_describe_failure(config.host, config.port, error)) from None
    address = str(where[0])

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
    """A socket bound to the endpoint that does not listen yet. Raises `ListenError`."""
    bound = socket.socket(endpoint.family, socket.SOCK_STREAM)
    try:
        # A server that was just restarted must not wait for the ends of old connections.
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
    """A listening socket, non-blocking: a connection may vanish between `select` and `accept`.

    `backlog`: connections that may wait to be accepted. Raises `ListenError`.
    """
    listener = bind(endpoint)
    try:
        listener.setblocking(False)
        listener.listen(backlog)
    except OSError as error:  # somebody else was faster
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
