"""Access control: connection limits, the login throttle, bans and each client's line rate."""

from chat_server.access.admission import AdmissionControl
from chat_server.access.bans import BanList
from chat_server.access.rate_limits import LoginThrottle
from chat_server.access.token_bucket import TokenBucket

__all__ = [
    "AdmissionControl",
    "BanList",
    "LoginThrottle",
    "TokenBucket",
]
