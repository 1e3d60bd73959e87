"""The wire protocol, which the server and the client share: grammar, texts and streams."""

from importlib import import_module
from typing import TYPE_CHECKING

from chat_server.wire.fingerprint import key_fingerprint
from chat_server.wire.password_rules import (
    MAX_PASSWORD_BYTES,
    MIN_PASSWORD_BYTES,
    has_forbidden_characters,
    password_problem,
)
from chat_server.wire.protocol import (
    CLIENT_LINE_LIMIT,
    CLIENT_RECEIVE_LIMIT,
    EVERYONE,
    LOBBY,
    MAX_NAME_LENGTH,
    Action,
    Command,
    ErrorReply,
    LineBuffer,
    LineTooLongError,
    Message,
    OversizeLine,
    PrivateMessage,
    Reply,
    ServerLine,
    TextLine,
    canonical_name,
    clean,
    decode_line,
    encode_actions,
    encode_error,
    encode_line,
    encode_message,
    encode_messages,
    encode_private,
    encode_replies,
    parse_client_line,
    parse_server_line,
    published_form,
    quoted_in_reply,
    split_words,
)

if TYPE_CHECKING:
    from chat_server.wire.replies import LOGIN_PROMPT
    from chat_server.wire.stamps import (
        encode_stamped_actions,
        encode_stamped_messages,
        format_stamp,
        parse_stamp,
    )
    from chat_server.wire.stream import (
        READ_SIZE,
        InputLimitError,
        InputThrottle,
        Stream,
    )
    from chat_server.wire.tls_stream import PlaintextPeerError, TlsStream
    from chat_server.wire.when import parse_when

__all__ = [
    "CLIENT_LINE_LIMIT",
    "CLIENT_RECEIVE_LIMIT",
    "EVERYONE",
    "LOBBY",
    "LOGIN_PROMPT",
    "MAX_NAME_LENGTH",
    "MAX_PASSWORD_BYTES",
    "MIN_PASSWORD_BYTES",
    "READ_SIZE",
    "Action",
    "Command",
    "ErrorReply",
    "InputLimitError",
    "InputThrottle",
    "LineBuffer",
    "LineTooLongError",
    "Message",
    "OversizeLine",
    "PlaintextPeerError",
    "PrivateMessage",
    "Reply",
    "ServerLine",
    "Stream",
    "TextLine",
    "TlsStream",
    "canonical_name",
    "clean",
    "cluster_replies",
    "decode_line",
    "encode_actions",
    "encode_error",
    "encode_line",
    "encode_message",
    "encode_messages",
    "encode_private",
    "encode_replies",
    "encode_stamped_actions",
    "encode_stamped_messages",
    "format_stamp",
    "has_forbidden_characters",
    "history_replies",
    "key_fingerprint",
    "operator_replies",
    "parse_client_line",
    "parse_server_line",
    "parse_stamp",
    "parse_when",
    "password_problem",
    "protocol",
    "published_form",
    "quoted_in_reply",
    "replies",
    "split_words",
    "stamps",
]

_LAZY = {
    "InputLimitError": "chat_server.wire.stream",
    "InputThrottle": "chat_server.wire.stream",
    "LOGIN_PROMPT": "chat_server.wire.replies",
    "PlaintextPeerError": "chat_server.wire.tls_stream",
    "READ_SIZE": "chat_server.wire.stream",
    "Stream": "chat_server.wire.stream",
    "TlsStream": "chat_server.wire.tls_stream",
    "encode_stamped_actions": "chat_server.wire.stamps",
    "encode_stamped_messages": "chat_server.wire.stamps",
    "format_stamp": "chat_server.wire.stamps",
    "parse_stamp": "chat_server.wire.stamps",
    "parse_when": "chat_server.wire.when",
}


def __getattr__(name: str) -> object:
    """Import a name of `_LAZY` when it is first used (PEP 562)."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
