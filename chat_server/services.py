"""What all clients of one server have in common."""

from __future__ import annotations

from dataclasses import dataclass

from chat_server.access.bans import BanList
from chat_server.access.rate_limits import LoginThrottle
from chat_server.accounts.hash_pool import HashPool
from chat_server.accounts.rehash import Rehasher
from chat_server.accounts.store import AccountStore
from chat_server.config import Config
from chat_server.core.hub import Hub
from chat_server.delivery.dispatcher import Dispatcher
from chat_server.delivery.outbox import Outbox
from chat_server.observability.event_log import EventLog


@dataclass(frozen=True, slots=True)
class Services:
    """What all clients of one server share."""

    config: Config
    hub: Hub[Outbox]
    delivery: Dispatcher
    accounts: AccountStore
    hash_pool: HashPool
    throttle: LoginThrottle
    bans: BanList
    rehasher: Rehasher
    log: EventLog
