"""The operators' commands: kick, ban, unban, announce."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from chat_server.access.bans import BanList
from chat_server.addresses import parse_network
from chat_server.core.rooms import Session
from chat_server.delivery.outbox import Outbox
from chat_server.wire import replies
from chat_server.wire.protocol import CLIENT_LINE_LIMIT, SERVER_LINE_LIMIT
from tests.support.accounts import cheap_hash
from tests.support.fake_clock import FakeClock
from tests.support.running_server import RunningServer, StartServer
from tests.support.wait_until import WAIT_TIMEOUT
from tests.support.wire_client import WireClient

PROMPT = f"[SERVER] {replies.LOGIN_PROMPT}"
OPERATOR_COMMANDS = ("/kick", "/ban", "/unban", "/announce")


@pytest.fixture
def server(start_server: StartServer) -> RunningServer:
    """Return a server whose operators are alice and dave."""
    return start_server(rate=0, operators=frozenset({"alice", "dave"}))


def try_to_log_in(server: RunningServer, name: str, source: str | None = None) -> WireClient:
    """Connect, read the prompt and send the LOGIN line."""
    client = server.connect(source=source)
    client.expect(PROMPT)
    client.send(f"LOGIN {name} pw-of-{name}")
    return client


# Permission


def test_operator_commands_are_listed_only_for_operators(server: RunningServer) -> None:
    for name, is_operator in (("alice", True), ("bob", False)):
        client = try_to_log_in(server, name)
        client.expect("[SERVER] Login successful")
        listed = client.expect_match(r"\[SERVER\] Available commands: (.*)")[1].split(", ")
        assert set(OPERATOR_COMMANDS).issubset(listed) == is_operator
        assert set(OPERATOR_COMMANDS).isdisjoint(listed) != is_operator
        client.send("/help", "/who")
        for word in listed:
            client.expect_match(rf"\[SERVER\] {word}( .*)? - .+")
        client.expect_match(r"\[SERVER\] In room 'lobby': .*")


@pytest.mark.parametrize(
    "line", ["/kick alice", "/kick", "/ban alice 1", "/unban alice", "/announce x", "/announce"]
)
def test_operator_commands_are_rejected_for_other_users(server: RunningServer, line: str) -> None:
    alice, bob = server.log_in("alice"), server.log_in("bob")
    assert bob.request(line) == f"[ERROR] Only operators may use {line.split()[0]}"
    alice.expect_silence()
    assert "Operator" not in server.log.getvalue()


def test_operator_commands_are_rejected_without_configured_operators(
    start_server: StartServer,
) -> None:
    alice = start_server().log_in("alice")
    assert alice.request("/kick alice") == "[ERROR] Only operators may use /kick"


def test_operator_without_account_is_logged_at_start(
    start_server: StartServer,
) -> None:
    server = start_server(operators=frozenset({"alice", "alcie", "a\u0301b"}))
    log = server.log.getvalue()
    assert "[!] Operator 'alcie' has no account\n" in log
    assert "'alice'" not in log


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("/kick", "[ERROR] Usage: /kick <user> [reason]"),
        ("/kick nobody", "[ERROR] Not logged in: nobody"),
        ("/kick bob", "[ERROR] Not logged in: bob"),
        ("/kick a/b go", "[ERROR] Not logged in: a/b"),
        ("/ban", "[ERROR] Usage: /ban <user|address> [minutes]"),
        ("/ban bob 5 flooding", "[ERROR] Usage: /ban <user|address> [minutes]"),
        ("/ban nobody", "[ERROR] No such user: nobody"),
        ("/ban a/b", "[ERROR] No such user: a/b"),
        ("/ban 10.0.0.0/8", "[ERROR] No such user: 10.0.0.0/8"),
        ("/ban dave", "[ERROR] Can't ban dave: an operator"),
        ("/ban alice 5", "[ERROR] Can't ban alice: an operator"),
        ("/ban 127.0.0.1", "[ERROR] Can't ban 127.0.0.1: your own address"),
        ("/ban 127.0.0.9", "[ERROR] Can't ban 127.0.0.9: this machine"),
        ("/ban ::1", "[ERROR] Can't ban ::/64: this machine"),
        ("/ban 192.0.2.1", "[SERVER] Banned 192.0.2.1 until the server stops"),
        ("/ban 2001:db8::1 5", "[SERVER] Banned 2001:db8::/64 for 5 min"),
        ("/ban ::ffff:192.0.2.1 1", "[SERVER] Banned 192.0.2.1 for 1 min"),
        ("/ban bob", "[SERVER] Banned bob until the server stops"),
        ("/ban bob 525600", "[SERVER] Banned bob for 525600 min"),
        ("/unban bob", "[ERROR] Not banned: bob"),
        ("/unban 192.0.2.1", "[ERROR] Not banned: 192.0.2.1"),
        ("/unban a/b", "[ERROR] Not banned: a/b"),
        ("/unban", "[ERROR] Usage: /unban <user|address>"),
        ("/announce", "[ERROR] Usage: /announce <text>"),
        ("/announce \x01\x02", "[ERROR] Usage: /announce <text>"),
        ("/announce Back at noon", "[SERVER] Announcement from alice: Back at noon"),
    ],
)
def test_operator_command_gives_documented_reply(
    server: RunningServer, line: str, answer: str
) -> None:
    assert server.log_in("alice").request(line) == answer


@pytest.mark.parametrize("minutes", ["0", "-1", "1.5", "525601", "9" * 400, "two", "٣", "+5"])
def test_ban_rejects_invalid_minutes(server: RunningServer, minutes: str) -> None:
    alice = server.log_in("alice")
    assert alice.request(f"/ban bob {minutes}") == (
        "[ERROR] Minutes are a whole number from 1 to 525600"
    )
    server.log_in("bob")


def test_ban_rejects_trusted_network(start_server: StartServer) -> None:
    server = start_server(
        operators=frozenset({"alice"}),
        trusted=(parse_network("10.1.0.0/16"), parse_network("2001:db8::5")),
    )
    alice = server.log_in("alice")
    assert alice.request("/ban 10.1.2.3") == "[ERROR] Can't ban 10.1.2.3: a trusted network"
    assert alice.request("/ban 2001:db8::9") == "[ERROR] Can't ban 2001:db8::/64: a trusted network"
    assert alice.request("/ban 10.2.0.1 5") == "[SERVER] Banned 10.2.0.1 for 5 min"


# Kick


def test_kick_ends_session_with_reason(server: RunningServer) -> None:
    alice, bob = server.log_in("alice"), server.log_in("bob")
    assert alice.request("/presence on") == "[SERVER] Presence on"
    alice.send("/kick bob   too loud,\x1b[31m Bob  ")
    bob.expect("[SERVER] Logged out by an operator: too loud,[31m Bob")
    bob.expect_end()
    alice.expect("[SERVER] bob left room 'lobby'", "[SERVER] Kicked bob")
    server.log_in("bob")  # may log in again
    log = server.log.getvalue()
    assert "[!] Operator 'alice' kicked 'bob': 'too loud,[31m Bob'\n" in log


def test_kick_without_reason_ends_session(server: RunningServer) -> None:
    alice, bob = server.log_in("alice"), server.log_in("bob")
    assert alice.request("/kick bob") == "[SERVER] Kicked bob"
    bob.expect("[SERVER] Logged out by an operator")
    bob.expect_end()


def test_operator_can_kick_operator_and_self(server: RunningServer) -> None:
    alice, dave = server.log_in("alice"), server.log_in("dave")
    assert alice.request("/kick dave") == "[SERVER] Kicked dave"
    dave.expect("[SERVER] Logged out by an operator")
    alice.send("/kick alice good night")
    alice.expect("[SERVER] Logged out by an operator: good night")
    alice.expect_end()


def test_pending_lines_of_kicked_user_are_not_published(
    start_server: StartServer,
) -> None:
    server = start_server(rate=1, burst=2, operators=frozenset({"alice"}))
    bob = server.log_in("bob")
    carol = server.log_in("carol", subscribe="bob")
    alice = server.log_in("alice")
    bob.send("one", "two", "three")
    carol.expect_message("bob", "one")
    carol.expect_message("bob", "two")
    assert alice.request("/kick bob") == "[SERVER] Kicked bob"
    bob.expect("[SERVER] Logged out by an operator")
    carol.expect_silence()


# Bans of accounts


def test_ban_ends_session_and_rejects_login(server: RunningServer) -> None:
    alice, bob = server.log_in("alice"), server.log_in("bob")
    assert alice.request("/ban bob 2") == "[SERVER] Banned bob for 2 min"
    bob.expect("[SERVER] Logged out by an operator: banned for 2 min")
    bob.expect_end()
    again = try_to_log_in(server, "bob")
    match = again.expect_match(r"\[ERROR\] This account is banned; try again in (\d+) s")
    assert 110 <= int(match[1]) <= 120
    again.expect_end()
    log = server.log.getvalue()
    assert "[!] Operator 'alice' banned 'bob' for 2 min; logged out: 'bob'\n" in log
    assert "[!] Refused login for 'bob' from 127.0.0.1:" in log
    assert alice.request("/unban bob") == "[SERVER] Unbanned bob"
    assert "[*] Operator 'alice' unbanned 'bob'\n" in server.log.getvalue()
    server.log_in("bob")


def test_ban_without_duration_lasts_until_server_stops(server: RunningServer) -> None:
    alice, bob = server.log_in("alice"), server.log_in("bob")
    assert alice.request("/ban bob") == "[SERVER] Banned bob until the server stops"
    bob.expect("[SERVER] Logged out by an operator: banned until the server stops")
    try_to_log_in(server, "bob").expect("[ERROR] This account is banned")


def test_timed_ban_expires_for_login(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    monkeypatch.setattr(server.server._services.bans, "_clock", clock)
    alice = server.log_in("alice")
    assert alice.request("/ban bob 1") == "[SERVER] Banned bob for 1 min"
    clock.now += 59.5
    try_to_log_in(server, "bob").expect("[ERROR] This account is banned; try again in 1 s")
    clock.now += 0.5
    server.log_in("bob")


def test_ban_is_revealed_only_with_correct_password_and_is_not_counted_as_failure(
    start_server: StartServer,
) -> None:
    server = start_server(rate=0, operators=frozenset({"alice"}), login_failures=1)
    alice = server.log_in("alice")
    assert alice.request("/ban bob") == "[SERVER] Banned bob until the server stops"
    for _ in range(3):
        try_to_log_in(server, "bob").expect("[ERROR] This account is banned")
    client = server.connect()
    client.expect(PROMPT)
    client.send("LOGIN bob guess")
    client.expect("[ERROR] Authentication failed")


def test_ban_of_account_named_like_address_bans_account(server: RunningServer) -> None:
    server.add_accounts(["192.0.2.7"])
    alice, seven = server.log_in("alice"), server.log_in("192.0.2.7")
    assert alice.request("/ban 192.0.2.7 5") == "[SERVER] Banned 192.0.2.7 for 5 min"
    seven.expect("[SERVER] Logged out by an operator: banned for 5 min")
    bans: BanList = server.server._services.bans
    assert bans.account_ban("192.0.2.7") is not None
    assert bans.address_ban("192.0.2.7") is None


def test_ban_is_rejected_if_ban_list_is_full(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.server._services.bans, "_max_bans", 1)
    alice, bob = server.log_in("alice"), server.log_in("bob")
    assert alice.request("/ban carol") == "[SERVER] Banned carol until the server stops"
    assert alice.request("/ban bob") == "[ERROR] Too many bans; end some with /unban"
    assert bob.request("/who") == "[SERVER] In room 'lobby': alice, bob"


class BlockedLogin:
    """Blocks each login of `user` between the password check and the hub, until released.

    `before_reply()` is called between the hub and the reply.
    """

    def __init__(
        self,
        server: RunningServer,
        user: str,
        before_reply: Callable[[], object] = lambda: None,
    ) -> None:
        self.reached, self._released = threading.Event(), threading.Event()
        original_log_in = server.server._hub.log_in

        def log_in(
            name: str, receiver: Outbox, commands: Sequence[str], host: str
        ) -> Session[Outbox] | None:
            if name == user:
                self.reached.set()
                assert self._released.wait(WAIT_TIMEOUT)
            try:
                return original_log_in(name, receiver, commands, host)
            finally:
                before_reply()

        server.server._hub.log_in = log_in  # type: ignore[method-assign, assignment]

    def wait(self) -> None:
        assert self.reached.wait(WAIT_TIMEOUT)

    def release(self) -> None:
        self._released.set()


def test_login_in_progress_is_rejected_if_account_is_banned(
    server: RunningServer,
) -> None:
    alice = server.log_in("alice")
    blocked = BlockedLogin(server, "bob")
    bob = try_to_log_in(server, "bob")
    blocked.wait()
    assert alice.request("/ban bob 5") == "[SERVER] Banned bob for 5 min"
    blocked.release()
    bob.expect_match(r"\[ERROR\] This account is banned; try again in \d+ s")
    bob.expect_end()
    assert alice.request("/who") == "[SERVER] In room 'lobby': alice"


def test_login_rejected_by_a_ban_names_it_if_the_ban_ends_before_the_reply(
    server: RunningServer,
) -> None:
    alice = server.log_in("alice")
    unbanned: list[str] = []
    blocked = BlockedLogin(server, "bob", lambda: unbanned.append(alice.request("/unban bob")))
    bob = try_to_log_in(server, "bob")
    blocked.wait()
    assert alice.request("/ban bob 5") == "[SERVER] Banned bob for 5 min"
    blocked.release()
    bob.expect_match(r"\[ERROR\] This account is banned; try again in \d+ s")
    bob.expect_end()
    assert unbanned == ["[SERVER] Unbanned bob"]
    assert "failed" not in server.log.getvalue()


# Bans of addresses


@pytest.fixture
def other_addresses(monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Return two addresses of this machine that are not the operator's and may be banned."""
    if sys.platform != "linux":
        pytest.skip("only Linux has all of 127.0.0.0/8")
    monkeypatch.setattr("chat_server.commands.operator.LOOPBACK", ())
    return "127.0.0.2", "127.0.0.3"


