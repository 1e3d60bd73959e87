"""What all clients of one server have in common."""

from __future__ import annotations

from dataclasses import dataclass

from chat_server.access.bans import Bans
from chat_server.access.rate_limits import LoginThrottle
from chat_server.accounts.hash_pool import PasswordPool
from chat_server.accounts.rehash import CostRaising
from chat_server.accounts.store import UserStore
from chat_server.config import Config
from chat_server.core.hub import Hub
from chat_server.delivery.dispatcher import Delivery
from chat_server.delivery.outbox import Outbox
from chat_server.observability.event_log import EventLog


@dataclass(frozen=True, slots=True)
class Shared:
    """What all clients of one server share."""

    config: Config
    hub: Hub[Outbox]
    delivery: Delivery
    accounts: UserStore
    passwords: PasswordPool
    throttle: LoginThrottle
    bans: Bans
    cost_raising: CostRaising
    log: EventLog
