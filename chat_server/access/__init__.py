"""Access control: connection limits, the login throttle, bans, and what each client may send."""

from chat_server.access.admission import AdmissionControl
from chat_server.access.bans import BanList
from chat_server.access.input_throttle import PreLoginThrottle, SessionThrottle
from chat_server.access.login_pace import LoginPace
from chat_server.access.login_throttle import LoginThrottle
from chat_server.access.token_bucket import TokenBucket

__all__ = [
    "AdmissionControl",
    "BanList",
    "LoginPace",
    "LoginThrottle",
    "PreLoginThrottle",
    "SessionThrottle",
    "TokenBucket",
]
