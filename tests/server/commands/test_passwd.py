"""`/passwd` over a real socket: its replies, its changes, and what it never reveals."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from typing import NoReturn

import bcrypt
import pytest

from chat_server.accounts import password_hash
from chat_server.accounts.file_editor import disable_account, remove_account, set_hash
from chat_server.accounts.file_reader import companion_path, read_accounts
from chat_server.accounts.hash_pool import HashPool
from chat_server.files import lock_file
from chat_server.wire import replies
from tests.support.accounts import cheap_hash
from tests.support.running_server import RunningServer, StartServer
from tests.support.wire_client import WireClient

PROMPT = "[SERVER] Login using: LOGIN <username> <password>"
NOT_STORED = "[ERROR] Password not changed: the server can't write its users file"
BUSY = "[ERROR] Password not changed: the accounts are being changed; try again"


def reply_to_login(server: RunningServer, user: str, password: str) -> str | None:
    """Return the reply to a login."""
    client = server.connect()
    client.expect(PROMPT)
    client.send(f"LOGIN {user} {password}")
    return client.read_line()


def stored(server: RunningServer, user: str) -> str:
    return read_accounts(server.config.users)[user]


@pytest.fixture
def held_write(monkeypatch: pytest.MonkeyPatch) -> HeldWrite:
    return HeldWrite(monkeypatch)


class HeldWrite:
    """Blocks each write of the users file before the draft replaces it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self._released = threading.Event(), threading.Event()
        fsync = os.fsync

        def hold(handle: int) -> None:
            fsync(handle)
            self.reached.set()
            self._released.wait(10)

        monkeypatch.setattr(os, "fsync", hold)

    def release(self) -> None:
        self._released.set()


def test_passwd_activates_new_password_at_once(server: RunningServer) -> None:
    alice = server.log_in("alice")
    alice.send("/join dev")
    alice.expect("[SERVER] Joined room 'dev'")
    assert alice.request("/passwd pw-of-alice correct-horse") == "[SERVER] Password changed"
    assert alice.request("/who") == "[SERVER] In room 'dev': alice", "the session continues"
    assert reply_to_login(server, "alice", "pw-of-alice") == "[ERROR] Authentication failed"
    assert reply_to_login(server, "alice", "correct-horse") == "[SERVER] Login successful"
    assert bcrypt.checkpw(b"correct-horse", stored(server, "alice").encode())
    assert "[*] User 'alice' changed the password" in server.log.getvalue()


def test_passwd_uses_configured_bcrypt_cost(start_server: StartServer) -> None:
    server = start_server(bcrypt_cost=5)
    alice = server.log_in("alice")
    assert alice.request("/passwd pw-of-alice correct-horse") == "[SERVER] Password changed"
    assert stored(server, "alice").startswith("$2b$05$")


def test_passwd_change_does_not_trigger_reload(server: RunningServer) -> None:
    alice = server.log_in("alice")
    assert alice.request("/passwd pw-of-alice correct-horse") == "[SERVER] Password changed"
    server.server.reload_accounts()
    assert "Users file reloaded" not in server.log.getvalue()
    alice.expect_silence()


@pytest.mark.parametrize(
    ("new", "rule"),
    [
        ("short", "A password has at least 8 bytes; this one has 5."),
        ("x" * 73, "A password has at most 72 bytes; this one has 73."),
        ("no\u00a0white-space", "A password has no white space and no control characters."),
        ("esc\x1b[31mape", "A password has no white space and no control characters."),
        ("nul\0nul\0nul", "A password has no white space and no control characters."),
        ("password123", "Everybody knows the demo password; choose another"),
    ],
)
def test_passwd_checks_password_rules_before_hashing(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch, new: str, rule: str
) -> None:
    server = start_server(login_failures=1)
    alice = server.log_in("alice")
    monkeypatch.delattr(password_hash, "bcrypt")
    assert alice.request(f"/passwd wrong {new}") == f"[ERROR] {rule}"
    assert alice.request(f"/passwd pw-of-alice {new}") == f"[ERROR] {rule}"


