"""Certificates for tests: an authority of our own, and what it signs."""

from __future__ import annotations

import ssl
from functools import cache
from pathlib import Path

import trustme


@cache
def authority() -> trustme.CA:
    """The one authority of a test run."""
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@cache
def signed_for(*names: str) -> trustme.LeafCert:
    """A certificate for these names and addresses."""
    return authority().issue_cert(*names, key_type=trustme.KeyType.ECDSA)


def server_context(*names: str) -> ssl.SSLContext:
    """What a server needs that has a certificate for these names, 127.0.0.1 if there are none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    signed_for(*(names or ("127.0.0.1",))).configure_cert(context)
    return context


def trusting_context() -> ssl.SSLContext:
    """What a client needs that trusts our authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority().configure_trust(context)
    return context


def write_certificate(folder: Path, *names: str) -> tuple[Path, Path]:
    """A certificate and its key as files; returns their paths."""
    leaf = signed_for(*(names or ("127.0.0.1",)))
    certificate, key = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    key.write_bytes(leaf.private_key_pem.bytes())
    return certificate, key
