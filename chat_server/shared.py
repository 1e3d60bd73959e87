"""What all clients of one server have in common."""

from __future__ import annotations

from dataclasses import dataclass

from chat_server.address_limits import LoginThrottle
from chat_server.bans import Bans
from chat_server.config import Config
from chat_server.cost_raising import CostRaising
from chat_server.delivery import Delivery
from chat_server.event_log import EventLog
from chat_server.hub import Hub
from chat_server.outbox import Outbox
from chat_server.passwords import PasswordPool
from chat_server.users import UserStore


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