@pytest.mark.parametrize("old", ["wrong", "x" * 73, "pw-of-alice\x1b", "\0", "PW-OF-ALICE"])
def test_passwd_rejects_wrong_old_password(server: RunningServer, old: str) -> None:
    before = stored(server, "alice")
    assert (
        server.log_in("alice").request(f"/passwd {old} correct-horse") == "[ERROR] Wrong password"
    )
    assert stored(server, "alice") == before
    assert "[!] Failed password change for 'alice' from 127.0.0.1\n" in server.log.getvalue()


def test_wrong_passwd_counts_against_its_session_alone(start_server: StartServer) -> None:
    server = start_server(login_failures=3)
    alice, bob = server.log_in("alice"), server.log_in("bob")
    for _ in range(3):
        assert alice.request("/passwd wrong correct-horse") == "[ERROR] Wrong password"
    rejection = r"\[ERROR\] Too many failed logins; try again in (\d+) s"
    alice.send("/passwd pw-of-alice correct-horse")
    assert 590 <= int(alice.expect_match(rejection)[1]) <= 600
    assert alice.request("/who") == "[SERVER] In room 'lobby': alice, bob"
    assert "Refused password change for 'alice' from 127.0.0.1: too many" in server.log.getvalue()
    # The others at this address notice nothing, known or not.
    assert bob.request("/passwd pw-of-bob correct-horse") == "[SERVER] Password changed"
    for user in ("carol", "alice"):
        assert reply_to_login(server, user, f"pw-of-{user}") == "[SERVER] Login successful"
    # A new session of the account has the same count.
    again = server.log_in("alice")
    again.send("/passwd pw-of-alice correct-horse")
    again.expect_match(rejection)


def test_passwd_reply_keeps_line_order(server: RunningServer) -> None:
    bob, alice = server.log_in("bob", subscribe="alice"), server.log_in("alice")
    alice.send("before", "/passwd pw-of-alice correct-horse", "/who", "after")
    alice.expect("[SERVER] Password changed", "[SERVER] In room 'lobby': alice, bob")
    bob.expect_message("alice", "before")
    bob.expect_message("alice", "after")


def test_message_before_passwd_is_delivered_during_hashing(
    server: RunningServer, held_write: HeldWrite
) -> None:
    bob, alice = server.log_in("bob", subscribe="alice"), server.log_in("alice")
    alice.send("before", "/passwd pw-of-alice correct-horse")
    bob.expect_message("alice", "before")
    assert held_write.reached.wait(10)
    bob.expect_silence()
    held_write.release()
    alice.expect("[SERVER] Password changed")


def test_passwd_of_ended_session_changes_nothing(
    server: RunningServer, held_write: HeldWrite
) -> None:
    older = server.log_in("alice")
    before = stored(server, "alice")
    older.send("/passwd pw-of-alice correct-horse")
    assert held_write.reached.wait(10)
    newer = server.log_in("alice")
    held_write.release()
    older.expect("[SERVER] Logged out due to new login")
    older.expect_end()
    server.stop()  # waits for the thread of the older session
    assert stored(server, "alice") == before
    assert sorted(os.listdir(server.config.users.parent)) == [".users.json.lock", "users.json"]
    assert "changed the password" not in server.log.getvalue()
    newer.expect("[SERVER] Server is shutting down")


@pytest.mark.parametrize(
    ("change", "last_line"),
    [
        (disable_account, replies.LOGGED_OUT_ACCOUNT_DISABLED),
        (remove_account, replies.LOGGED_OUT_ACCOUNT_REMOVED),
    ],
)
def test_passwd_does_not_restore_removed_or_disabled_account(
    server: RunningServer, change: Callable[..., object], last_line: str
) -> None:
    alice = server.log_in("alice")
    change(server.config.users, "alice")
    # The server has not reloaded the file yet.
    assert alice.request("/passwd pw-of-alice correct-horse") == BUSY
    server.server.reload_accounts()
    alice.expect(f"[SERVER] {last_line}")
    assert "alice" not in read_accounts(server.config.users)
    assert reply_to_login(server, "alice", "correct-horse") == "[ERROR] Authentication failed"


def test_passwd_does_not_overwrite_password_set_by_admin(server: RunningServer) -> None:
    alice = server.log_in("alice")
    set_hash(server.config.users, "alice", cheap_hash("from-the-admin"))
    assert alice.request("/passwd pw-of-alice correct-horse") == BUSY
    server.server.reload_accounts()
    assert alice.request("/passwd pw-of-alice correct-horse") == "[ERROR] Wrong password"
    assert stored(server, "alice") == cheap_hash("from-the-admin")


