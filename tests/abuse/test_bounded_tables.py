"""A hundred thousand names: no table of the server grows with them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address

from chat_server.access.login_throttle import LoginThrottle
from chat_server.access.rate_limits import (
    MAX_TRACKED_ADDRESSES,
    ConnectionLimiter,
)
from tests.support.running_server import RunningServer, StartServer
from tests.support.wait_until import until
from tests.support.wire_client import WireClient

NAMES = 100_000
BATCH = 500
"""Lines sent before their replies are read: fewer bytes than an outbox holds."""

FEW = 32
"""Maximum entries of any table while a handful of users is connected."""


def tables_of(owner: object) -> dict[str, int]:
    """Return the length of every container reachable from `owner`, by its shortest path."""
    found: dict[str, int] = {}
    seen: set[int] = set()
    left: deque[tuple[str, object]] = deque([(type(owner).__name__, owner)])
    while left:
        path, value = left.popleft()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Mapping):
            found[path] = len(value)
            left += [(f"{path}[]", entry) for entry in (*value, *value.values())]
        elif isinstance(value, set | list | tuple | deque):
            found[path] = len(value)
            left += [(f"{path}[]", entry) for entry in value]
        elif type(value).__module__.startswith("chat_server"):
            left += [(f"{path}.{name}", part) for name, part in _parts_of(value)]
    return found


def _parts_of(value: object) -> Iterator[tuple[str, object]]:
    names = {name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())}
    for name in sorted(names.union(getattr(value, "__dict__", ()))):
        if hasattr(value, name):
            yield name, getattr(value, name)


def assert_small(server: RunningServer) -> None:
    tables = tables_of(server.server)
    # The search finds known tables:
    assert tables["ChatServer._clients._threads"] == server.server.client_count
    assert "ChatServer._hub._applier.state.subscriptions" in tables
    assert "ChatServer._clients._threads[]._session.subscriptions" in tables
    assert {path: size for path, size in tables.items() if size > FEW} == {}


def exchange(client: WireClient, lines: list[str], answers: list[str]) -> None:
    """Send lines in batches and check the replies."""
    for start in range(0, len(lines), BATCH):
        client.send(*lines[start : start + BATCH])
        client.expect(*answers[start : start + BATCH])


def test_opened_and_closed_rooms_leave_no_entries(server: RunningServer) -> None:
    alice = server.log_in("alice")
    names = [f"room-{number}" for number in range(NAMES)]
    # One message in each: a room keeps a table of recipients by author.
    lines = [f"/join {name}\nhello {name}" for name in names]
    exchange(alice, lines, [f"[SERVER] Joined room '{name}'" for name in names])
    assert alice.request("/rooms") == f"[SERVER] Active rooms: lobby (0), {names[-1]} (1)"
    assert_small(server)


def test_commands_with_unknown_names_leave_no_entries(server: RunningServer) -> None:
    alice = server.log_in("alice", subscribe="alice")
    names = [f"nobody-{number}" for number in range(NAMES // 4)]
    for command, answer in (
        ("/unsubscribe", "[SERVER] Unsubscribed from"),
        ("/subscribe", "[ERROR] No such user:"),
        ("/who", "[ERROR] No such room:"),
    ):
        exchange(
            alice, [f"{command} {name}" for name in names], [f"{answer} {name}" for name in names]
        )
    exchange(
        alice,
        [f"/{name}" for name in names],
        [f"[ERROR] Unknown command: /{name} (try /help)" for name in names],
    )
    assert alice.request("/subs") == "[SERVER] Subscriptions: alice"
    assert_small(server)


def test_logins_with_unknown_names_leave_no_entries(start_server: StartServer) -> None:
    server = start_server(login_failures=0, linger_seconds=0.2)
    alice = server.log_in("alice")
    for number in range(150):
        with WireClient("127.0.0.1", server.port) as stranger:
            stranger.send(f"LOGIN nobody-{number} pw-of-alice")
            stranger.expect_match(r"\[SERVER\] Login using: .*")
            stranger.expect("[ERROR] Authentication failed")
    until(lambda: server.server.client_count == 1, "the strangers are gone")
    assert alice.request("/who") == "[SERVER] In room 'lobby': alice"
    assert_small(server)


def test_failed_logins_from_many_addresses_fill_bounded_table() -> None:
    throttle = LoginThrottle(10, 600)
    for number in range(NAMES):
        throttle.record_failure(str(IPv4Address(number)), "alice")
    for number in range(NAMES // 10):
        throttle.retry_after(str(IPv6Address(number << 64)), "alice")  # a query adds no entry
    assert tables_of(throttle)["LoginThrottle._failures._times"] == MAX_TRACKED_ADDRESSES


def test_ended_connections_from_many_addresses_leave_no_entries() -> None:
    admissions = ConnectionLimiter(16, ())
    addresses = [str(IPv4Address(1 << 24 | number)) for number in range(NAMES // 10)]
    for address in addresses:
        assert admissions.admit(address)
    assert tables_of(admissions)["ConnectionLimiter._connections"] == len(addresses)
    for address in addresses:
        admissions.release(address)
    assert tables_of(admissions)["ConnectionLimiter._connections"] == 0
