"""ServerRotation: the order in which the servers of one chat are tried."""

from __future__ import annotations

from chat_tui.account import Address
from chat_tui.session.server_rotation import ServerRotation

A, B, C = ("a", 1), ("b", 1), ("c", 1)


def taken(rotation: ServerRotation) -> list[Address]:
    found = []
    while rotation.has_untried:
        found.append(rotation.take())
    return found


def test_first_round_has_the_order_of_the_profile() -> None:
    rotation = ServerRotation()
    rotation.begin((A, B, C))
    assert taken(rotation) == [A, B, C]


def test_later_round_is_shuffled_and_ends_with_the_failed_server() -> None:
    rotation = ServerRotation(shuffle=list.reverse)
    rotation.begin((A, B, C))
    assert rotation.take() == A
    rotation.start_round(A)
    assert taken(rotation) == [C, B, A]


def test_single_server_is_tried_once_a_round() -> None:
    rotation = ServerRotation()
    rotation.begin((A,))
    assert taken(rotation) == [A]
    rotation.start_round(A)
    assert taken(rotation) == [A]


def test_preferred_server_is_tried_first() -> None:
    rotation = ServerRotation(shuffle=lambda servers: None)
    rotation.begin((A, B, C))
    rotation.start_round(rotation.take())
    rotation.prefer(C)
    assert taken(rotation) == [C, B, A]
