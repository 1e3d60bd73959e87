"""Texts of connection errors. Pure."""

from __future__ import annotations

import ssl
from typing import Final

from chat_server.wire import (
    ErrorReply,
    PlaintextPeerError,
    cluster_replies,
    operator_replies,
    parse_server_line,
    replies,
)

# OpenSSL's verification error codes
_EXPIRED, _NOT_YET, _SELF_SIGNED = 10, 9, 18
_HOSTNAME_MISMATCH: Final = frozenset(
    {62, 64}
)  # X509_V_ERR_HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH

_REASONS: Final = {
    _EXPIRED: "The certificate of this server has expired.",
    _NOT_YET: "The certificate of this server is not valid yet, or the clock here is wrong.",
    _SELF_SIGNED: "No authority vouches for it: its certificate is self-signed.",
}

_OLD_PROTOCOL: Final = frozenset(
    {"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "WRONG_SSL_VERSION"}
)

PLAINTEXT_HINT: Final = "; --plaintext connects without encryption"
"""What to do if the server does not encrypt. Appended to an error."""

_PRE_TLS_REJECTIONS: Final = frozenset(
    {replies.SERVER_FULL, replies.TOO_MANY_CONNECTIONS, cluster_replies.SERVER_REPLACED}
)
"""Whole lines that a server sends in plain text instead of a TLS handshake."""


def untrusted_reason(error: ssl.SSLCertVerificationError) -> str:
    """Return a sentence that says why the certificate does not prove the server's identity."""
    code = error.verify_code
    if code in _HOSTNAME_MISMATCH:
        return "The certificate of this server is for another name."
    return _REASONS.get(code, "No authority that this machine trusts vouches for it.")


def pre_tls_rejection(data: bytes) -> str | None:
    """Return the rejection that a server sent in plain text before TLS, or None.

    An attacker on the path can have written it. The client therefore shows none but these known
    texts, which say no more than to try again later.
    """
    line = parse_server_line(data.partition(b"\n")[0].decode("utf-8", "replace").rstrip())
    if not isinstance(line, ErrorReply):
        return None
    text = line.text
    banned = text == operator_replies.BANNED_ADDRESS or (
        text.startswith(operator_replies.BANNED_ADDRESS)
        and replies.parse_retry_after(text) is not None
    )
    return text if banned or text in _PRE_TLS_REJECTIONS else None


def plaintext_server(host: str, port: int, default_port: int) -> str:
    """Return the error for a server that does not encrypt. `default_port`: the port for TLS."""
    elsewhere = "" if port == default_port else f"; {default_port_hint(default_port)}"
    return (
        f"{host} port {port} answers in plain text, not TLS{elsewhere}. Nothing was sent to it"
        f"{PLAINTEXT_HINT}"
    )


def default_port_hint(default_port: int) -> str:
    """Return the hint at the default port for TLS. It is appended to an error."""
    return f"servers encrypt at port {default_port}"


def no_tls_server(host: str, port: int, *, known: bool) -> str:
    """Return the error if nothing listens at the TLS port. `known`: its key is trusted."""
    more = ", and its key is known: plain text is not tried" if known else PLAINTEXT_HINT
    return f"No encrypted server answers at {host} port {port}{more}"


def no_local_server(host: str, port: int, plain: int) -> str:
    """Return the error if nothing listens at this machine's ports for TLS and plain text."""
    return f"Nothing listens at {host}, neither at port {port} nor at port {plain}"


def other_local_service(host: str, port: int, plain: int) -> str:
    """Return the error if another service has the TLS port, and nothing listens at `plain`."""
    return f"No chat server answers at {host} port {port}, and nothing listens at port {plain}"


def handshake_failure(error: OSError, host: str, port: int, timeout_message: str) -> str:
    """Return the error for a failed TLS handshake. `timeout_message`: the text for a timeout."""
    server = f"{host} port {port}"
    if isinstance(error, TimeoutError):
        return timeout_message
    if isinstance(error, PlaintextPeerError):
        return f"{server} answers in plain text, not TLS"
    if isinstance(error, ssl.SSLError):
        if error.reason in _OLD_PROTOCOL:
            return f"{server} supports only an outdated TLS version; 1.2 or newer is required"
        reason = (error.reason or "no reason given").replace("_", " ").lower()
        return f"The TLS handshake with {server} failed: {reason}"
    return f"{server} closed the connection during the TLS handshake"
