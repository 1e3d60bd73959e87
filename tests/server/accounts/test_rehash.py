"""A successful login raises the cost of the stored hash, without a delay for the client."""

from __future__ import annotations

import errno
import json
import os
import threading
from pathlib import Path
from typing import NoReturn

import bcrypt
import pytest

from chat_server import files
from chat_server.accounts import rehash
from chat_server.accounts.file_editor import set_hash
from chat_server.accounts.file_reader import read_accounts
from chat_server.accounts.password_hash import hash_cost, hash_password
from chat_server.accounts.rehash import Rehasher
from chat_server.files import lock_file
from tests.support.accounts import cheap_hash
from tests.support.running_server import RunningServer, StartServer
from tests.support.wait_until import until


def costs(server: RunningServer) -> dict[str, int]:
    accounts = read_accounts(server.config.users)
    return {name: hash_cost(hashed) for name, hashed in accounts.items()}


def wait_until_raised(server: RunningServer, user: str, cost: int = 5) -> None:
    until(
        lambda: f"Hash of '{user}' raised to cost {cost}" in server.log.getvalue(),
        f"the hash of {user} is raised",
        server.log.getvalue,
    )


def test_successful_login_rehashes_only_its_account(start_server: StartServer) -> None:
    server = start_server(bcrypt_cost=5)
    alice = server.log_in("alice")
    wait_until_raised(server, "alice")
    assert costs(server) == {"alice": 5, "bob": 4, "carol": 4, "dave": 4, "DPS": 4}
    assert bcrypt.checkpw(b"pw-of-alice", read_accounts(server.config.users)["alice"].encode())
    server.server.reload_accounts()
    alice.expect_silence()
    server.log_in("alice")
    assert "Users file reloaded" not in server.log.getvalue()
    assert server.log.getvalue().count("raised to cost") == 1


def test_failed_login_does_not_rehash(start_server: StartServer) -> None:
    server = start_server(bcrypt_cost=5)
    client = server.connect()
    client.send("LOGIN alice wrong")
    client.expect_match(r"\[SERVER\] Login using.*")
    client.expect("[ERROR] Authentication failed")
    server.log_in("bob")
    wait_until_raised(server, "bob")
    assert costs(server)["alice"] == 4


def test_rehash_keeps_higher_cost(start_server: StartServer, tmp_path: Path) -> None:
    users = tmp_path / "mixed.json"
    high = bcrypt.hashpw(b"pw-of-alice", bcrypt.gensalt(6)).decode()
    users.write_text(json.dumps({"alice": high, "bob": cheap_hash("pw-of-bob")}))
    server = start_server(bcrypt_cost=5, users=users)
    server.log_in("alice")
    server.log_in("bob")
    wait_until_raised(server, "bob")
    assert read_accounts(users)["alice"] == high


class HeldHash:
    """Blocks the rehash at its hash."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self._go_on = threading.Event(), threading.Event()

        def hold(password: str, cost: int) -> str:
            self.reached.set()
            self._go_on.wait(10)
            return hash_password(password, cost)

        monkeypatch.setattr(rehash, "hash_password", hold)

    def go_on(self) -> None:
        self._go_on.set()


def test_login_reply_does_not_wait_for_rehash(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = HeldHash(monkeypatch)
    server = start_server(bcrypt_cost=5)
    alice = server.log_in("alice")
    assert held.reached.wait(10)
    assert alice.request("/who") == "[SERVER] In room 'lobby': alice"
    held.go_on()
    wait_until_raised(server, "alice")


def test_rehash_does_not_overwrite_changed_password(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = HeldHash(monkeypatch)
    server = start_server(bcrypt_cost=5)
    server.log_in("alice")
    assert held.reached.wait(10)
    another = cheap_hash("another password")
    set_hash(server.config.users, "alice", another)
    held.go_on()
    server.log_in("bob")
    wait_until_raised(server, "bob")  # idle work runs one after the other, so alice is done
    assert read_accounts(server.config.users)["alice"] == another


def test_stop_does_not_wait_for_rehash_and_discards_it(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = HeldHash(monkeypatch)
    server = start_server(bcrypt_cost=5)
    server.log_in("alice")
    assert held.reached.wait(10)
    server.stop()
    held.go_on()
    for thread in threading.enumerate():
        if thread.name.startswith("hashing-"):
            thread.join(10)
    assert costs(server)["alice"] == 4


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the users whose rehash was attempted, added when the attempt is over."""
    finished: list[str] = []
    attempt = Rehasher._rehash

    def attempt_and_record(self: Rehasher, user: str, password: str, verified_hash: str) -> None:
        attempt(self, user, password, verified_hash)
        finished.append(user)

    monkeypatch.setattr(Rehasher, "_rehash", attempt_and_record)
    return finished


def test_rehash_write_error_is_logged_once_and_login_succeeds(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch, attempts: list[str]
) -> None:
    server = start_server(bcrypt_cost=5)

    def fail(*_: object) -> NoReturn:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "replace", fail)
    monkeypatch.setattr(rehash, "_RETRY_SECONDS", 0)
    alice = server.log_in("alice")
    until(lambda: attempts == ["alice"], "a rehash is attempted")
    server.log_in("bob")
    until(lambda: attempts == ["alice", "bob"], "a rehash is attempted again")
    assert alice.request("/who") == "[SERVER] In room 'lobby': alice, bob"
    log = server.log.getvalue()
    (line,) = (line for line in log.splitlines() if "Cost of hashes not raised" in line)
    assert line.endswith(
        f"[!] Cost of hashes not raised: {server.config.users}: not written:"
        " Read-only file system; name a file on a writable disk"
    )
    assert costs(server)["alice"] == 4


def test_rehash_pauses_after_write_error(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_server(bcrypt_cost=5)

    def fail(*_: object) -> NoReturn:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "replace", fail)
    server.log_in("alice")
    until(lambda: "Cost of hashes not raised: " in server.log.getvalue(), "the problem is logged")
    monkeypatch.delattr(rehash, "hash_password")
    server.log_in("bob")
    server.stop()
    assert "Unexpected" not in server.log.getvalue()


def test_rehash_does_not_wait_for_file_lock(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch, attempts: list[str]
) -> None:
    monkeypatch.delattr(files, "_POLL_SECONDS")  # every waiting thread reads it
    server = start_server(bcrypt_cost=5)
    with lock_file(server.config.users):
        server.log_in("alice")
        until(lambda: attempts, "the rehash is given up")
    assert costs(server)["alice"] == 4
    assert "Cost of hashes" not in server.log.getvalue()
    assert "Unexpected" not in server.log.getvalue()
    server.log_in("alice")
    wait_until_raised(server, "alice")


def test_rehash_exception_is_logged_without_password(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raise_value_error(password: str, _: int) -> NoReturn:
        raise ValueError(f"can't take {password}")

    monkeypatch.setattr(rehash, "hash_password", raise_value_error)
    server = start_server(bcrypt_cost=5)
    server.log_in("alice")
    until(lambda: "Unexpected" in server.log.getvalue(), "the problem is logged")
    server.log_in("bob")
    assert "Unexpected error in a rehash: RuntimeError: ValueError" in server.log.getvalue()
    assert "pw-of" not in server.log.getvalue()
