"""Section 2 of the contract: login, over a real socket."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from chat_server.accounts import disable_account, enable_account, password_hash
from chat_server.accounts.hash_pool import default_workers
from chat_server.wire import replies
from tests.support.accounts import write_accounts_file
from tests.support.running_server import RunningServer, StartServer
from tests.support.wait_until import WAIT_TIMEOUT
from tests.support.wire_client import WireClient

PROMPT = "[SERVER] Login using: LOGIN <username> <password>"
COMMANDS = (
    "[SERVER] Available commands: /join, /leave, /rooms, /subscribe, /unsubscribe, /subs, "
    "/who, /presence, /msg, /me, /passwd, /help, /quit"
)


def connect_and_read_prompt(server: RunningServer) -> WireClient:
    """Connect and read the login prompt."""
    client = server.connect()
    client.expect(PROMPT)
    return client


def test_correct_password_logs_in(server: RunningServer) -> None:
    client = connect_and_read_prompt(server)
    client.send("LOGIN alice pw-of-alice")
    client.expect("[SERVER] Login successful", COMMANDS)
    assert client.request("/rooms") == "[SERVER] Active rooms: lobby (1)"
    assert "[+] New connection from 127.0.0.1:" in server.log.getvalue()
    assert "[+] User 'alice' authenticated" in server.log.getvalue()


@pytest.mark.parametrize(
    "line", ["LOGIN alice", "LOGIN alice a b", "login alice pw", "hello", "/join dev", "LOGIN"]
)
def test_invalid_login_format_closes_connection(server: RunningServer, line: str) -> None:
    client = connect_and_read_prompt(server)
    client.send(line)
    client.expect("[ERROR] Invalid login format")
    client.expect_end()


@pytest.mark.parametrize(
    "credentials",
    [
        "alice wrong",
        "nobody pw-of-alice",
        "alice " + "x" * 73,
        "alice pw-of-alice\x00",
        "alice pw-of-alice\x1f",
        "ali\x1bce pw-of-alice",
        "a/b pw",
        "none pw",
    ],
)
def test_unknown_user_and_wrong_password_get_same_reply(
    server: RunningServer, credentials: str
) -> None:
    client = connect_and_read_prompt(server)
    client.send("LOGIN " + credentials)
    client.expect("[ERROR] Authentication failed")
    client.expect_end()
    assert "pw-of" not in server.log.getvalue()
    assert "\x1b" not in server.log.getvalue()


def test_login_name_is_normalized_to_nfc(start_server: StartServer) -> None:
    server = start_server()
    path = server.config.users
    write_accounts_file(path, ["josé"])
    server.server.reload_accounts()
    client = connect_and_read_prompt(server)
    client.send("LOGIN josé pw-of-josé")
    client.expect("[SERVER] Login successful", COMMANDS)


def test_blank_lines_before_login_are_ignored(server: RunningServer) -> None:
    client = connect_and_read_prompt(server)
    client.send("", "   ", "\t", "LOGIN alice pw-of-alice\r")
    client.expect("[SERVER] Login successful", COMMANDS)


def test_lines_pipelined_after_login_are_processed(server: RunningServer) -> None:
    client = connect_and_read_prompt(server)
    client.send("LOGIN alice pw-of-alice", "/join dev", "/who")
    client.expect("[SERVER] Login successful", COMMANDS)
    client.expect("[SERVER] Joined room 'dev'", "[SERVER] In room 'dev': alice")


def test_login_sent_byte_by_byte_is_accepted(server: RunningServer) -> None:
    client = connect_and_read_prompt(server)
    for byte in b"LOGIN alice pw-of-alice\r\n":
        client.send_raw(bytes([byte]))
    client.expect("[SERVER] Login successful", COMMANDS)


def test_too_long_line_before_login_closes_connection(server: RunningServer) -> None:
    client = connect_and_read_prompt(server)
    client.send_raw(b"x" * 4096)
    client.expect("[ERROR] Line too long (limit 4096 bytes)")
    client.expect_end()


def test_invalid_utf8_before_login_closes_connection(server: RunningServer) -> None:
    client = connect_and_read_prompt(server)
    client.send_raw(b"LOGIN \xff\xfe\n")
    client.expect("[ERROR] Line is not valid UTF-8")
    client.expect_end()


def test_login_times_out_despite_partial_line(start_server: StartServer) -> None:
    server = start_server(login_timeout=0.2)
    client = connect_and_read_prompt(server)
    client.send_raw(b"LOGIN al")
    client.expect("[ERROR] Login timed out")
    client.expect_end()
    assert "[-] Login timed out for 127.0.0.1:" in server.log.getvalue()


def test_blank_lines_do_not_extend_login_timeout(start_server: StartServer) -> None:
    server = start_server(login_timeout=0.5)
    client = connect_and_read_prompt(server)
    stop = threading.Event()

    def flood() -> None:
        with suppress(OSError):
            while not stop.wait(0.05):
                client.send_raw(b"\n")

    flooding = threading.Thread(target=flood)
    flooding.start()
    client.expect("[ERROR] Login timed out")
    stop.set()
    client.close()
    flooding.join(10)


def test_throttled_address_is_rejected_even_with_correct_password(
    start_server: StartServer,
) -> None:
    server = start_server(login_failures=3)
    live = server.log_in("bob")
    for _ in range(3):
        client = connect_and_read_prompt(server)
        client.send("LOGIN alice wrong")
        client.expect("[ERROR] Authentication failed")
    client = connect_and_read_prompt(server)
    client.send("LOGIN alice pw-of-alice")
    match = client.expect_match(r"\[ERROR\] Too many failed logins; try again in (\d+) s")
    assert 590 <= int(match[1]) <= 600
    client.expect_end()
    assert live.request("/who") == "[SERVER] In room 'lobby': bob"


def test_failures_of_others_do_not_lock_out_a_user_at_the_same_address(
    start_server: StartServer,
) -> None:
    server = start_server(login_failures=3)
    server.log_in("alice").close()
    server.log_in("bob").close()
    for credentials in ["nobody guess", "carol guess", "nobody guess"]:
        client = connect_and_read_prompt(server)
        client.send(f"LOGIN {credentials}")
        client.expect("[ERROR] Authentication failed")
    for _ in range(3):
        client = connect_and_read_prompt(server)
        client.send("LOGIN bob guess")
        client.expect("[ERROR] Authentication failed")
    for user in ("carol", "bob"):  # never logged in from here; guessed
        client = connect_and_read_prompt(server)
        client.send(f"LOGIN {user} pw-of-{user}")
        client.expect_match(r"\[ERROR\] Too many failed logins; try again in \d+ s")
    server.log_in("alice")


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Return an event that releases the hashing threads that `occupy` holds."""
    gate = threading.Event()
    yield gate
    gate.set()


