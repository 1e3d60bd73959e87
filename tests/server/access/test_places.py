"""The places of the server: which connection is evicted, and who still gets one."""

from __future__ import annotations

import time
from collections import Counter
from random import Random

import pytest

from chat_server.access.places import Place, Places


class Server:
    """Places, and the connections that have lost theirs."""

    def __init__(self, max_clients: int, member_places: int = 0, operator_places: int = 0) -> None:
        self.places = Places(max_clients, member_places, operator_places)
        self.evicted: list[str] = []

    def connect(self, host: str, *, is_known: bool = False) -> Place | None:
        return self.places.enter(
            host, 1, lambda place: self.evicted.append(place.host), is_known=is_known
        )

    def enter(self, host: str) -> Place:
        place = self.connect(host)
        assert place is not None
        return place

    def log_in(self, host: str, *, is_operator: bool = False, has_session: bool = False) -> Place:
        place = self.enter(host)
        assert self.promote(place, is_operator=is_operator, has_session=has_session)
        return place

    def promote(
        self, place: Place, *, is_operator: bool = False, has_session: bool = False
    ) -> bool:
        return self.places.promote(place, is_operator=is_operator, has_session=has_session)


def test_oldest_connection_without_login_makes_room() -> None:
    server = Server(3)
    for host in ("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"):
        server.enter(host)
    assert server.evicted == ["192.0.2.1", "192.0.2.2"]


def test_network_with_the_most_connections_makes_room() -> None:
    server = Server(10)
    server.enter("192.0.2.1")
    for number in range(9):
        server.enter(f"2001:db8:0:{number}::1")
    server.enter("192.0.2.2")
    assert server.evicted == ["2001:db8:0:0::1"]


def test_customer_with_the_most_connections_of_a_site_makes_room() -> None:
    server = Server(5)
    server.enter("2001:db8:0:100::1")
    for number in range(4):
        server.enter(f"2001:db8:0:20{number}::1")
    server.enter("2001:db8:0:300::1")
    assert server.evicted == ["2001:db8:0:200::1"]


def test_flood_from_one_network_evicts_itself() -> None:
    server = Server(100)
    honest = [server.enter(f"192.0.2.{number}") for number in range(10)]
    for number in range(5_000):
        server.connect(f"2001:db8:0:{number:x}::1")
    assert all(host.startswith("2001:") for host in server.evicted)
    assert all(server.promote(place) for place in honest)


def test_flood_of_logins_being_checked_does_not_evict_idle_connections_of_others() -> None:
    server = Server(10)
    honest = server.enter("192.0.2.1")
    for number in range(9):
        server.places.start_verifying(server.enter(f"2001:db8:0:{number}::1"))
    assert server.connect("2001:db8:0:ffff::1") is None
    assert server.evicted == []
    assert server.promote(honest)


def test_client_whose_password_is_checked_keeps_its_place() -> None:
    server = Server(2)
    checked = server.enter("192.0.2.1")
    assert server.places.start_verifying(checked)
    server.enter("192.0.2.2")
    server.enter("192.0.2.3")
    assert server.evicted == ["192.0.2.2"]
    assert server.promote(checked)


def test_client_whose_password_is_checked_makes_room_for_a_smaller_network_in_the_end() -> None:
    server = Server(3)
    for _ in range(3):
        server.places.start_verifying(server.enter("192.0.2.1"))
    server.enter("192.0.2.2")
    assert server.evicted == ["192.0.2.1"]


def test_connections_from_many_networks_evict_each_other_before_known_ones() -> None:
    server = Server(20)
    office = [server.connect("192.0.2.1", is_known=True) for _ in range(3)]
    for number in range(50):
        server.enter(f"2001:db8:{number:x}::1")
    assert "192.0.2.1" not in server.evicted
    assert all(place is not None and server.promote(place) for place in office)


def test_known_address_gets_a_place_while_the_passwords_of_all_others_are_checked() -> None:
    server = Server(3)
    checked = [server.enter(f"192.0.2.{number}") for number in range(3)]
    assert all(server.places.start_verifying(place) for place in checked)
    assert server.connect("192.0.2.8") is None
    assert server.connect("192.0.2.9", is_known=True) is not None
    assert server.evicted == ["192.0.2.0"]