def test_address_ban_ends_sessions_and_rejects_connections(
    server: RunningServer, other_addresses: tuple[str, str]
) -> None:
    banned, not_banned = other_addresses
    alice = server.log_in("alice")
    bob, carol = server.log_in("bob", source=banned), server.log_in("carol", source=banned)
    dps = server.log_in("DPS", source=not_banned)
    admitted = server.connect(source=banned)
    admitted.expect(PROMPT)

    assert alice.request(f"/ban {banned} 3") == f"[SERVER] Banned {banned} for 3 min"
    for client in (bob, carol):
        client.expect("[SERVER] Logged out by an operator: your address is banned for 3 min")
        client.expect_end()
    rejected = server.connect(source=banned)
    match = rejected.expect_match(r"\[ERROR\] Your address is banned; try again in (\d+) s")
    assert 170 <= int(match[1]) <= 180
    rejected.expect_end()
    # A connection that was admitted before the ban and logs in after it:
    admitted.send("LOGIN bob guess")  # rejected without computing a hash
    admitted.expect_match(r"\[ERROR\] Your address is banned; try again in \d+ s")
    admitted.expect_end()

    assert dps.request("/who") == "[SERVER] In room 'lobby': DPS, alice"
    server.log_in("bob", source=not_banned)  # the account is not banned
    log = server.log.getvalue()
    assert f"banned '{banned}' for 3 min; logged out: 'bob', 'carol'\n" in log
    assert f"[!] Refused {banned}:" in log
    assert "its address is banned" in log
    assert alice.request(f"/unban {banned}") == f"[SERVER] Unbanned {banned}"
    server.log_in("carol", source=banned)


