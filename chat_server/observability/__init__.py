"""Logs and metrics."""

from importlib import import_module
from typing import TYPE_CHECKING

from chat_server.observability.event_log import EventLog
from chat_server.observability.http_listener import HOST as METRICS_HOST
from chat_server.observability.log_format import FORMATS
from chat_server.observability.log_writer import LEVELS
from chat_server.observability.rejection_log import RejectionLog
from chat_server.observability.snapshot import MetricsSnapshot

if TYPE_CHECKING:
    from chat_server.observability.metrics import Metrics
    from chat_server.observability.metrics_server import MetricsServer

__all__ = [
    "FORMATS",
    "LEVELS",
    "METRICS_HOST",
    "EventLog",
    "Metrics",
    "MetricsServer",
    "MetricsSnapshot",
    "RejectionLog",
]

_LAZY = {
    "Metrics": "chat_server.observability.metrics",
    "MetricsServer": "chat_server.observability.metrics_server",
}


def __getattr__(name: str) -> object:
    """Import a name of `_LAZY` when it is first used (PEP 562)."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
