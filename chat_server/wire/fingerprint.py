"""The fingerprint of a server's key, which the server prints and the client shows."""

from __future__ import annotations

import base64
import hashlib


def key_fingerprint(certificate: bytes) -> str:
    """Return the SHA-256 of the public key in a DER certificate, in the form that OpenSSH uses.

    It is the hash of the key (its SubjectPublicKeyInfo, RFC 5280), not of the certificate, so it
    stays the same when the certificate is renewed.

    Raises `ValueError` if this is not a certificate.
    """
    # The import takes a tenth of a second, which only callers of this function should pay.
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = x509.load_der_x509_certificate(certificate).public_key()
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "SHA256:" + base64.b64encode(hashlib.sha256(info).digest()).decode().rstrip("=")
