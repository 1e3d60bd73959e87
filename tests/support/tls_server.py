"""A TLS server that sends what the test writes."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Iterator

import trustme

from chat_server.wire.fingerprint import key_fingerprint
from chat_tui.events import ConnectionState
from tests.support.certificates import authority
from tests.support.scripted_server import ScriptedClient, ScriptedServer
from tests.support.session_harness import SessionHarness
from tests.support.wait_until import WAIT_TIMEOUT


def certificate(*names: str, **more: object) -> trustme.LeafCert:
    """Return a new certificate for these names, by default 127.0.0.1."""
    kind = trustme.KeyType.ECDSA
    return authority().issue_cert(*(names or ("127.0.0.1",)), key_type=kind, **more)  # type: ignore[arg-type]


def fingerprint(leaf: trustme.LeafCert) -> str:
    """Return the fingerprint of the key in a certificate."""
    return key_fingerprint(ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode()))


class TlsServer(ScriptedServer):
    """A server that presents `certificate`, which the test may change between connections."""

    def __init__(self, leaf: trustme.LeafCert | None = None) -> None:
        super().__init__()
        self.certificate = leaf or certificate()
        self.tls_versions: tuple[ssl.TLSVersion, ssl.TLSVersion] | None = None

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the current key."""
        return fingerprint(self.certificate)

    def accept(self) -> ScriptedClient:
        """Wait for the next client that finishes its handshake."""
        return next(client for client in self._handshakes() if client is not None)

    def expect_failed_handshake(self) -> None:
        """Wait for the next client, and check that it does not finish its handshake."""
        assert next(self._handshakes()) is None

    def expect_key_probe(self) -> None:
        """Wait for a client that reads the certificate, sends nothing and closes."""
        assert self.accept().read_line() == ""

    def _handshakes(self) -> Iterator[ScriptedClient | None]:
        while True:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.certificate.configure_cert(context)
            if self.tls_versions is not None:
                context.set_ciphers("DEFAULT:@SECLEVEL=0")
                with warnings.catch_warnings(action="ignore"):  # the test asks for old versions
                    context.minimum_version, context.maximum_version = self.tls_versions
            connected, _ = self._listener.accept()
            connected.settimeout(WAIT_TIMEOUT)
            try:
                # An end without a close_notify is an error, as it always is from Python 3.13 on.
                inside = context.wrap_socket(
                    connected, server_side=True, suppress_ragged_eofs=False
                )
            except OSError:
                connected.close()
                yield None
                continue
            client = ScriptedClient(inside)
            self._clients.append(client)
            yield client


def dial(harness: SessionHarness, server: ScriptedServer, host: str = "127.0.0.1") -> None:
    """Let alice sign in. The client decides between TLS and plain text."""
    harness.session.sign_in(host, server.port, "alice", "secret")


def accept_login(harness: SessionHarness, server: ScriptedServer) -> ScriptedClient:
    """Accept the next connection and log alice in."""
    client = harness.run_while(server.accept_login)
    harness.until_state(ConnectionState.ONLINE)
    return client
