"""Clients that go away without a word, in every state of their life."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chat_server.delivery.outbox import OutboxState
from tests.abuse.scenario import AbuseScenario, HashGate, outbox_of
from tests.support.running_server import StartServer
from tests.support.wait_until import until
from tests.support.wire_client import WireClient

EnterState = Callable[[AbuseScenario, HashGate], WireClient]


def before_it_read_anything(stage: AbuseScenario, gate: HashGate) -> WireClient:
    return stage.server.connect()


def greeted(stage: AbuseScenario, gate: HashGate) -> WireClient:
    client = stage.server.connect()
    client.expect_match(r"\[SERVER\] Login using: .*")
    return client


def within_its_login_line(stage: AbuseScenario, gate: HashGate) -> WireClient:
    client = greeted(stage, gate)
    client.send_raw(b"LOGIN alice pw-")
    return client


def while_its_password_waits_its_turn(stage: AbuseScenario, gate: HashGate) -> WireClient:
    client = greeted(stage, gate)
    gate.occupy(stage)
    client.send("LOGIN alice pw-of-alice")
    until(lambda: stage.server.server._services.hash_pool._queue, "the login is in the queue")
    return client


def while_its_password_is_hashed(stage: AbuseScenario, gate: HashGate) -> WireClient:
    client = greeted(stage, gate)
    gate.close()
    client.send("LOGIN alice pw-of-alice")
    gate.until_one_is_held()
    return client


def logged_in(stage: AbuseScenario, gate: HashGate) -> WireClient:
    return stage.server.log_in("alice")


def within_a_line(stage: AbuseScenario, gate: HashGate) -> WireClient:
    alice = logged_in(stage, gate)
    alice.send_raw(b"a line without an end")
    stage.said.append("a line without an end")
    return alice


def while_publishing(stage: AbuseScenario, gate: HashGate) -> WireClient:
    alice = logged_in(stage, gate)
    stage.say(alice, *(f"{number} {'x' * 500}" for number in range(400)))
    return alice


def over_its_rate(stage: AbuseScenario, gate: HashGate) -> WireClient:
    alice = logged_in(stage, gate)
    stage.say(alice, *map(str, range(8)))
    return alice


def with_a_full_outbox(stage: AbuseScenario, gate: HashGate) -> WireClient:
    return stage.lazy_alice()


def before_its_last_line_is_out(stage: AbuseScenario, gate: HashGate) -> WireClient:
    alice = stage.lazy_alice()
    outbox = outbox_of(stage.server, alice)
    alice.send("/quit")
    until(lambda: outbox.state is OutboxState.FINISHING, "alice is leaving")
    return alice


def after_its_last_line(stage: AbuseScenario, gate: HashGate) -> WireClient:
    alice = logged_in(stage, gate)
    assert alice.request("/quit") == "[SERVER] Goodbye"
    return alice


def after_a_forced_logout(stage: AbuseScenario, gate: HashGate) -> WireClient:
    older = logged_in(stage, gate)
    stage.bystanders.append(logged_in(stage, gate))
    return older


def with_a_full_outbox_after_a_forced_logout(stage: AbuseScenario, gate: HashGate) -> WireClient:
    older = stage.lazy_alice()
    stage.bystanders.append(logged_in(stage, gate))
    return older


def refused_at_the_door(stage: AbuseScenario, gate: HashGate) -> WireClient:
    client = stage.server.connect()
    client.expect("[ERROR] Server is full; try again later")
    return client


SETTINGS: dict[EnterState, dict[str, object]] = {
    over_its_rate: {"rate": 20, "burst": 2},
    refused_at_the_door: {"max_clients": 2},
}

STATES: tuple[EnterState, ...] = (
    before_it_read_anything,
    greeted,
    within_its_login_line,
    while_its_password_waits_its_turn,
    while_its_password_is_hashed,
    logged_in,
    within_a_line,
    while_publishing,
    over_its_rate,
    with_a_full_outbox,
    before_its_last_line_is_out,
    after_its_last_line,
    after_a_forced_logout,
    with_a_full_outbox_after_a_forced_logout,
    refused_at_the_door,
)


def in_state(
    enter: EnterState, start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> tuple[AbuseScenario, HashGate, WireClient]:
    """Bring a client of a new server into a state."""
    settings = {"rate": 0, "outbox": 256 * 1024, "flush_seconds": 0.3, "linger_seconds": 0.3}
    gate = HashGate(monkeypatch)
    stage = AbuseScenario(start_server(**settings | SETTINGS.get(enter, {})))
    return stage, gate, enter(stage, gate)


@pytest.mark.parametrize("state", STATES)
def test_reset_ends_only_that_client_in_any_state(
    state: EnterState, start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, gate, client = in_state(state, start_server, monkeypatch)
    client.reset()
    gate.open()
    heard = stage.clear()
    assert heard == stage.said[: len(heard)]


@pytest.mark.parametrize("state", STATES)
def test_fin_in_any_state_processes_sent_lines_and_ends_client(
    state: EnterState, start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, gate, client = in_state(state, start_server, monkeypatch)
    stage.bystanders = [other for other in stage.bystanders if other is not client]
    client.send_eof()
    gate.open()
    # It neither reads nor closes: the server alone brings this to its end.
    assert stage.clear() == stage.said
    client.close()
