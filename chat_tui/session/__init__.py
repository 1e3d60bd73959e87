"""One user's connection over time: connect, sign in, reconnect, feed the model."""

from typing import TYPE_CHECKING

from chat_tui.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from chat_tui.session.credentials import NOT_CHANGED, Outcome
    from chat_tui.session.session import ChatSession

__all__ = [
    "NOT_CHANGED",
    "ChatSession",
    "Outcome",
    "trust_text",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "ChatSession": "chat_tui.session.session",
        "NOT_CHANGED": "chat_tui.session.credentials",
        "Outcome": "chat_tui.session.credentials",
    },
)
