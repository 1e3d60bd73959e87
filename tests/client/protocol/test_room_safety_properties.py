"""Whatever is typed, clicked, refused, delayed and cut: no text lands in a room it was not for.

A small server of the contract without sockets, which takes and answers lines when the test lets
it, so that every interleaving of the two sides can come about.
"""

from __future__ import annotations

from collections import deque
from itertools import count

from hypothesis import example, given, settings
from hypothesis import strategies as st

from chat_server.wire import replies
from chat_server.wire.protocol import LOBBY, Command, TextLine, parse_client_line
from chat_tui import events
from chat_tui.input import parse_submission
from chat_tui.protocol import ClientProtocol
from chat_tui.protocol.restore_target import RestoreTarget
from tests.support.protocol_harness import ACCEPTED, ALL, PROMPT, SIX

ACTIONS = (
    *("type", "type", "type several", "click a", "click b", "click lobby", "click refused"),
    *("/join a", "/join refused", "/join two words", "/leave", "/unsubscribe alice", "/who"),
    *("server", "server", "server", "client", "client", "client", "settle"),
    *("wait", "cut", "cut unseen", "restart"),
)

LOSSES = {"cut", "cut unseen", "restart"}


class RoomSafetyHarness:
    """alice's client, the server, the two directions between them, and what became of each text."""

    def __init__(self, commands: str) -> None:
        self.now = 0.0
        self.commands = commands
        self.published: list[tuple[str, str]] = []
        self.meant_for: dict[str, str] = {}
        self.pending: dict[int, str] = {}
        self.became: dict[str, str] = {}
        self._texts = count(1)
        self._own_ids = count(1)
        self._subscribed: set[str] = set()
        self._connect(RestoreTarget())

    def act(self, action: str) -> None:
        """One thing happens."""
        if action == "type":
            self._type([self._new_text()])
        elif action == "type several":
            self._type([self._new_text(), self._new_text()])
        elif action.startswith("click "):
            self.dialogue.join(action.removeprefix("click "), self.now)
        elif action.startswith("/"):
            self.dialogue.submit(parse_submission(action), self.now)
        elif action == "server":
            self._server_takes_a_line()
        elif action == "client":
            self._client_takes_a_line()
        elif action == "settle":
            self._settle()
        elif action == "wait":
            self.now += 0.25
            self.dialogue.tick(self.now)
        else:
            self._lose(action)
        self._learn()

    def finish(self) -> None:
        """Let everything arrive, then hang up."""
        self._settle()
        self.dialogue.connection_lost("the end", self.now)
        self._learn()

    def _connect(self, wish: RestoreTarget) -> None:
        self.dialogue = ClientProtocol("alice", "secret", wish, self._own_ids, self.now)
        self._up: deque[str] = deque()
        self._down: deque[str] = deque(
            [PROMPT, ACCEPTED, f"[SERVER] Available commands: {self.commands}"]
        )
        self._room = LOBBY
        self._subscribed.discard("alice")

    def _new_text(self) -> str:
        return f"text {next(self._texts)}"

    def _type(self, texts: list[str]) -> None:
        for text in texts:
            self.meant_for[text] = self.dialogue.restore_target.room or LOBBY
        self.dialogue.submit(parse_submission("\n".join(texts)), self.now)

    def _settle(self) -> None:
        idle = 0
        while idle < 30:  # longer than a line to the first servers may be kept back
            idle = 0 if self._up or self._down else idle + 1
            self._server_takes_a_line()
            self._client_takes_a_line()
            self.now += 0.01
            self.dialogue.tick(self.now)
            self._learn()

    def _lose(self, how: str) -> None:
        if how == "cut unseen":  # the server took it all, and its answers went nowhere
            while self._up:
                self._server_takes_a_line()
        if how == "restart":
            self._subscribed.clear()
        self.dialogue.connection_lost("cut", self.now)
        self._learn()
        self._connect(self.dialogue.restore_target)

    def _learn(self) -> None:
        self._up += [line.decode().removesuffix("\n") for line in self.dialogue.take_lines()]
        for event in self.dialogue.take_events():
            match event:
                case events.MessagePending(own_id, room, text):
                    assert room == self.meant_for[text]
                    self.pending[own_id] = text
                case events.MessageSent(own_id):
                    self._settled(self.pending.pop(own_id), "sent")
                case events.MessageUnconfirmed(own_id):
                    self._settled(self.pending.pop(own_id), "unconfirmed")
                case events.TextReturned(text, _) if not text.startswith("/"):
                    for line in text.split("\n"):
                        self._settled(line, "returned")

    def _settled(self, text: str, how: str) -> None:
        assert text not in self.became
        self.became[text] = how

    def _client_takes_a_line(self) -> None:
        if self._down:
            self.dialogue.receive(self._down.popleft(), self.now)

    def _server_takes_a_line(self) -> None:
        if not self._up:
            return
        line = self._up.popleft()
        if line.startswith("LOGIN "):
            return
        asked = parse_client_line(line)
        if isinstance(asked, TextLine):
            self.published.append((self._room, asked.text))
            if "alice" in self._subscribed:
                self._down.append(f"[12:00:00] alice: {asked.text}")
        elif isinstance(asked, Command):
            self._down.append(self._answer(asked))

    def _answer(self, asked: Command) -> str:
        match asked.word, asked.arguments:
            case ("/leave", ()):
                return self._moved(LOBBY)
            case ("/join", ("refused",)):
                return f"[ERROR] {replies.invalid_room('refused')}"
            case ("/join", (room,)):
                return self._moved(room)
            case ("/subscribe", (name,)):
                self._subscribed.add(name)
                return f"[SERVER] {replies.subscribed(name)}"
            case ("/unsubscribe", (name,)):
                self._subscribed.discard(name)
                return f"[SERVER] {replies.unsubscribed(name)}"
            case ("/subs", ()):
                return f"[SERVER] {replies.subscriptions(sorted(self._subscribed))[0]}"
            case ("/rooms", ()):
                return "[SERVER] Active rooms: lobby (1)"
            case ("/who", ()):
                return f"[SERVER] In room '{self._room}': alice"
            case ("/presence", (on,)):
                return f"[SERVER] Presence {on}"
            case _:
                return f"[ERROR] {replies.usage(asked.word + ' <room>')}"

    def _moved(self, room: str) -> str:
        text = replies.already_in(room) if room == self._room else replies.joined(room)
        self._room = room
        return f"[SERVER] {text}"


