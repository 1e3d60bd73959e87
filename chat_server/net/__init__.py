"""Listening sockets: endpoints, the acceptor, TLS certificates and the lingering close."""

from chat_server.net.acceptor import Acceptor
from chat_server.net.certificate_in_use import CertificateInUse
from chat_server.net.certificates import (
    SELF_SIGNED_CERTIFICATE,
    SELF_SIGNED_KEY,
    CertificateError,
    MissingFiles,
    ServerCertificate,
    load_certificate,
    missing_files,
)
from chat_server.net.endpoints import Endpoint, ListenError, bind, endpoints, listen, open_all
from chat_server.net.keepalive import enable_keepalive

__all__ = [
    "SELF_SIGNED_CERTIFICATE",
    "SELF_SIGNED_KEY",
    "Acceptor",
    "CertificateError",
    "CertificateInUse",
    "Endpoint",
    "ListenError",
    "MissingFiles",
    "ServerCertificate",
    "bind",
    "enable_keepalive",
    "endpoints",
    "listen",
    "load_certificate",
    "missing_files",
    "open_all",
]
