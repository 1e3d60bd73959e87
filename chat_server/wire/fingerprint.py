"""The fingerprint of a server's key: what its server prints and its client shows."""

from __future__ import annotations

import base64
import hashlib


def key_fingerprint(certificate: bytes) -> str:
    """The SHA-256 of the public key in a certificate (DER), written as OpenSSH writes it.

    Of the key (its SubjectPublicKeyInfo, RFC 5280), not of the certificate: it stays the same when
    the certificate is renewed. Raises `ValueError` where this is no certificate.
    """
    # Loading it takes a tenth of a second: only who needs a fingerprint pays for that.
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = x509.load_der_x509_certificate(certificate).public_key()
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "SHA256:" + base64.b64encode(hashlib.sha256(info).digest()).decode().rstrip("=")