def play(commands: str, actions: list[str]) -> None:
    """Let all this happen, then look what became of what was typed.

    Every text was for one room and went there at most once, and nobody was told otherwise.
    """
    world = RoomSafetyHarness(commands)
    for action in actions:
        world.act(action)
    world.finish()
    for room, text in world.published:
        assert room == world.meant_for[text]
    published = [text for _, text in world.published]
    assert len(published) == len(set(published))
    assert not world.pending
    assert set(world.became) == set(world.meant_for)
    for text, how in world.became.items():
        if how == "sent":
            assert text in published
        elif how == "returned":
            assert text not in published
        else:
            assert LOSSES.intersection(actions)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(ACTIONS), max_size=40))
@example(["settle", "click a", "type", "click refused", "type", "click b", "type"])
@example(["settle", "click a", "type", "cut unseen", "type", "settle", "type"])
@example(["settle", "/unsubscribe alice", "type", "settle", "type"])
@example(["client", "client", "client", "type", "cut"])
@example(["settle", "/join two words", "type", "settle", "type"])
def test_no_text_reaches_wrong_room_on_current_server(actions: list[str]) -> None:
    play(ALL, actions)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(ACTIONS), max_size=40))
def test_no_text_reaches_wrong_room_on_legacy_server(actions: list[str]) -> None:
    play(SIX, actions)
