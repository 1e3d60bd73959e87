"""Listening sockets: endpoints, TLS certificates and the lingering close."""

from chat_server.net.certificates import (
    SELF_SIGNED_CERTIFICATE,
    SELF_SIGNED_KEY,
    CertificateError,
    MissingFiles,
    ServerCertificate,
    load_certificate,
    missing_files,
    self_signed_certificate,
)
from chat_server.net.endpoints import Endpoint, ListenError, bind, endpoints, listen
from chat_server.net.lingering_close import LingeringCloser

__all__ = [
    "SELF_SIGNED_CERTIFICATE",
    "SELF_SIGNED_KEY",
    "CertificateError",
    "Endpoint",
    "LingeringCloser",
    "ListenError",
    "MissingFiles",
    "ServerCertificate",
    "bind",
    "endpoints",
    "listen",
    "load_certificate",
    "missing_files",
    "self_signed_certificate",
]
