"""What the store in memory holds: accounts, messages, holes and horizons."""

from __future__ import annotations

from dataclasses import dataclass, field

from chat_server.history.values import Gap, PastMessage


@dataclass(eq=False)
class Account:
    """An account. Two of the same name are different: messages refer to the object."""

    name: str
    created: str | None = None
    """As in the users file, empty if it has none. None: not yet compared with it."""
    is_in_use: bool = True
    owner: Account | None = None
    """The account that this one was merged into."""
    subscriptions: set[str] = field(default_factory=set)
    visits: dict[str, Visit] = field(default_factory=dict)
    """By room."""


@dataclass
class Visit:
    """The visits of a user to a room."""

    marker: int
    marker_at_entry: int
    """The marker is never set back before this one."""
    first: int
    """The stamp of the first entry."""
    last: int
    """The stamp of the last entry or end."""
    is_open: bool = True


@dataclass(eq=False)
class Message:
    """A message in a room or to a recipient."""

    stamp: int
    author: Account
    text: str
    room: str = ""
    is_action: bool = False
    recipient: Account | None = None
    is_kept: bool = False
    is_unread: bool = False

    @property
    def place(self) -> Place:
        """The room or the conversation."""
        return self.room if self.recipient is None else frozenset({self.author, self.recipient})

    def past(self) -> PastMessage:
        """Return the message as it is shown."""
        recipient = self.recipient.name if self.recipient else ""
        return PastMessage(self.stamp, self.author.name, self.text, self.is_action, recipient)


Place = str | frozenset[Account]
"""A room, or the two accounts of a conversation."""


class State:
    """All that is stored."""

    def __init__(self) -> None:
        self.accounts: list[Account] = []
        self.messages: list[Message] = []
        """In the order of their stamps."""
        self.holes: dict[tuple[Place, int], int] = {}
        """The numbers of missing messages, by place and stamp."""
        self.horizons: dict[Place, int] = {}
        self.newest = 0
        """The newest stamp of all records."""
        self.log_position = 0
        self.log_numbers: dict[str, int] = {}
        self.gaps: list[Gap] = []

    def find(self, name: str) -> Account | None:
        """Return the account in use with this name, or None."""
        found = (each for each in self.accounts if each.is_in_use and each.name == name)
        return next(found, None)

    def account(self, name: str) -> Account:
        """Return the account in use with this name. Create it if it is new."""
        found = self.find(name)
        if found is None:
            found = Account(name)
            self.accounts.append(found)
        return found

    def is_own(self, author: Account, user: str) -> bool:
        """Return True if the author is the user, or an account merged into that of the user."""
        account = self.find(user)
        return account is not None and account in (author, author.owner)
