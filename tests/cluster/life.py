"""One session of a user who lives on several nodes: what it sends, and checks of what it reads."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from itertools import count
from typing import Final

from tests.abuse.client_pool import PooledClient
from tests.support.cluster import ProgramNode

LAST_LINES: Final = re.compile(
    r"\[SERVER\] (?:Logged out due to new login|Goodbye|Server is shutting down"
    r"|Logged out by an operator)"
    r"|\[ERROR\] The servers cannot reach each other; try again later"
    r"|\[ERROR\] Authentication failed"
)
EXPECTED_ERRORS: Final = re.compile(
    r"\[ERROR\] (?:Not delivered: \S+ is offline or not subscribed to you|Not logged in: \S+"
    r"|Not kept: too many messages are waiting for \S+"
    r"|The servers cannot reach each other; try again later)"
)
_TIME: Final = r"\[(\d{4}-\S+|\d\d:\d\d:\d\d)\]"
"""Short before the reply to `/stamps on`."""

_MESSAGE: Final = re.compile(rf"{_TIME} (\S+): (\d+) (\d+) (\S+)")
_PRIVATE: Final = re.compile(rf"{_TIME} (\S+) -> (\S+): private (\d+)")
_JOINED: Final = re.compile(r"\[SERVER\] Joined room '(\S+)'")
_SUBSCRIPTION: Final = re.compile(r"\[SERVER\] (Subscribed to|Unsubscribed from) (\S+)")

_sessions = count(1)
_privates = count(1)

CHANGE_SECONDS: Final = 10.0
"""A change of the password whose reply was lost is made within this time, or never."""

Key = tuple[str, int, int]
"""Author, session, number: what no other message has."""


class User:
    """An account, and what its clients know of it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.passwords = [f"pw-of-{name}"]
        """The one to try first is first. Two: the reply to a change was lost."""
        self.uncertain_since = 0.0
        self.follows = False
        """It has followed everyone at first."""
        self.life: Life | None = None
        """The newest session, until it has ended."""

    def forget_passwords(self, now: float) -> None:
        """Forget all but the first, which has worked, if no change can be under way any more."""
        if now - self.uncertain_since > CHANGE_SECONDS:
            del self.passwords[1:]