def test_login_in_progress_is_rejected_if_address_is_banned(
    server: RunningServer, other_addresses: tuple[str, str]
) -> None:
    banned, _ = other_addresses
    alice = server.log_in("alice")
    blocked = BlockedLogin(server, "bob")
    bob = try_to_log_in(server, "bob", banned)
    blocked.wait()
    assert alice.request(f"/ban {banned}") == f"[SERVER] Banned {banned} until the server stops"
    blocked.release()
    bob.expect("[ERROR] Your address is banned")
    bob.expect_end()
    assert alice.request("/who") == "[SERVER] In room 'lobby': alice"


def test_unban_accepts_address_as_displayed(server: RunningServer) -> None:
    alice = server.log_in("alice")
    alice.request("/ban 2001:db8::1")
    assert alice.request("/unban 2001:db8::/64") == "[SERVER] Unbanned 2001:db8::/64"
    assert alice.request("/unban 2001:db8::1") == "[ERROR] Not banned: 2001:db8::1"


# Announcements


def test_announcement_reaches_every_session(
    server: RunningServer,
) -> None:
    alice, bob, carol = (server.log_in(name) for name in ("alice", "bob", "carol"))
    assert carol.request("/join dev") == "[SERVER] Joined room 'dev'"
    alice.send("/announce   Down at\x1b[2J noon;  back at one  ")
    for client in (alice, bob, carol):
        client.expect("[SERVER] Announcement from alice: Down at[2J noon;  back at one")
    assert (
        "[*] Operator 'alice' announced 'Down at[2J noon;  back at one'\n" in server.log.getvalue()
    )


def test_longest_announcement_fits_in_line_limit(start_server: StartServer, tmp_path: Path) -> None:
    name = "\U0001d4b3" * 32
    users = tmp_path / "long.json"
    users.write_text(json.dumps({name: cheap_hash("password")}))
    server = start_server(operators=frozenset({name}), users=users)
    operator = server.connect()
    operator.send(f"LOGIN {name} password")
    operator.expect(PROMPT, "[SERVER] Login successful")
    operator.expect_match(r"\[SERVER\] Available commands: .*")
    text = "x" * (CLIENT_LINE_LIMIT - len("/announce \n"))
    line = operator.request(f"/announce {text}")
    assert line == f"[SERVER] Announcement from {name}: {text}"
    assert len(line.encode()) + 1 <= SERVER_LINE_LIMIT
