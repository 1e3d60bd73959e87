"""Property of the catch-up: whatever is cut or delayed, nothing is missing and nothing twice."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.history_simulator import SimulatedServer, SimulatedUser

ROOMS = ("lobby", "dev")
AUTHORS = ("bob", "carol")
OWN_TEXTS = ("ok", "ok then")
"""Few, so that many own messages have the same text."""

_FEW = st.integers(0, 9)

_SAY = st.tuples(
    st.just("say"), st.sampled_from(AUTHORS), st.sampled_from(("lobby", "lobby", "dev", "@alice"))
)
_TYPE = st.tuples(st.just("type"), st.sampled_from(OWN_TEXTS), st.sampled_from(("", "", "bob")))
_CUT = st.tuples(st.just("cut"), _FEW, _FEW)
_CONNECT = st.tuples(st.just("connect"), st.booleans())
_DELIVER = st.tuples(st.just("deliver"), _FEW, _FEW)

STEPS = st.one_of(
    _SAY,
    _SAY,
    _TYPE,
    _TYPE,
    _DELIVER,
    _CUT,
    _CONNECT,
    _CONNECT,
    st.tuples(st.just("join"), st.sampled_from(ROOMS)),
    st.tuples(st.just("settle"), st.sampled_from((0.0, 1.0, 6.0))),
    st.tuples(st.just("restart")),
    st.tuples(st.just("available"), st.booleans()),
)


@given(steps=st.lists(STEPS, min_size=10, max_size=60), page_size=st.sampled_from((1, 2, 5)))
@settings(deadline=None)
def test_every_message_is_shown_once_and_every_own_one_arrives_once(
    steps: list[tuple[object, ...]], page_size: int
) -> None:
    server = SimulatedServer(page_size)
    alice = SimulatedUser(server)
    typed: Counter[tuple[str, str]] = Counter()
    room = "lobby"
    number = 0
    alice.connect()
    alice.settle()
    for step in steps:
        match step:
            case ("say", str(author), str(place)):
                number += 1
                server.say(author, place, f"m{number}")
            case ("type", str(text), str(recipient)) if alice.protocol.can_send_now:
                typed[f"@{recipient}" if recipient else "", text] += 1
                alice.type(text, recipient)
            case ("join", str(target)) if alice.protocol.can_send_now:
                room = target
                alice.join(target)
            case ("deliver", int(to_server), int(to_client)):
                alice.deliver(to_server, to_client)
            case ("settle", float(seconds)):
                alice.settle(seconds)
            case ("cut", int(to_server), int(to_client)):
                alice.cut(to_server, to_client)
            case ("connect", bool(settles)):
                alice.connect()
                if settles:
                    alice.settle()
            case ("restart",):
                alice.restart(room)
            case ("available", bool(is_available)):
                server.is_available = is_available
    server.is_available = True
    alice.connect()
    alice.settle(40.0)
    alice.settle(40.0)
    for target in (*ROOMS, room):
        alice.join(target)
        alice.settle(1.0)
    for name in AUTHORS:
        alice.protocol.read_private(name, alice.now)
    alice.settle(1.0)

    for place in (*ROOMS, *(f"@{name}" for name in AUTHORS)):
        said = [
            f"{message.author}: {message.text}"
            for message in server.messages
            if message.author != "alice"
            and (
                message.place == place or (message.place, f"@{message.author}") == ("@alice", place)
            )
        ]
        shown = [line for line in alice.shown.get(place, []) if not line.startswith("alice")]
        assert Counter(shown) == Counter(said[-max(50, len(shown)) :]), place
    arrived = Counter(
        (_private(message.place), message.text)
        for message in server.messages
        if message.author == "alice"
    )
    returned = Counter(alice.returned)
    open_ones = [own for own in alice.own.values() if own.state == "unconfirmed"]
    undecided = Counter((_private(own.place), own.text) for own in open_ones)
    for key, number in typed.items():
        sent = number - returned[key]
        assert sent - undecided[key] <= arrived[key] <= sent, key
    assert all(own.proof is None for own in open_ones)  # only without a proof, the user decides


def _private(place: str) -> str:
    return place if place.startswith("@") else ""