class Ledger:
    """What all sessions have sent and read."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.echoed: dict[Key, str] = {}
        """Messages that their author has read, and their rooms. They must be on every node."""
        self.sent: dict[Key, str] = {}
        """All messages that were sent, and their rooms."""
        self.stamps: dict[Key, set[str]] = defaultdict(set)
        """The stamps with which clients have read a message."""
        self.privates_sent: dict[int, tuple[str, str]] = {}
        """Private messages that were delivered or kept, as their author has read: author and
        recipient."""
        self.privates_read: dict[int, int] = defaultdict(int)
        """How often a private message was read."""
        self.messages = 0
        self.logins = 0


class Life(PooledClient):
    """A session from its LOGIN to the end of the stream.

    Each message has its session, its number in the session and its room. So a reader detects one
    that is repeated or late, one of another room, one of an author that it does not follow, and one
    of an older login after a newer one. As long as no user moves, it also detects a gap.
    """

    def __init__(self, node: ProgramNode, user: User, ledger: Ledger) -> None:
        super().__init__(node.port)
        self._node = node
        self._boot = node.boot
        self.user = user
        self.ledger = ledger
        self.number = next(_sessions)
        self.is_greeted = False
        self.is_quitting = False
        self.room = "lobby"
        """Where it publishes now, once its commands are executed."""
        self.last_line = ""
        self.new_password = ""
        """The password that it has asked for, until the reply."""
        self.private_questions: list[tuple[int, str]] = []
        """Private messages without a reply yet, in the order of sending."""
        self._published = 0
        self._read_room = "lobby"
        self._subscriptions: set[str] | None = None
        """None until the first list: the account's subscriptions are older than the session."""
        self._newest: dict[str, tuple[int, int]] = {}
        """By author: session and number of the message that was read last."""
        self._older_sessions: set[int] = set()
        self._gapless: set[int] = set()
        """Sessions of which it has read a message since its last change of room or subscription. It
        must read all that they publish here after that one."""
        ledger.logins += 1
        password = user.passwords[0]
        self.send(f"LOGIN {user.name} {password}", "/stamps on", f"/subscribe {user.name}", "/subs")

    @property
    def was_killed(self) -> bool:
        """True if its node was killed."""
        return self._node.is_killed or self._node.boot != self._boot

    # Sending

    def publish(self, texts: int) -> None:
        """Publish so many messages."""
        lines = []
        for _ in range(texts):
            self.ledger.sent[self.user.name, self.number, self._published] = self.room
            lines.append(f"{self.number} {self._published} {self.room}")
            self._published += 1
        self.send(*lines)

    def join(self, room: str) -> None:
        """Move to a room."""
        if room != self.room:
            self.room = room
            self.send("/leave" if room == "lobby" else f"/join {room}")

    def send_private(self, recipient: User) -> None:
        """Send a private message."""
        number = next(_privates)
        self.private_questions.append((number, recipient.name))
        self.send(f"/msg {recipient.name} private {number}")

    def change_password(self) -> None:
        """Change the password, unless a change is under way."""
        if not self.new_password and len(self.user.passwords) == 1:
            self.new_password = f"pw-of-{self.user.name}-{self.number}-{self._published}"
            self.send(f"/passwd {self.user.passwords[0]} {self.new_password}")

    def quit(self) -> None:
        """Say goodbye."""
        self.is_quitting = True
        self.send("/quit")

    # Reading

    def line_received(self, line: str) -> None:
        self.last_line = line
        if match := _MESSAGE.fullmatch(line):
            stamp, author, session, number, room = match.groups()
            self._read_message(stamp, author, int(session), int(number), room)
        elif match := _PRIVATE.fullmatch(line):
            self._read_private(match[2], match[3], int(match[4]))
        elif match := _JOINED.fullmatch(line):
            self._read_room = match[1]
            self._gapless.clear()
        elif match := _SUBSCRIPTION.fullmatch(line):
            self._gapless.clear()
            if self._subscriptions is not None and match[1] == "Subscribed to":
                self._subscriptions.add(match[2])
            elif self._subscriptions is not None:
                self._subscriptions.discard(match[2])
        elif line.startswith("[SERVER] Subscriptions: "):
            self._subscriptions = set(line.removeprefix("[SERVER] Subscriptions: ").split(", "))
        elif line == "[SERVER] Login successful":
            self.is_greeted = True
            self.user.forget_passwords(time.monotonic())
        elif line == "[SERVER] Password changed":
            self.user.passwords = [self.new_password]
            self.new_password = ""
        elif line.startswith(("[SERVER] Sent to ", "[SERVER] Kept for ")):
            if not self.private_questions:
                self._fault(f"reads {line!r}, a reply that it had read before")
                return
            number_sent, recipient = self.private_questions.pop(0)
            if not line.endswith(f" {recipient}"):
                self._fault(f"reads {line!r} as the reply to a message for {recipient}")
            self.ledger.privates_sent[number_sent] = (self.user.name, recipient)
        elif EXPECTED_ERRORS.fullmatch(line):
            if line.startswith(("[ERROR] Not delivered", "[ERROR] Not kept")):
                if not self.private_questions:
                    self._fault(f"reads {line!r}, a reply that it had read before")
                    return
                self.private_questions.pop(0)
        elif line == "[ERROR] Authentication failed" and len(self.user.passwords) > 1:
            self.user.passwords.reverse()  # try the other one
        elif not line.startswith("[SERVER] "):
            self._fault(f"reads {line[:200]!r}")

    def _fault(self, text: str) -> None:
        self.ledger.faults.append(
            f"{self.user.name} (session {self.number} on {self._node.name}) {text}"
        )

    def _read_private(self, author: str, recipient: str, number: int) -> None:
        if recipient != self.user.name:
            self._fault(f"reads a private message for {recipient}")
        self.ledger.privates_read[number] += 1
        if self.ledger.privates_read[number] > 1:
            self._fault(f"reads private message {number} of {author} again")

    def _read_message(self, stamp: str, author: str, session: int, number: int, room: str) -> None:
        key = (author, session, number)
        self.ledger.messages += 1
        if "-" in stamp:
            self.ledger.stamps[key].add(stamp)
        last = self._newest.get(author)
        follows = self._subscriptions
        problem = ""
        if self.ledger.sent.get(key) != room:
            problem = "which was not sent"
        elif room != self._read_room:
            problem = f"in {self._read_room}"
        elif follows is not None and not (
            author in follows or ("*" in follows and author != self.user.name)
        ):
            problem = f"following only {sorted(follows)}"
        elif session in self._older_sessions:
            problem = "of an older login after a newer one"
        elif last is not None and last[0] == session and number <= last[1]:
            problem = f"after {last}"
        elif session in self._gapless and last is not None:
            missing = [
                between
                for between in range(last[1] + 1, number)
                if self.ledger.sent.get((author, session, between)) == room
            ]
            problem = f"without {missing}" if missing else ""
        if problem:
            self._fault(f"reads {key} of {room}, {problem}")
        if last is not None and last[0] != session:
            self._older_sessions.add(last[0])
        self._newest[author] = (session, number)
        self._gapless.add(session)
        if author == self.user.name:
            self.ledger.echoed[key] = room

    def stream_ended(self) -> None:
        self.end()

    def end(self) -> None:
        """Note what the end of the session leaves open. Idempotent."""
        if self.user.life is self:
            self.user.life = None
        if self.new_password:
            self.user.passwords.insert(0, self.new_password)
            self.user.uncertain_since = time.monotonic()
            self.new_password = ""
