"""Section 3 of the contract: names of rooms that look alike, or like nothing."""

from __future__ import annotations

import pytest

from tests.support.running_server import RunningServer

LOOK_ALIKES = [
    ("dev", "Dev"),
    ("dev", "d\u0435v"),  # Cyrillic е
    ("dev", "\U0001d41dev"),  # mathematical bold d
    ("dev", "\uff44\uff45\uff56"),  # full width
    ("dev", "de\u034fv"),  # an invisible mark
    ("dev", "\u3164dev"),  # a filler, which is a letter
    ("dev", "dev\ufe0f"),
    ("team1", "teaml"),
    ("B0B", "BOB"),
    ("modem", "modern"),
    ("\u0434\u0435\u0432", "\u0414\u0415\u0412"),  # Cyrillic, in capitals
    ("caf\u00e9", "caf\u0435\u0301"),
    ("scope", "\u0455\u0441\u043e\u0440\u0435"),  # all letters Cyrillic
    ("bob", "b\u0585b"),  # Armenian
    ("paypal", "p\u0251ypal"),  # Latin alpha
]

INVISIBLE = [
    "\u3164",  # Hangul filler
    "\u115f\u1160",
    "\uffa0",
    "\u034f",
    "\u17b4\u17b5",
    "\ufe0f",
    "\U000e0100",
    "\u0301",  # an accent without a letter
    "\u0301\u3164\u20dd",
]


@pytest.mark.parametrize(("first", "second"), LOOK_ALIKES)
def test_room_that_looks_like_an_open_one_does_not_open(
    server: RunningServer, first: str, second: str
) -> None:
    for opened, refused in ((first, second), (second, first)):
        alice, bob = server.log_in("alice"), server.log_in("bob")
        assert alice.request(f"/join {opened}").startswith("[SERVER] Joined room '")
        shown = alice.request("/who").partition("'")[2].partition("'")[0]
        line = bob.request(f"/join {refused}")
        assert line.endswith(f": it looks like room '{shown}'")
        assert line.startswith("[ERROR] Can't open ")
        assert bob.request("/who").startswith("[SERVER] In room 'lobby': ")
        assert bob.request(f"/join {opened}") == f"[SERVER] Joined room '{shown}'"
        # The room closes, so the second order can be tried.
        alice.request("/leave")
        bob.request("/leave")


@pytest.mark.parametrize("name", ["Lobby", "LOBBY", "l\u043ebby", "1obby", "lobb\u0443"])
def test_no_room_looks_like_the_lobby(server: RunningServer, name: str) -> None:
    alice = server.log_in("alice")
    assert alice.request(f"/join {name}") == (
        f"[ERROR] Can't open {name}: it looks like room 'lobby'"
    )


@pytest.mark.parametrize("name", INVISIBLE, ids=ascii)
def test_name_without_visible_character_is_invalid(server: RunningServer, name: str) -> None:
    alice = server.log_in("alice")
    assert alice.request(f"/join {name}") == f"[ERROR] Invalid room name: {name}"


@pytest.mark.parametrize(
    "names",
    [
        ("dev", "dev2", "dav", "de", "devs"),
        ("\u65e5\u672c", "\u65e5\u6728", "\u672c"),
        ("jos\u00e9", "jose"),
        ("room1", "room2", "room10"),
        ("-", ".", "_"),
    ],
)
def test_different_names_open_different_rooms(
    server: RunningServer, names: tuple[str, ...]
) -> None:
    people = ("alice", "bob", "carol", "dave", "DPS")
    for user, name in zip(people, names, strict=False):
        assert server.log_in(user).request(f"/join {name}") == f"[SERVER] Joined room '{name}'"


def test_look_is_free_again_when_the_room_closes(server: RunningServer) -> None:
    alice = server.log_in("alice")
    alice.request("/join dev")
    assert alice.request("/join DEV").startswith("[ERROR] Can't open DEV: ")
    alice.request("/leave")
    assert alice.request("/join DEV") == "[SERVER] Joined room 'DEV'"
    assert alice.request("/join dev") == "[ERROR] Can't open dev: it looks like room 'DEV'"
    alice.request("/leave")
    assert alice.request("/join dev") == "[SERVER] Joined room 'dev'"