def test_known_connections_make_room_if_there_are_no_others() -> None:
    server = Server(2)
    for number in range(2):
        assert server.connect(f"192.0.2.{number}", is_known=True) is not None
    server.enter("192.0.2.8")
    assert server.evicted == ["192.0.2.0"]


def test_client_whose_login_was_rejected_makes_room() -> None:
    server = Server(2)
    for host in ("192.0.2.1", "192.0.2.2"):
        place = server.enter(host)
        assert server.places.start_verifying(place)
        server.places.stop_verifying(place)
    server.enter("192.0.2.3")
    assert server.evicted == ["192.0.2.1"]


def test_evicted_client_cannot_log_in() -> None:
    server = Server(1)
    first = server.enter("192.0.2.1")
    server.enter("192.0.2.2")
    assert not server.places.start_verifying(first)
    assert not server.promote(first)


def test_members_are_never_evicted() -> None:
    server = Server(3)
    for number in range(3):
        server.log_in(f"192.0.2.{number}")
    assert server.connect("192.0.2.9") is None
    assert server.evicted == []


def test_member_places_stay_free_for_clients_that_log_in() -> None:
    server = Server(8, member_places=2)
    for number in range(20):
        server.enter(f"192.0.2.{number}")
    assert len(server.evicted) == 14  # six are left


def test_operator_gets_in_when_users_have_taken_all_other_places() -> None:
    server = Server(10, operator_places=2)
    for number in range(8):
        server.log_in(f"192.0.2.{number}")
    refused = server.enter("192.0.2.8")
    assert not server.promote(refused)
    server.places.leave(refused)
    server.log_in("192.0.2.9", is_operator=True)
    assert server.promote(server.enter("192.0.2.10"), has_session=True)


def test_place_is_free_again_after_its_connection_ended() -> None:
    server = Server(2, operator_places=1)
    for _ in range(5):
        member = server.log_in("192.0.2.1")
        operator = server.log_in("192.0.2.2", is_operator=True)
        assert server.connect("192.0.2.3") is None
        server.places.leave(member)
        server.places.leave(operator)
    assert server.places.strangers_in("192.0.2.1") == [0]


@pytest.mark.parametrize("seed", range(5))
def test_places_are_counted_right_after_any_sequence(seed: int) -> None:
    random = Random(seed)
    server = Server(12, member_places=3, operator_places=2)
    alive: list[Place] = []
    members = 0
    for _ in range(2_000):
        hosts = [f"2001:db8:{random.randrange(3)}:{random.randrange(4)}::1", "192.0.2.1"]
        match random.randrange(4):
            case 0 | 1:
                place = server.connect(random.choice(hosts))
                if place is not None:
                    alive.append(place)
            case 2 if alive:
                place = random.choice(alive)
                if place.blocks and server.promote(place, is_operator=random.random() < 0.3):
                    members += 1
            case 3 if alive:
                place = alive.pop(random.randrange(len(alive)))
                if not place.blocks:
                    members -= 1
                server.places.leave(place)
        lost = [place for place in alive if place.is_evicted]
        for place in lost:
            alive.remove(place)
            server.places.leave(place)
        strangers = [place for place in alive if place.blocks]
        assert len(alive) <= 12
        assert len(strangers) <= 9
        expected = Counter(block for place in strangers for block in place.blocks)
        for host in hosts:
            place = Place(host, 1)
            assert server.places.strangers_in(host) == [expected[b] for b in place.blocks]


@pytest.mark.slow
def test_eviction_takes_no_longer_with_many_connections() -> None:
    server = Server(10_000)
    for number in range(10_000):
        server.places.start_verifying(server.enter(f"2001:db8:{number % 5000:x}::{number:x}"))
    started = time.process_time()
    for number in range(1_000):
        server.connect(f"2001:db9:{number:x}::1")
    assert time.process_time() - started < 5  # 5 ms each; it takes 0.2 ms


def test_sites_may_have_several_times_the_connections_of_an_address() -> None:
    places = Places(1000, 0, 0)
    for number in range(5):
        places.enter(f"2001:db8:0:{number}::1", 1)
    assert places.strangers_in("2001:db8:0:1::2") == [5, 5, 1]
