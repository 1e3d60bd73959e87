"""The log that several servers share, so that they are one chat. Without it nothing is loaded.

Import this package on demand: it loads the library for Redis, which may not be installed.
"""

from chat_server.backplane.account_editor import AccountEditor, open_account_editor
from chat_server.backplane.log_events import BackplaneError, LogEvents, LogMeasures
from chat_server.backplane.redis_backplane import RedisBackplane
from chat_server.backplane.redis_probe import RedisReport, probe_redis
from chat_server.backplane.redis_settings import (
    PASSWORD_VARIABLE,
    RedisSettings,
    RedisSettingsError,
    RedisUrl,
    parse_redis_url,
)

__all__ = [
    "PASSWORD_VARIABLE",
    "AccountEditor",
    "BackplaneError",
    "LogEvents",
    "LogMeasures",
    "RedisBackplane",
    "RedisReport",
    "RedisSettings",
    "RedisSettingsError",
    "RedisUrl",
    "open_account_editor",
    "parse_redis_url",
    "probe_redis",
]