def test_passwd_succeeds_if_hash_was_rehashed_meanwhile(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server does so if it raises the cost after the login."""
    alice = server.log_in("alice")
    make = HashPool.hash_new

    def rehash_and_make(pool: HashPool, *arguments: str, **named: object) -> str | None:
        accounts = server.server._accounts
        again = bcrypt.hashpw(b"pw-of-alice", bcrypt.gensalt(4)).decode()
        accounts.change_hash(
            "alice", accounts.accounts["alice"], again, still_wanted=lambda: True, lock_timeout=5
        )
        return make(pool, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(HashPool, "hash_new", rehash_and_make)
    assert alice.request("/passwd pw-of-alice correct-horse") == "[SERVER] Password changed"


def test_passwd_write_error_is_reported_and_changes_nothing(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = server.log_in("alice")

    def fail(*_: object) -> NoReturn:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        assert alice.request("/passwd pw-of-alice correct-horse") == NOT_STORED
    log = server.log.getvalue()
    assert f"[!] Password of 'alice' not changed: {server.config.users}: not written: " in log
    assert reply_to_login(server, "alice", "pw-of-alice") == "[SERVER] Login successful"


def test_passwd_fails_if_file_lock_times_out(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = server.log_in("alice")
    monkeypatch.setattr("chat_server.commands.passwd._LOCK_TIMEOUT", 0.05)
    with lock_file(server.config.users):
        assert alice.request("/passwd pw-of-alice correct-horse") == BUSY
    assert alice.request("/passwd pw-of-alice correct-horse") == "[SERVER] Password changed"


def test_passwd_never_reveals_passwords_in_log_or_replies(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = server.log_in("alice")
    lines: list[str] = []

    def request(line: str) -> None:
        lines.append(alice.request(line))

    request("/passwd wrong-secret new-secret")
    request("/passwd pw-of-alice secret")
    request("/passwd pw-of-alice secret secret secret")

    class Defect:
        @staticmethod
        def hashpw(password: bytes, _: bytes) -> bytes:
            raise ValueError(f"can't take {password!r}")

        checkpw = staticmethod(bcrypt.checkpw)
        gensalt = staticmethod(bcrypt.gensalt)

    with monkeypatch.context() as patch:
        patch.setattr(password_hash, "bcrypt", Defect)
        request("/passwd pw-of-alice new-secret")
    assert lines[-1] == NOT_STORED
    log = server.log.getvalue()
    assert "Unexpected error in the password change of alice: RuntimeError: ValueError" in log
    for text in (log, *lines):
        assert "secret" not in text
        assert "pw-of-alice" not in text


def test_passwd_with_leading_space_is_message(server: RunningServer) -> None:
    alice = server.log_in("alice", subscribe="alice")
    alice.send(" /passwd pw-of-alice correct-horse")
    alice.expect_message("alice", " /passwd pw-of-alice correct-horse")
    assert reply_to_login(server, "alice", "pw-of-alice") == "[SERVER] Login successful"


def test_concurrent_passwd_changes_all_succeed(server: RunningServer) -> None:
    clients = {name: server.log_in(name) for name in ("alice", "bob", "carol", "dave")}
    for name, client in clients.items():
        client.send(f"/passwd pw-of-{name} correct-{name}")
    for client in clients.values():
        client.expect("[SERVER] Password changed")
    accounts = read_accounts(server.config.users)
    for name in clients:
        assert bcrypt.checkpw(f"correct-{name}".encode(), accounts[name].encode())
        assert reply_to_login(server, name, f"correct-{name}") == "[SERVER] Login successful"
    assert "DPS" in accounts
    assert not companion_path(server.config.users).exists()


def test_stop_during_passwd_discards_change(server: RunningServer, held_write: HeldWrite) -> None:
    alice = server.log_in("alice")
    before = stored(server, "alice")
    alice.send("/passwd pw-of-alice correct-horse")
    assert held_write.reached.wait(10)
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    _expect_end(alice)
    held_write.release()
    stopping.join(10)
    assert stored(server, "alice") == before


def _expect_end(client: WireClient) -> None:
    client.expect("[SERVER] Server is shutting down")
