"""Access control: connection limits, the login throttle, bans, and what each client may send."""

from chat_server.access.admission import AdmissionControl, Rejection
from chat_server.access.bans import BanList
from chat_server.access.input_throttle import PreLoginThrottle, SessionThrottle
from chat_server.access.login_pace import LoginPace
from chat_server.access.login_throttle import LoginThrottle
from chat_server.access.places import Place, Places
from chat_server.access.token_bucket import TokenBucket

__all__ = [
    "AdmissionControl",
    "BanList",
    "LoginPace",
    "LoginThrottle",
    "Place",
    "Places",
    "PreLoginThrottle",
    "Rejection",
    "SessionThrottle",
    "TokenBucket",
]
