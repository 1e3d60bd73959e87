"""What went wrong before a talk could begin inside TLS, in words that help. Pure."""

from __future__ import annotations

import ssl
from typing import Final

from chat_server.wire import (
    ErrorReply,
    PlaintextPeerError,
    operator_replies,
    parse_server_line,
    replies,
)

_EXPIRED, _NOT_YET, _SELF_SIGNED = 10, 9, 18
_HOSTNAME_MISMATCH: Final = frozenset(
    {62, 64}
)  # X509_V_ERR_HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH

_REASONS: Final = {
    _EXPIRED: "The certificate of this server has expired.",
    _NOT_YET: "The certificate of this server is not valid yet, or the clock here is wrong.",
    _SELF_SIGNED: "Nobody vouches for this server: it made its certificate itself.",
}

_OLD_PROTOCOL: Final = frozenset(
    {"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "WRONG_SSL_VERSION"}
)

PLAINTEXT_HINT: Final = "; --plaintext talks without encryption"
"""The way on where a server does not encrypt, behind what is the matter."""

_PRE_TLS_REJECTIONS: Final = frozenset({replies.SERVER_FULL, replies.TOO_MANY_CONNECTIONS})
"""What a server says in plain text instead of shaking hands, as a whole line."""


def untrusted_reason(error: ssl.SSLCertVerificationError) -> str:
    """Why a certificate alone does not say that this is the server, as a sentence."""
    code = error.verify_code
    if code in _HOSTNAME_MISMATCH:
        return "The certificate of this server is for another name."
    return _REASONS.get(code, "Nobody whom this machine knows vouches for this server.")


def pre_tls_rejection(data: bytes) -> str | None:
    """The refusal that a server says in plain text before TLS begins; None: it is none of these.

    Anybody on the way can have written it. So nothing else is ever taken for the server's word,
    and these few say no more than that one should try again later.
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
    """It is there, and does not encrypt. `usual`: the port at which servers do."""
    elsewhere = "" if port == default_port else f"; {default_port_hint(default_port)}"
    return (
        f"{host} port {port} answers in plain text, not TLS{elsewhere}. Nothing was sent to it"
        f"{PLAINTEXT_HINT}"
    )


def default_port_hint(default_port: int) -> str:
    """Where else to look, behind what is the matter."""
    return f"servers encrypt at port {default_port}"


def no_tls_server(host: str, port: int, *, known: bool) -> str:
    """There is nothing at the usual port. `known`: a key is trusted for it."""
    more = ", and its key is known: plain text is not tried" if known else PLAINTEXT_HINT
    return f"No encrypted server answers at {host} port {port}{more}"


def no_local_server(host: str, port: int, plain: int) -> str:
    """There is nothing at this machine's usual ports, for TLS and for plain text."""
    return f"Nothing listens at {host}, neither at port {port} nor at port {plain}"


def other_local_service(host: str, port: int, plain: int) -> str:
    """At the one is something else, and nothing at the other."""
    return f"No chat server answers at {host} port {port}, and nothing listens at port {plain}"


def handshake_failure(error: OSError, host: str, port: int, timeout_message: str) -> str:
    """Why the two did not come together. `no_answer`: what to say where the time was over."""
    where = f"{host} port {port}"
    if isinstance(error, TimeoutError):
        return timeout_message
    if isinstance(error, PlaintextPeerError):
        return f"{where} answers in plain text, not TLS"
    if isinstance(error, ssl.SSLError):
        if error.reason in _OLD_PROTOCOL:
            return f"{where} knows only an old TLS that is no longer safe; 1.2 or newer is needed"
        reason = (error.reason or "no reason given").replace("_", " ").lower()
        return f"{where} and this client can't agree on an encryption: {reason}"
    return f"{where} hung up while the encryption was being agreed on"
