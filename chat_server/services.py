"""The services of a server: one object that every client's thread is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chat_server.access import BanList, Places
from chat_server.accounts import AccountsInUse, HashPool, Rehasher
from chat_server.authenticator import Authenticator
from chat_server.config import Config
from chat_server.core import Hub
from chat_server.delivery import Dispatcher, Outbox
from chat_server.history import History
from chat_server.observability import EventLog


@dataclass(frozen=True, slots=True)
class Services:
    """The parts that all clients of one server share. Every part may be used by any thread."""

    config: Config
    hub: Hub[Outbox]
    delivery: Dispatcher
    accounts: AccountsInUse
    hash_pool: HashPool
    authenticator: Authenticator
    bans: BanList
    places: Places
    rehasher: Rehasher
    log: EventLog
    history: History | None = None
    """None: no message is kept, and the commands about past messages are unknown."""
    notify_unread_on: Callable[[], None] = lambda: None
    """Called after a session turned notices of unread numbers on."""
