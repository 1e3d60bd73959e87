"""How a server is reached: encrypted by a key that is trusted, or in plain text where that may be.

Plain text goes to this machine alone, decided by the address that was really connected to, or where
somebody asked for it. Nothing of a login is sent in here.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from typing import Final

from chat_server.wire import PlaintextPeerError, Stream, TlsStream, key_fingerprint
from chat_tui.account import PORT, TLS_PORT
from chat_tui.storage import KnownServers, KnownServersError
from chat_tui.transport import errors as tls_words
from chat_tui.transport.outcome import ChangedKey, Connected, ConnectFailed, Outcome, UnknownKey
from chat_tui.transport.tcp_connect import SocketAddress, TcpConnectError, TcpConnector

_GREETING_TIMEOUT: Final = 0.1
"""Seconds that a server on this machine gets to speak first, as one does that does not encrypt.

If it is slower than that it answers our first bytes of TLS in plain text, and is reached again.
"""


class _PlaintextServerError(Exception):
    """The peer does not encrypt; `data` is what it said, the start of it."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.data = data


class _BrokenHandshakeError(Exception):
    """The two do not come together; the text says why."""


class TlsConnector:
    """One try. Its thread alone calls it; what it gives, or nothing, is all that stays open."""

    def __init__(
        self, tcp_connector: TcpConnector, known: KnownServers, *, plaintext: bool
    ) -> None:
        """`plaintext`: no encryption, wherever it is; somebody wants it so."""
        self._tcp_connector = tcp_connector
        self._host = tcp_connector.host
        self._port = tcp_connector.port
        self._known = known
        self._plaintext = plaintext
        self.timeout_message = tcp_connector.timeout_message
        """What to say once the time is over. Any thread may read it."""
        if not plaintext and self._port == TLS_PORT:
            self.timeout_message += tls_words.PLAINTEXT_HINT

    def outcome(self) -> Outcome:
        """Look up, connect, and encrypt or not. Blocks, until the deadline at most."""
        try:
            if self._plaintext:
                return self._connect_plaintext(self._tcp_connector.resolve())
            return self._connect_tls()
        except KnownServersError as problem:
            return ConnectFailed(f"Nothing was sent: {problem}", retry=False, untrusted=True)
        except TcpConnectError as problem:
            return ConnectFailed(self._failure_reason(problem))
        except _PlaintextServerError as answer:
            refusal = tls_words.pre_tls_rejection(answer.data)
            return ConnectFailed(
                refusal or tls_words.plaintext_server(self._host, self._port, TLS_PORT)
            )
        except _BrokenHandshakeError as problem:
            return ConnectFailed(str(problem))

    def _failure_reason(self, problem: TcpConnectError) -> str:
        if problem.silent:
            return self.timeout_message
        if problem.refused and self._port == PORT:
            return f"{problem}; {tls_words.default_port_hint(TLS_PORT)}"
        return str(problem)

    def _connect_tls(self) -> Outcome:
        trusted = self._known.trusted(self._host, self._port)
        if trusted is not None:  # nobody is talked into plain text with a server that encrypts
            self.timeout_message = self._tcp_connector.timeout_message
        addresses = self._tcp_connector.resolve()
        try:
            connected, address = self._tcp_connector.connect(addresses)
        except TcpConnectError as problem:
            if self._port != TLS_PORT or not problem.refused:
                raise
            if trusted or not _local_plaintext_addresses(addresses):
                known = trusted is not None
                words = tls_words.no_tls_server(self._host, self._port, known=known)
                raise TcpConnectError(words) from None
            return self._connect_local_plaintext(
                addresses, tls_words.no_local_server(self._host, self._port, PORT)
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
                addresses, tls_words.other_local_service(self._host, self._port, PORT)
            )
        try:
            return self._connect_unpinned(connected, address)
        except _PlaintextServerError as answer:
            if self._is_expected_plaintext_server(answer.data):
                return self._connect_plaintext([address])
            return self._connect_local_plaintext(
                addresses, tls_words.other_local_service(self._host, self._port, PORT)
            )

    def _is_expected_plaintext_server(self, greeting: bytes) -> bool:
        """Whether this is the server that is meant, which talks plainly, as far as that shows.

        Where a port was named it is; at the usual one something else may be, and a chat server at
        the usual port for plain text.
        """
        return self._port != TLS_PORT or greeting.startswith((b"[SERVER]", b"[ERROR]"))

    def _connect_local_plaintext(
        self, addresses: Sequence[SocketAddress], not_found_message: str
    ) -> Connected:
        """At this machine's usual port for plain text. `nobody`: what to say if nobody is there."""
        try:
            return self._connect_plaintext(_local_plaintext_addresses(addresses))
        except TcpConnectError as problem:
            if not problem.refused:
                raise
            raise TcpConnectError(not_found_message) from None

    def _connect_plaintext(self, addresses: Sequence[SocketAddress]) -> Connected:
        connected, address = self._tcp_connector.connect(addresses)
        return Connected(Stream(connected), int(str(address.sockaddr[1])))

    def _connect_pinned(self, connected: socket.socket, trusted: str, pinned: bool) -> Outcome:
        """The key decides, and nothing else: neither the name nor the day of the certificate."""
        stream = self._tls_handshake(connected, _tls_context(verified=False))
        seen = self._peer_fingerprint(stream)
        if seen != trusted:
            stream.close()
            return ChangedKey(trusted, seen, pinned)
        return Connected(stream, self._port, seen)

    def _connect_unpinned(self, connected: socket.socket, address: SocketAddress) -> Outcome:
        """Whom the system trusts for this name needs no question."""
        try:
            stream = self._tls_handshake(connected, _tls_context(verified=True))
        except ssl.SSLCertVerificationError as error:
            why = tls_words.untrusted_reason(error)
        else:
            return Connected(stream, self._port, self._peer_fingerprint(stream))
        again, _ = self._tcp_connector.connect([address])
        stream = self._tls_handshake(again, _tls_context(verified=False))
        seen = self._peer_fingerprint(stream)
        stream.close()
        return UnknownKey(seen, why)

    def _tls_handshake(self, connected: socket.socket, context: ssl.SSLContext) -> TlsStream:
        """Takes over `connected`. Raises `ssl.SSLCertVerificationError`, or what `outcome` tells.

        The name is the one that was asked for: an address has no name to be looked at.
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
        except PlaintextPeerError as answer:
            stream.close()
            raise _PlaintextServerError(answer.data) from None
        except ssl.SSLCertVerificationError:
            stream.close()
            raise
        except OSError as error:
            stream.close()
            raise _BrokenHandshakeError(
                tls_words.handshake_failure(error, self._host, self._port, self.timeout_message)
            ) from error
        except BaseException:
            stream.close()
            raise
        return stream

    def _peer_fingerprint(self, stream: TlsStream) -> str:
        try:
            return key_fingerprint(stream.peer_certificate() or b"")
        except Exception as error:  # what a library says to a certificate that somebody made
            stream.close()
            words = f"The certificate of {self._host} port {self._port} can't be read"
            raise _BrokenHandshakeError(words) from error


def _local_plaintext_addresses(addresses: Sequence[SocketAddress]) -> list[SocketAddress]:
    """Where a server of this machine that does not encrypt would be."""
    return [address.with_port(PORT) for address in addresses if address.is_loopback]


def _tls_context(*, verified: bool) -> ssl.SSLContext:
    """What the client asks of TLS. Not `verified`: the key is looked at, before anything is sent.

    The system's certificates are read anew each time: `SSL_CERT_FILE` counts as everywhere.
    """
    if verified:
        context = ssl.create_default_context()
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
