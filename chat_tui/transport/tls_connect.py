"""TlsConnector: connect with TLS and a trusted key, or in plain text if that is allowed.

Plain text is allowed to this machine, judged by the address of the connected socket, or if the user
requested it. Nothing of a login is sent here.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from typing import Final

from chat_server.wire import PlaintextPeerError, Stream, TlsStream, key_fingerprint
from chat_tui.account import PORT, TLS_PORT
from chat_tui.storage import KnownServers, KnownServersError
from chat_tui.transport import errors
from chat_tui.transport.outcome import ChangedKey, Connected, ConnectFailed, Outcome, UnknownKey
from chat_tui.transport.tcp_connect import SocketAddress, TcpConnectError, TcpConnector

_GREETING_TIMEOUT: Final = 0.1
"""Seconds to wait for a greeting on this machine. A server that does not encrypt speaks first.

If it is slower, it answers our first TLS bytes in plain text, and the client connects again.
"""


class _PlaintextServerError(Exception):
    """The peer does not encrypt."""

    def __init__(self, data: bytes) -> None:
        """`data`: the first bytes from the peer."""
        super().__init__()
        self.data = data


class _BrokenHandshakeError(Exception):
    """The TLS handshake failed. The message says why."""


class TlsConnector:
    """One attempt to connect. Called by the dialing thread only.

    The only socket left open is the one in a `Connected` outcome.
    """

    def __init__(
        self, tcp_connector: TcpConnector, known: KnownServers, *, plaintext: bool
    ) -> None:
        """`plaintext`: the user requested no encryption, even if the server offers TLS."""
        self._tcp_connector = tcp_connector
        self._host = tcp_connector.host
        self._port = tcp_connector.port
        self._known = known
        self._plaintext = plaintext
        self.timeout_message = tcp_connector.timeout_message
        """The error after the deadline. Any thread may read it."""
        if not plaintext and self._port == TLS_PORT:
            self.timeout_message += errors.PLAINTEXT_HINT

    def connect(self) -> Outcome:
        """Resolve, connect, and do the TLS handshake if needed. Blocks until the deadline."""
        try:
            if self._plaintext:
                return self._connect_plaintext(self._tcp_connector.resolve())
            return self._connect_tls()
        except KnownServersError as error:
            return ConnectFailed(f"Nothing was sent: {error}", retry=False, untrusted=True)
        except TcpConnectError as error:
            return ConnectFailed(self._failure_reason(error))
        except _PlaintextServerError as error:
            rejection = errors.pre_tls_rejection(error.data)
            return ConnectFailed(
                rejection or errors.plaintext_server(self._host, self._port, TLS_PORT)
            )
        except _BrokenHandshakeError as error:
            return ConnectFailed(str(error))

    def _failure_reason(self, error: TcpConnectError) -> str:
        if error.silent:
            return self.timeout_message
        if error.refused and self._port == PORT:
            return f"{error}; {errors.default_port_hint(TLS_PORT)}"
        return str(error)

    def _connect_tls(self) -> Outcome:
        trusted = self._known.trusted(self._host, self._port)
        if trusted is not None:  # never downgrade a server with a trusted key
            self.timeout_message = self._tcp_connector.timeout_message
        addresses = self._tcp_connector.resolve()
        try:
            connected, address = self._tcp_connector.connect(addresses)
        except TcpConnectError as error:
            if self._port != TLS_PORT or not error.refused:
                raise
            if trusted or not _local_plaintext_addresses(addresses):
                known = trusted is not None
                message = errors.no_tls_server(self._host, self._port, known=known)
                raise TcpConnectError(message) from None
            return self._connect_local_plaintext(
                addresses, errors.no_local_server(self._host, self._port, PORT)
            )
        if trusted is not None:
            return self._connect_pinned(connected, *trusted)
        if not address.is_loopback:
            return self._connect_unpinned(connected, address)
        if greeting := self._tcp_connector.peek(connected, _GREETING_TIMEOUT):
            if self._is_expected_plaintext_server(greeting):
                return Connected(Stream(connected), self._port)
            connected.close()
            return self._connect_local_plaintext(
                addresses, errors.other_local_service(self._host, self._port, PORT)
            )
        try:
            return self._connect_unpinned(connected, address)
        except _PlaintextServerError as error:
            if self._is_expected_plaintext_server(error.data):
                return self._connect_plaintext([address])
            return self._connect_local_plaintext(
                addresses, errors.other_local_service(self._host, self._port, PORT)
            )

    def _is_expected_plaintext_server(self, greeting: bytes) -> bool:
        """Return True if the plaintext peer may be the requested server.

        At a port that the user named, it is. At the default TLS port another service may listen,
        and the chat server may be at the default port for plain text.
        """
        return self._port != TLS_PORT or greeting.startswith((b"[SERVER]", b"[ERROR]"))

    def _connect_local_plaintext(
        self, addresses: Sequence[SocketAddress], not_found_message: str
    ) -> Connected:
        """Connect to this machine's default port for plain text.

        `not_found_message`: the error if nothing listens there.
        """
        try:
            return self._connect_plaintext(_local_plaintext_addresses(addresses))
        except TcpConnectError as error:
            if not error.refused:
                raise
            raise TcpConnectError(not_found_message) from None

    def _connect_plaintext(self, addresses: Sequence[SocketAddress]) -> Connected:
        connected, address = self._tcp_connector.connect(addresses)
        return Connected(Stream(connected), int(str(address.sockaddr[1])))

    def _connect_pinned(self, connected: socket.socket, trusted: str, pinned: bool) -> Outcome:
        """Accept the trusted key only. The certificate's name and dates do not matter."""
        stream = self._tls_handshake(connected, _tls_context(verified=False))
        seen = self._peer_fingerprint(stream)
        if seen != trusted:
            stream.finish_and_close()
            return ChangedKey(trusted, seen, pinned)
        return Connected(stream, self._port, seen)

    def _connect_unpinned(self, connected: socket.socket, address: SocketAddress) -> Outcome:
        """Accept a certificate that the system trusts for this name. Else return `UnknownKey`."""
        try:
            stream = self._tls_handshake(connected, _tls_context(verified=True))
        except ssl.SSLCertVerificationError as error:
            why = errors.untrusted_reason(error)
        else:
            return Connected(stream, self._port, self._peer_fingerprint(stream))
        again, _ = self._tcp_connector.connect([address])
        stream = self._tls_handshake(again, _tls_context(verified=False))
        seen = self._peer_fingerprint(stream)
        stream.finish_and_close()
        return UnknownKey(seen, why)

    def _tls_handshake(self, connected: socket.socket, context: ssl.SSLContext) -> TlsStream:
        """Do the handshake, and take ownership of `connected`.

        The certificate is checked against the requested host name. Raises
        `ssl.SSLCertVerificationError`, `_PlaintextServerError` or `_BrokenHandshakeError`.
        """
        name = self._host.partition("%")[0].rstrip(".")
        try:
            stream = TlsStream(connected, context, host=name)
        except BaseException:
            connected.close()
            raise
        try:
            self._tcp_connector.set_stream(stream)
            try:
                stream.handshake(self._tcp_connector.seconds_left)
            finally:
                self._tcp_connector.set_stream(None)
        except PlaintextPeerError as error:
            stream.finish_and_close()
            raise _PlaintextServerError(error.data) from None
        except ssl.SSLCertVerificationError:
            stream.finish_and_close()
            raise
        except OSError as error:
            stream.finish_and_close()
            raise _BrokenHandshakeError(
                errors.handshake_failure(error, self._host, self._port, self.timeout_message)
            ) from error
        except BaseException:
            stream.finish_and_close()
            raise
        return stream

    def _peer_fingerprint(self, stream: TlsStream) -> str:
        try:
            return key_fingerprint(stream.peer_certificate() or b"")
        except Exception as error:  # the library raises anything on a malformed certificate
            stream.finish_and_close()
            message = f"The certificate of {self._host} port {self._port} can't be read"
            raise _BrokenHandshakeError(message) from error


def _local_plaintext_addresses(addresses: Sequence[SocketAddress]) -> list[SocketAddress]:
    """Return the loopback addresses, with the default port for plain text."""
    return [address.with_port(PORT) for address in addresses if address.is_loopback]


def _tls_context(*, verified: bool) -> ssl.SSLContext:
    """Return a TLS context. Without `verified`, the caller checks the key before it sends anything.

    The system's certificates are loaded each time, so `SSL_CERT_FILE` is respected.
    """
    if verified:
        context = ssl.create_default_context()
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
