"""Clients that disconnect in every state of a connection."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chat_server.delivery.outbox import OutboxState
from tests.abuse.scenario import AbuseScenario, HashGate, outbox_of
from tests.support.running_server import StartServer
from tests.support.wait_until import until
from tests.support.wire_client import WireClient

EnterState = Callable[[AbuseScenario, HashGate], WireClient]


def before_any_read(scenario: AbuseScenario, gate: HashGate) -> WireClient:
    return scenario.server.connect()


def greeted(scenario: AbuseScenario, gate: HashGate) -> WireClient:
    client = scenario.server.connect()
    client.expect_match(r"\[SERVER\] Login using: .*")
    return client


def in_the_middle_of_login_line(scenario: AbuseScenario, gate: HashGate) -> WireClient:
    client = greeted(scenario, gate)
    client.send_raw(b"LOGIN alice pw-")
    return client


def while_password_is_queued(scenario: AbuseScenario, gate: HashGate) -> WireClient:
    client = greeted(scenario, gate)
    gate.occupy(scenario)
    client.send("LOGIN alice pw-of-alice")
    until(lambda: scenario.server.server._services.hash_pool._queue, "the login is in the queue")
    return client


def while_password_is_hashed(scenario: AbuseScenario, gate: HashGate) -> WireClient:
    client = greeted(scenario, gate)
    gate.close()
    client.send("LOGIN alice pw-of-alice")
    gate.wait_until_held()
    return client


def logged_in(scenario: AbuseScenario, gate: HashGate) -> WireClient:
    return scenario.server.log_in("alice")


def in_the_middle_of_a_line(scenario: AbuseScenario, gate: HashGate) -> WireClient:
    alice = logged_in(scenario, gate)
    alice.send_raw(b"a line without an end")
    scenario.unread_texts.append("a line without an end")
    return alice


def while_publishing(scenario: AbuseScenario, gate: HashGate) -> WireClient:
    alice = logged_in(scenario, gate)
    scenario.publish(alice, *(f"{number} {'x' * 500}" for number in range(400)))
    return alice


def over_rate_limit(scenario: AbuseScenario, gate: HashGate) -> WireClient:
    alice = logged_in(scenario, gate)
    scenario.publish(alice, *map(str, range(8)))
    return alice


def with_a_full_outbox(scenario: AbuseScenario, gate: HashGate) -> WireClient:
    return scenario.log_in_unread_alice()


def before_last_line_is_sent(scenario: AbuseScenario, gate: HashGate) -> WireClient:
    alice = scenario.log_in_unread_alice()
    outbox = outbox_of(scenario.server, alice)
    alice.send("/quit")
    until(lambda: outbox.state is OutboxState.FINISHING, "alice is leaving")
    return alice


def after_last_line(scenario: AbuseScenario, gate: HashGate) -> WireClient:
    alice = logged_in(scenario, gate)
    assert alice.request("/quit") == "[SERVER] Goodbye"
    return alice


def after_a_forced_logout(scenario: AbuseScenario, gate: HashGate) -> WireClient:
    older = logged_in(scenario, gate)
    scenario.bystanders.append(logged_in(scenario, gate))
    return older


def with_a_full_outbox_after_a_forced_logout(scenario: AbuseScenario, gate: HashGate) -> WireClient:
    older = scenario.log_in_unread_alice()
    scenario.bystanders.append(logged_in(scenario, gate))
    return older


def rejected_as_server_is_full(scenario: AbuseScenario, gate: HashGate) -> WireClient:
    client = scenario.server.connect()
    client.expect("[ERROR] Server is full; try again later")
    return client


SETTINGS: dict[EnterState, dict[str, object]] = {
    over_rate_limit: {"rate": 20, "burst": 2},
    rejected_as_server_is_full: {"max_clients": 2},
}

STATES: tuple[EnterState, ...] = (
    before_any_read,
    greeted,
    in_the_middle_of_login_line,
    while_password_is_queued,
    while_password_is_hashed,
    logged_in,
    in_the_middle_of_a_line,
    while_publishing,
    over_rate_limit,
    with_a_full_outbox,
    before_last_line_is_sent,
    after_last_line,
    after_a_forced_logout,
    with_a_full_outbox_after_a_forced_logout,
    rejected_as_server_is_full,
)


def client_in_state(
    enter: EnterState, start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> tuple[AbuseScenario, HashGate, WireClient]:
    """Bring a client of a new server into a state."""
    settings = {"rate": 0, "outbox": 256 * 1024, "flush_seconds": 0.3, "linger_seconds": 0.3}
    gate = HashGate(monkeypatch)
    scenario = AbuseScenario(start_server(**settings | SETTINGS.get(enter, {})))
    return scenario, gate, enter(scenario, gate)


@pytest.mark.parametrize("state", STATES)
def test_reset_ends_only_that_client_in_any_state(
    state: EnterState, start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario, gate, client = client_in_state(state, start_server, monkeypatch)
    client.reset()
    gate.open()
    received = scenario.clear()
    assert received == scenario.unread_texts[: len(received)]


@pytest.mark.parametrize("state", STATES)
def test_fin_in_any_state_processes_sent_lines_and_ends_client(
    state: EnterState, start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario, gate, client = client_in_state(state, start_server, monkeypatch)
    scenario.bystanders = [other for other in scenario.bystanders if other is not client]
    client.send_eof()
    gate.open()
    # The client neither reads nor closes: the server alone ends the connection.
    assert scenario.clear() == scenario.unread_texts
    client.close()
