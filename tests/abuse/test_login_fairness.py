"""A crowd of logins, and one user who wants to log in meanwhile."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest

from chat_server.accounts.hash_pool import default_workers
from tests.support.running_server import RunningServer, StartServer
from tests.support.wait_until import until
from tests.support.wire_client import WireClient

COST = 10
"""A sixteenth of the time of a real hash. The crowd waits for seconds."""

VICTIM = "127.9.9.9"
WAITING = 100
"""Logins of the crowd that wait when the victim comes."""

FEW = 3 * default_workers() + 4
"""Checks before the victim's: those that run, its own, and what is logged late."""


@pytest.fixture
def slow_server(start_server: StartServer, tmp_path: Path) -> RunningServer:
    """Return a server without limits on failures. It remembers no password."""
    return _start(start_server, tmp_path, remember_logins=0.0)


def _start(start_server: StartServer, tmp_path: Path, **settings: object) -> RunningServer:
    users = tmp_path / "slow.json"
    names = ("victim", "member", "other")
    users.write_text(
        json.dumps(
            {
                name: bcrypt.hashpw(f"pw-of-{name}".encode(), bcrypt.gensalt(COST)).decode()
                for name in names
            }
        )
    )
    users.chmod(0o600)
    return start_server(users=users, login_failures=0, login_burst=0, **settings)


class Crowd:
    """Connections that send a login again and again, each from its own address or from one."""

    def __init__(self, server: RunningServer, logins: list[tuple[str, str]]) -> None:
        """`logins`: the address and the two words of each connection."""
        self._server = server
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=login) for login in logins]

    def _run(self, address: str, credentials: str) -> None:
        while not self._stop.is_set():
            with (
                contextlib.suppress(OSError, AssertionError),
                WireClient("127.0.0.1", self._server.port, source=address) as client,
            ):
                client.send(f"LOGIN {credentials}")
                while client.read_line() is not None and not self._stop.is_set():
                    pass

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._server.stop()
        for thread in self._threads:
            thread.join(30)


def strangers(addresses: int, each: int) -> list[tuple[str, str]]:
    return [
        (f"127.1.{number}.1", f"nobody-{n} guess")
        for number in range(addresses)
        for n in range(each)
    ]


@contextlib.contextmanager
def crowd(server: RunningServer, logins: list[tuple[str, str]]) -> Iterator[None]:
    """Wait until the crowd waits for its hashes, and until each address has had a turn."""
    pool = server.server._services.hash_pool
    with Crowd(server, logins):
        until(
            lambda: pool.waiting >= min(WAITING, len(logins) - default_workers()), "a crowd waits"
        )
        addresses = len({address for address, _ in logins})
        until(lambda: checks(server) >= addresses, "each address had a turn")
        yield


def checks(server: RunningServer) -> int:
    counts = server.server._log.counts()
    return counts["login_failed"] + counts["authenticated"]


def log_in_and_count(server: RunningServer, user: str, source: str) -> int:
    """Log in, and return how many logins of others were checked meanwhile."""
    client = server.connect(source=source)
    client.expect("[SERVER] Login using: LOGIN <username> <password>")
    before = checks(server)
    client.send(f"LOGIN {user} pw-of-{user}")
    client.expect("[SERVER] Login successful")
    return checks(server) - before


def test_newcomer_does_not_wait_for_strangers_at_forty_addresses(
    slow_server: RunningServer,
) -> None:
    with crowd(slow_server, strangers(40, 4)):
        assert log_in_and_count(slow_server, "victim", VICTIM) <= FEW


def test_user_does_not_wait_for_strangers_at_the_same_address_after_a_login(
    slow_server: RunningServer,
) -> None:
    slow_server.log_in("victim", source=VICTIM)
    with crowd(slow_server, [(VICTIM, f"nobody-{number} guess") for number in range(160)]):
        assert log_in_and_count(slow_server, "victim", VICTIM) <= FEW


def test_others_do_not_wait_for_an_account_that_logs_in_on_many_connections(
    slow_server: RunningServer,
) -> None:
    logins = [("127.1.1.1", "member pw-of-member")] * 16
    with crowd(slow_server, logins):
        assert log_in_and_count(slow_server, "victim", VICTIM) <= FEW
        assert log_in_and_count(slow_server, "other", "127.1.1.1") <= FEW


def test_known_user_does_not_wait_for_a_mixture(slow_server: RunningServer) -> None:
    slow_server.log_in("victim", source=VICTIM)
    logins = [
        *strangers(30, 4),
        *[("127.2.1.1", "member pw-of-member")] * 16,
        *[("127.2.1.1", "victim guess")] * 16,
        *[(VICTIM, "other guess")] * 16,
    ]
    with crowd(slow_server, logins):
        assert log_in_and_count(slow_server, "victim", VICTIM) <= FEW


def test_remembered_user_does_not_wait_for_the_crowd(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = _start(start_server, tmp_path)
    server.log_in("victim", source=VICTIM).close()
    with crowd(server, strangers(40, 4)):
        assert log_in_and_count(server, "victim", VICTIM) <= FEW


def test_three_hundred_users_that_lose_the_network_need_no_hash(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_server(rate=0)
    users = [f"user-{number}" for number in range(300)]
    server.add_accounts(users)
    for user in users:
        server.log_in(user)
    monkeypatch.setattr(bcrypt, "checkpw", None)
    server.close_clients()
    for user in users:
        server.log_in(user)
    assert server.server.measure().sessions == 300
