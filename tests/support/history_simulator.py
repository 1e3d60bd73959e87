"""A server with history, without I/O, and a client whose connection the test cuts at any line.

`SimulatedServer` follows docs/protocol.md as far as the client's catch-up needs it. `SimulatedUser`
is alice: the client's protocol, and what the screens would show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from chat_server.wire import Action, Message, PrivateMessage, replies
from chat_server.wire.stamps import format_stamp, parse_stamp
from chat_tui import events
from chat_tui.events import DeliveryProof, Event, NotKept, PageKind
from chat_tui.input import parse_submission
from chat_tui.protocol import ClientProtocol, RestoreTarget
from chat_tui.protocol.timelines import Timelines, Unconfirmed

COMMANDS = (
    "/join, /leave, /rooms, /subscribe, /unsubscribe, /subs, /who, /presence, /msg, /me, "
    "/history, /search, /unread, /stamps, /erase, /help, /quit"
)
FIRST_STAMP = 1_800_000_000_000_000


@dataclass
class Stored:
    """A message in the history."""

    stamp: int
    place: str
    """The room, or the recipient as `@bob`."""
    author: str
    text: str
    is_action: bool = False

    def line(self) -> str:
        time = format_stamp(self.stamp)
        if self.place.startswith("@"):
            return f"[{time}] {self.author} -> {self.place[1:]}: {self.text}"
        if self.is_action:
            return f"[{time}] * {self.author} {self.text}"
        return f"[{time}] {self.author}: {self.text}"


class SimulatedServer:
    """A server with one connection at most, of alice, who follows everyone."""

    def __init__(self, page_size: int = 3) -> None:
        self.page_size = page_size
        self.messages: list[Stored] = []
        self.holes: list[tuple[int, int]] = []  # stamp and number
        self.is_available = True
        self.away: set[str] = set()  # recipients of private messages that are kept
        self.output: list[str] = []
        self._stamps = count(FIRST_STAMP, 1000)
        self._in: bool = False
        self._room = "lobby"
        self._entered = self._stamped = 0
        self._has_stamps = False

    def start_over(self) -> None:
        """Lose the history and go on with lower stamps: the clock was set back as well."""
        self.messages.clear()
        self._stamps = count(FIRST_STAMP - 3_600_000_000, 1000)

    def connect(self) -> None:
        self.output = [f"[SERVER] {replies.LOGIN_PROMPT}"]
        self._in = self._has_stamps = False
        self._room = "lobby"

    def disconnect(self) -> None:
        self._in = False
        self.output = []

    def say(self, author: str, place: str, text: str, *, is_action: bool = False) -> None:
        """Publish a message of another user, or deliver it to alice alone (`@alice`)."""
        message = Stored(next(self._stamps), place, author, text, is_action)
        self.messages.append(message)
        self._deliver(message)

    def take(self, line: str) -> None:
        """Handle a line of alice."""
        if not self._in:
            self._in = True
            self._entered = self._newest()
            self.output += [
                f"[SERVER] {replies.LOGIN_SUCCESSFUL}",
                f"[SERVER] Available commands: {COMMANDS}",
            ]
            return
        word, _, rest = line.partition(" ")
        match word:
            case "/subscribe":
                self._reply(f"Subscribed to {rest}")
            case "/presence":
                self._reply(f"Presence {rest}")
            case "/stamps":
                self._has_stamps = rest == "on"
                self._entered = max(self._entered, self._newest())
                self._stamped = self._newest()
                self._reply(f"Stamps {rest}")
            case "/unread":
                self._reply(f"Unread {rest}" if rest else "Unread: none")
            case "/join":
                self._room, self._entered = rest, self._newest()
                self._reply(f"Joined room '{rest}'")
            case "/subs":
                self._reply("Subscriptions: *, alice")
            case "/who":
                self._reply(f"In room '{self._room}': alice")
            case "/rooms":
                self._reply(f"Active rooms: {self._room} (1)")
            case "/msg":
                name, _, text = rest.partition(" ")
                self.messages.append(Stored(next(self._stamps), f"@{name}", "alice", text))
                self._reply(f"{'Kept for' if name in self.away else 'Sent to'} {name}")
            case "/history":
                self._history(rest.split(" "))
            case "/me":
                self.say("alice", self._room, rest, is_action=True)
            case _:
                assert not line.startswith("/"), line
                self.say("alice", self._room, line)

    def _history(self, words: list[str]) -> None:
        if not self.is_available:
            self.output.append("[ERROR] History is not available now; try again")
            return
        partner = ""
        upper = self._entered
        if words[0] == "with":
            partner, words = words[1], words[2:]
            upper = self._stamped
            found = [m for m in self.messages if {f"@{partner}", partner} & {m.place, m.author}]
            found = [m for m in found if m.place.startswith("@")]
        else:
            found = [m for m in self.messages if m.place == self._room]
        earlier = later = ""
        start = f"/history with {partner}" if partner else "/history"
        if words[0] == "new":
            after = _stamp(words[1])
            found = [m for m in found if after < m.stamp <= upper]
            if len(found) > self.page_size:
                found = found[: self.page_size]
                later = f"; later: {start} new {format_stamp(found[-1].stamp)}"
        elif words[0] == "after":
            found = [m for m in found if m.stamp > _stamp(words[1])]
            if len(found) > self.page_size:
                found = found[: self.page_size]
                later = f"; later: {start} after {format_stamp(found[-1].stamp)}"
        else:
            limit = int(words[-1])
            if words[0] == "before":
                found = [m for m in found if m.stamp < _stamp(words[1])]
            if len(found) > limit:
                found = found[-limit:]
                earlier = f"; earlier: {start} before {format_stamp(found[0].stamp)}"
        self._reply(f"History with {partner}" if partner else f"History of '{self._room}'")
        holes = [(stamp, number) for stamp, number in self.holes if words[0] == "new"]
        for stamp, number in holes:
            if stamp > _stamp(words[1]):
                self._reply(f"Not kept: {number} messages")
        self.output += [message.line() for message in found]
        self._reply(f"End of history{earlier}{later}")

    def _deliver(self, message: Stored) -> None:
        if not self._in or message.place not in ("@alice", self._room):
            return
        line = message.line()
        if not self._has_stamps:
            line = f"[12:00:00] {line.partition('] ')[2]}"
        self.output.append(line)

    def _newest(self) -> int:
        return self.messages[-1].stamp if self.messages else 0

    def _reply(self, text: str) -> None:
        self.output.append(f"[SERVER] {text}")


def _stamp(text: str) -> int:
    stamp = parse_stamp(text)
    assert stamp is not None, text
    return stamp


@dataclass
class Own:
    """An own message in a log."""

    id: int
    place: str
    text: str
    is_action: bool
    proof: DeliveryProof | None
    state: str = "pending"
    is_repeated: bool = False
    """True if alice has sent the same text again."""


@dataclass
class SimulatedUser:
    """The client of alice, and the logs that its screens show."""

    server: SimulatedServer
    shown: dict[str, list[str]] = field(default_factory=dict)
    """The lines of others, by place, in the order of arrival."""
    own: dict[int, Own] = field(default_factory=dict)
    returned: list[tuple[str, str]] = field(default_factory=list)
    """The texts that went back to the composer, with the conversation that they are for."""
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.now = 1000.0
        self._ids: Iterator[int] = count(1)
        self.timelines = Timelines({}, self._unconfirmed)
        self._target = RestoreTarget(subscriptions=frozenset({"*"}))
        self._to_server: list[str] = []
        self.protocol = ClientProtocol.closed()

    def connect(self) -> None:
        """Connect and log in, unless connected. Nothing is delivered yet."""
        if self.protocol.is_online or self.protocol.is_login_pending:
            return
        self.server.connect()
        self.protocol = ClientProtocol(
            "alice", "secret", self._target, self._ids, self.now, self.timelines
        )

    def restart(self, room: str | None = None) -> None:
        """Start the client again, with what its files hold."""
        self.cut()
        waiting = [own for own in self.own.values() if own.state == "unconfirmed"]
        self.own = {
            -1 - index: Own(
                -1 - index, own.place, own.text, own.is_action, own.proof, "unconfirmed"
            )
            for index, own in enumerate(reversed(waiting))
        }
        self.own = dict(sorted(self.own.items()))
        self.shown = {}
        self.timelines = Timelines(self.timelines.newest(), self._unconfirmed)
        self._ids = count(1)
        self._target = RestoreTarget(room, frozenset({"*"}))

    def type(self, text: str, recipient: str = "") -> None:
        self.protocol.submit(parse_submission(text, recipient), self.now)
        self._collect()

    def join(self, room: str) -> None:
        self.protocol.join(room, self.now)
        self._collect()

    def deliver(self, to_server: int | None = None, to_client: int | None = None) -> None:
        """Deliver this many lines in both directions. None: all there are now."""
        lines = self._to_server[:to_server]
        del self._to_server[: len(lines)]
        for line in lines:
            self.server.take(line)
        received = self.server.output[:to_client]
        del self.server.output[: len(received)]
        for line in received:
            self.protocol.receive(line, self.now)
            self._collect()

    def settle(self, seconds: float = 0.0) -> None:
        """Deliver until nothing is on its way; let time pass."""
        for _ in range(1000):
            self.deliver()
            if not (self._to_server or self.server.output):
                break
        else:
            raise AssertionError("the client never stops to send requests")
        if seconds:
            self.now += seconds
            self.protocol.tick(self.now)
            self._collect()
            self.settle()

    def cut(self, to_server: int = 0, to_client: int = 0) -> None:
        """Lose the connection; this many lines still arrive in each direction."""
        for own in self.own.values():
            own.proof = None if own.is_repeated else own.proof
        if not (self.protocol.is_online or self.protocol.is_login_pending):
            self.protocol = ClientProtocol.closed()
            self.server.disconnect()
            self._to_server.clear()
            return
        lines, self._to_server = self._to_server[:to_server], []
        for line in lines:
            self.server.take(line)
        for line in self.server.output[:to_client]:
            self.protocol.receive(line, self.now)
        self.server.disconnect()
        self.protocol.connection_lost("cut", self.now)
        self._collect()
        self._to_server.clear()
        self._target = self.protocol.restore_target
        self.protocol = ClientProtocol.closed()

    def own_states(self) -> Counter[str]:
        return Counter(own.state for own in self.own.values())

    def _unconfirmed(self) -> list[Unconfirmed]:
        return [
            Unconfirmed(own.id, own.place, own.text, own.is_action, own.proof)
            for own in self.own.values()
            if own.state == "unconfirmed"
        ]

    def _collect(self) -> None:
        for event in self.protocol.take_events():
            self.events.append(event)
            self._apply(event)
        self._to_server += [line.decode().rstrip("\n") for line in self.protocol.take_lines()]

    def _apply(self, event: Event) -> None:
        match event:
            case events.MessagePending(own_id, place, text, is_action, proof):
                for own in self.own.values():
                    is_same = (own.place, own.text, own.is_action) == (place, text, is_action)
                    own.is_repeated |= is_same and own.state == "unconfirmed"
                self.own[own_id] = Own(own_id, place, text, is_action, proof)
            case events.MessageSent(own_id):
                self.own[own_id].state = "sent"
            case events.MessageKept(own_id):
                self.own[own_id].state = "kept"
            case events.MessageUnconfirmed(own_id):
                self.own[own_id].state = "unconfirmed"
            case events.MessageResent(own_id):
                assert self.own[own_id].state == "unconfirmed"
                self.own[own_id].state = "resent"
            case events.TextReturned(text, _, location):
                self.returned += [(location, line) for line in text.split("\n")]
            case events.HistoryPage(location=place, kind=PageKind.FIRST | PageKind.MISSED):
                for entry in event.entries:
                    if not isinstance(entry, NotKept):
                        self._show(place, entry)
            case events.MessageArrived(place, message):
                self._show(place, message)

    def _show(self, place: str, message: Message | Action | PrivateMessage) -> None:
        line = f"{message.author}: {message.text}"
        self.shown.setdefault(place, []).append(line)