def occupy(server: RunningServer, gate: threading.Event) -> None:
    """Let each hashing thread wait for `gate`."""
    pool = server.server._services.hash_pool
    held = threading.Semaphore(0)

    def hold() -> bool:
        held.release()
        gate.wait(WAIT_TIMEOUT)
        return False

    for _ in range(default_workers()):
        threading.Thread(target=pool.hash_new, args=("x", 4), kwargs={"still_wanted": hold}).start()
    for _ in range(default_workers()):
        assert held.acquire(timeout=WAIT_TIMEOUT)


def test_login_timeout_does_not_cut_a_login_that_waits_for_its_hash(
    start_server: StartServer, gate: threading.Event
) -> None:
    server = start_server(login_timeout=0.3)
    occupy(server, gate)
    client = connect_and_read_prompt(server)
    client.send("LOGIN alice pw-of-alice")
    stranger = connect_and_read_prompt(server)
    stranger.expect("[ERROR] Login timed out")  # the time of the other one is over as well
    gate.set()
    client.expect("[SERVER] Login successful", COMMANDS)


def test_login_that_waits_too_long_for_its_hash_is_rejected_with_time_to_retry(
    start_server: StartServer, gate: threading.Event
) -> None:
    server = start_server(login_queue_seconds=0.2, login_failures=1)
    occupy(server, gate)
    for _ in range(3):  # it does not count as a failure
        client = connect_and_read_prompt(server)
        client.send("LOGIN alice pw-of-alice")
        client.expect("[ERROR] Too many logins are waiting; try again in 30 s")
        client.expect_end()
    log = server.log.getvalue()
    assert "[!] Refused login for 'alice' from 127.0.0.1:" in log
    assert ": it waited too long\n" in log
    gate.set()
    server.log_in("alice")


