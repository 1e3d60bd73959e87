"""Access control: connection limits, the login throttle, bans and each client's line rate."""

from chat_server.access.admission import AdmissionControl
from chat_server.access.bans import BanList
from chat_server.access.login_pace import LoginPace
from chat_server.access.login_throttle import LoginThrottle
from chat_server.access.token_bucket import TokenBucket

__all__ = [
    "AdmissionControl",
    "BanList",
    "LoginPace",
    "LoginThrottle",
    "TokenBucket",
]
