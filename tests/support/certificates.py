"""Certificates for tests, signed by a certificate authority of the test run."""

from __future__ import annotations

import ssl
from functools import cache
from pathlib import Path

import trustme


@cache
def authority() -> trustme.CA:
    """Return the certificate authority of the test run."""
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@cache
def signed_for(*names: str) -> trustme.LeafCert:
    """Return a certificate for these names and addresses."""
    return authority().issue_cert(*names, key_type=trustme.KeyType.ECDSA)


def server_context(*names: str) -> ssl.SSLContext:
    """Return the context of a server with a certificate for these names, by default 127.0.0.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    signed_for(*(names or ("127.0.0.1",))).configure_cert(context)
    return context


def trusting_context() -> ssl.SSLContext:
    """Return the context of a client that trusts the authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority().configure_trust(context)
    return context


def write_certificate(
    folder: Path, *names: str, leaf: trustme.LeafCert | None = None
) -> tuple[Path, Path]:
    """Write a certificate for these names, or `leaf`, and its key. Return their paths."""
    leaf = leaf or signed_for(*(names or ("127.0.0.1",)))
    certificate, key = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    key.write_bytes(leaf.private_key_pem.bytes())
    return certificate, key
