"""How a server is reached: encrypted by a key that is trusted, or in plain text where that may be.

Plain text goes to this machine alone, decided by the address that was really connected to, or where
somebody asked for it. Nothing of a login is sent in here.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from typing import Final

from chat_server.wire.fingerprint import key_fingerprint
from chat_server.wire.stream import PlainTextAnswer, Stream, TlsStream
from chat_tui.account import PORT, TLS_PORT
from chat_tui.storage.known_servers import KnownServers, KnownServersError
from chat_tui.transport import errors as tls_words
from chat_tui.transport.outcome import ChangedKey, NotReached, Outcome, Reached, UnknownKey
from chat_tui.transport.tcp_connect import Address, Connecting, NotConnectedError

_GREETING_WITHIN: Final = 0.1
"""Seconds that a server on this machine gets to speak first, as one does that does not encrypt.

If it is slower than that it answers our first bytes of TLS in plain text, and is reached again.
"""


class _AnswersInPlainText(Exception):  # noqa: N818  (it names what happened)
    """The peer does not encrypt; `data` is what it said, the start of it."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.data = data


class _BrokenHandshakeError(Exception):
    """The two do not come together; the text says why."""


class Reaching:
    """One try. Its thread alone calls it; what it gives, or nothing, is all that stays open."""

    def __init__(self, connecting: Connecting, known: KnownServers, *, plaintext: bool) -> None:
        """`plaintext`: no encryption, wherever it is; somebody wants it so."""
        self._connecting = connecting
        self._host = connecting.host
        self._port = connecting.port
        self._known = known
        self._plaintext = plaintext
        self.no_answer = connecting.no_answer
        """What to say once the time is over. Any thread may read it."""
        if not plaintext and self._port == TLS_PORT:
            self.no_answer += tls_words.WITHOUT_ENCRYPTION

    def outcome(self) -> Outcome:
        """Look up, connect, and encrypt or not. Blocks, until the deadline at most."""
        try:
            if self._plaintext:
                return self._plainly(self._connecting.look_up())
            return self._encrypted()
        except KnownServersError as problem:
            return NotReached(f"Nothing was sent: {problem}", retry=False, untrusted=True)
        except NotConnectedError as problem:
            return NotReached(self._why_not(problem))
        except _AnswersInPlainText as answer:
            refusal = tls_words.door_refusal(answer.data)
            return NotReached(refusal or tls_words.in_plain_text(self._host, self._port, TLS_PORT))
        except _BrokenHandshakeError as problem:
            return NotReached(str(problem))

    def _why_not(self, problem: NotConnectedError) -> str:
        if problem.silent:
            return self.no_answer
        if problem.refused and self._port == PORT:
            return f"{problem}; {tls_words.encrypted_at(TLS_PORT)}"
        return str(problem)

    def _encrypted(self) -> Outcome:
        trusted = self._known.trusted(self._host, self._port)
        if trusted is not None:  # nobody is talked into plain text with a server that encrypts
            self.no_answer = self._connecting.no_answer
        addresses = self._connecting.look_up()
        try:
            connected, address = self._connecting.connect(addresses)
        except NotConnectedError as problem:
            if self._port != TLS_PORT or not problem.refused:
                raise
            if trusted or not _on_this_machine(addresses):
                known = trusted is not None
                words = tls_words.nobody_encrypts(self._host, self._port, known=known)
                raise NotConnectedError(words) from None
            return self._beside(addresses, tls_words.nobody_here(self._host, self._port, PORT))
        if trusted is not None:
            return self._with_key(connected, *trusted)
        if not address.is_loopback:
            return self._with_any_key(connected, address)
        if greeting := self._connecting.first_bytes(connected, _GREETING_WITHIN):
            if self._is_ours(greeting):
                return Reached(Stream(connected), self._port)
            connected.close()
            return self._beside(addresses, tls_words.another_here(self._host, self._port, PORT))
        try:
            return self._with_any_key(connected, address)
        except _AnswersInPlainText as answer:
            if self._is_ours(answer.data):
                return self._plainly([address])
            return self._beside(addresses, tls_words.another_here(self._host, self._port, PORT))

    def _is_ours(self, said: bytes) -> bool:
        """Whether this is the server that is meant, which talks plainly, as far as that shows.

        Where a port was named it is; at the usual one something else may be, and a chat server at
        the usual port for plain text.
        """
        return self._port != TLS_PORT or said.startswith((b"[SERVER]", b"[ERROR]"))

    def _beside(self, addresses: Sequence[Address], nobody: str) -> Reached:
        """At this machine's usual port for plain text. `nobody`: what to say if nobody is there."""
        try:
            return self._plainly(_on_this_machine(addresses))
        except NotConnectedError as problem:
            if not problem.refused:
                raise
            raise NotConnectedError(nobody) from None

    def _plainly(self, addresses: Sequence[Address]) -> Reached:
        connected, address = self._connecting.connect(addresses)
        return Reached(Stream(connected), int(str(address.at[1])))

    def _with_key(self, connected: socket.socket, trusted: str, pinned: bool) -> Outcome:
        """The key decides, and nothing else: neither the name nor the day of the certificate."""
        stream = self._shake_hands(connected, _context(verified=False))
        seen = self._key_of(stream)
        if seen != trusted:
            stream.close()
            return ChangedKey(trusted, seen, pinned)
        return Reached(stream, self._port, seen)

    def _with_any_key(self, connected: socket.socket, address: Address) -> Outcome:
        """Whom the system trusts for this name needs no question."""
        try:
            stream = self._shake_hands(connected, _context(verified=True))
        except ssl.SSLCertVerificationError as error:
            why = tls_words.why_unknown(error)
        else:
            return Reached(stream, self._port, self._key_of(stream))
        again, _ = self._connecting.connect([address])
        stream = self._shake_hands(again, _context(verified=False))
        seen = self._key_of(stream)
        stream.close()
        return UnknownKey(seen, why)

    def _shake_hands(self, connected: socket.socket, context: ssl.SSLContext) -> TlsStream:
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
            self._connecting.work_on(stream)
            try:
                stream.handshake(self._connecting.left)
            finally:
                self._connecting.work_on(None)
        except PlainTextAnswer as answer:
            stream.close()
            raise _AnswersInPlainText(answer.data) from None
        except ssl.SSLCertVerificationError:
            stream.close()
            raise
        except OSError as error:
            stream.close()
            raise _BrokenHandshakeError(
                tls_words.broken_handshake(error, self._host, self._port, self.no_answer)
            ) from error
        except BaseException:
            stream.close()
            raise
        return stream

    def _key_of(self, stream: TlsStream) -> str:
        try:
            return key_fingerprint(stream.peer_certificate() or b"")
        except Exception as error:  # what a library says to a certificate that somebody made
            stream.close()
            words = f"The certificate of {self._host} port {self._port} can't be read"
            raise _BrokenHandshakeError(words) from error


def _on_this_machine(addresses: Sequence[Address]) -> list[Address]:
    """Where a server of this machine that does not encrypt would be."""
    return [address.on(PORT) for address in addresses if address.is_loopback]


def _context(*, verified: bool) -> ssl.SSLContext:
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