def test_reconnect_during_and_after_a_session_needs_no_hash(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = server.log_in("alice")
    monkeypatch.setattr(password_hash, "bcrypt", None)
    second = server.log_in("alice")
    first.expect("[SERVER] Logged out due to new login")
    second.close()
    server.log_in("alice")


def test_reconnect_needs_a_hash_if_logins_are_not_remembered(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_server(remember_logins=0.0)
    server.log_in("alice")
    monkeypatch.setattr(password_hash, "bcrypt", None)
    client = connect_and_read_prompt(server)
    client.send("LOGIN alice pw-of-alice")
    client.expect_end()
    assert "Unexpected error" in server.log.getvalue()


def test_account_that_was_disabled_meanwhile_needs_a_hash_again(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.log_in("alice")
    for change in (disable_account, enable_account):
        change(server.config.users, "alice")
        server.server.reload_accounts()
    monkeypatch.setattr(password_hash, "bcrypt", None)
    client = connect_and_read_prompt(server)
    client.send("LOGIN alice pw-of-alice")
    client.expect_end()
    assert "Unexpected error" in server.log.getvalue()


def test_new_password_of_passwd_is_remembered_and_the_old_one_is_not(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = server.log_in("alice")
    assert alice.request("/passwd pw-of-alice correct-horse") == "[SERVER] Password changed"
    client = connect_and_read_prompt(server)
    client.send("LOGIN alice pw-of-alice")
    client.expect("[ERROR] Authentication failed")
    monkeypatch.setattr(password_hash, "bcrypt", None)
    client = connect_and_read_prompt(server)
    client.send("LOGIN alice correct-horse")
    client.expect("[SERVER] Login successful", COMMANDS)


def test_invalid_login_format_does_not_count_as_failure(start_server: StartServer) -> None:
    server = start_server(login_failures=1)
    for _ in range(3):
        client = connect_and_read_prompt(server)
        client.send("nonsense")
        client.expect("[ERROR] Invalid login format")
    server.log_in("alice")


def test_connections_beyond_limit_per_address_are_rejected(start_server: StartServer) -> None:
    server = start_server(max_connections_per_ip=2, limit_loopback=True)
    first, _ = connect_and_read_prompt(server), connect_and_read_prompt(server)
    rejected = server.connect()
    # The server does not read this line, and yet no reset may discard the error.
    rejected.send("LOGIN alice pw-of-alice")
    rejected.expect("[ERROR] " + replies.TOO_MANY_CONNECTIONS)
    rejected.expect_end()
    first.send("x")
    first.expect("[ERROR] Invalid login format")
    first.expect_end()
    first.close()
    retried = _connect_when_admitted(server)
    retried.send("LOGIN alice pw-of-alice")
    retried.expect("[SERVER] Login successful", COMMANDS)


def _connect_when_admitted(server: RunningServer) -> WireClient:
    """Retry: the server frees a place when the client's thread has ended, after its last line."""
    for _ in range(1000):
        client = server.connect()
        if client.read_line() == PROMPT:
            return client
        client.close()
    raise AssertionError("the server did not free the place")


def test_loopback_is_exempt_from_connection_limit_by_default(start_server: StartServer) -> None:
    server = start_server(max_connections_per_ip=1)
    connect_and_read_prompt(server)
    connect_and_read_prompt(server)


def test_full_server_rejects_connection(start_server: StartServer) -> None:
    server = start_server(max_clients=1)
    server.log_in("alice")
    rejected = server.connect()
    rejected.expect("[ERROR] Server is full; try again later")
    rejected.expect_end()


def test_second_login_forces_first_session_out(server: RunningServer) -> None:
    first = server.log_in("alice")
    first.send("/join dev")
    first.expect("[SERVER] Joined room 'dev'")
    second = server.log_in("alice")
    first.expect("[SERVER] Logged out due to new login")
    first.expect_end()
    assert second.request("/rooms") == "[SERVER] Active rooms: lobby (1)"


def test_superseded_session_publishes_nothing(
    start_server: StartServer,
) -> None:
    server = start_server(rate=1, burst=1)
    subscriber = server.log_in("bob", subscribe="*")
    first = server.log_in("alice")
    first.send("one", "two", "three")
    subscriber.expect_message("alice", "one")
    second = server.log_in("alice")
    first.expect("[SERVER] Logged out due to new login")
    first.expect_end()
    second.send("from the new one")
    subscriber.expect_message("alice", "from the new one")


def test_concurrent_logins_of_one_user_leave_one_session(start_server: StartServer) -> None:
    server = start_server(rate=0, login_burst=0)
    observer = server.log_in("bob")
    barrier = threading.Barrier(40)
    last_lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def race(client: WireClient) -> None:
        barrier.wait()
        client.send("LOGIN alice pw-of-alice")
        client.expect("[SERVER] Login successful", COMMANDS)
        while (line := client.read_line(timeout=60)) is not None:
            last_lines.put(line)

    threads = [
        threading.Thread(target=race, args=(connect_and_read_prompt(server),)) for _ in range(40)
    ]
    for thread in threads:
        thread.start()
    for _ in range(39):
        assert last_lines.get(timeout=30) == "[SERVER] Logged out due to new login"
    assert observer.request("/who") == "[SERVER] In room 'lobby': alice, bob"
    assert observer.request("/rooms") == "[SERVER] Active rooms: lobby (2)"
    server.log_in("alice")
    for thread in threads:
        thread.join(30)
    assert last_lines.get() == "[SERVER] Logged out due to new login"
    assert last_lines.empty()
    assert observer.request("/who") == "[SERVER] In room 'lobby': alice, bob"


def test_removed_user_is_logged_out(server: RunningServer) -> None:
    alice, bob = server.log_in("alice"), server.log_in("bob")
    write_accounts_file(server.config.users, ["bob"])
    server.server.reload_accounts()
    alice.expect("[SERVER] Logged out: this account was removed")
    alice.expect_end()
    assert bob.request("/subscribe alice") == "[ERROR] No such user: alice"
    again = connect_and_read_prompt(server)
    again.send("LOGIN alice pw-of-alice")
    again.expect("[ERROR] Authentication failed")


def test_broken_users_file_keeps_accounts_and_is_logged_once(server: RunningServer) -> None:
    alice = server.log_in("alice")
    server.config.users.write_text("{")
    server.server.reload_accounts()
    server.server.reload_accounts()
    assert alice.request("/who") == "[SERVER] In room 'lobby': alice"
    server.log_in("bob")
    assert server.log.getvalue().count("Users file not reloaded") == 1
