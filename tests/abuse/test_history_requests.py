"""Requests for history that cost a server much, and clients that do not read the reply."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.abuse.catch_up_client import STAMPED
from tests.abuse.client_pool import ClientPool, Reader
from tests.support.accounts import write_accounts_file
from tests.support.running_server import RunningServer, StartServer
from tests.support.server_program import ServerProgram
from tests.support.wait_until import until
from tests.support.wire_client import WireClient

FOOT = "[SERVER] End of history"
UNAVAILABLE = "[ERROR] History is not available now; try again"
CROWD = 1_000
PAGE = 100


class Asker(Reader):
    """A client that asks again if the machine is so slow that the server says so."""

    def ask(self) -> None:
        self.lines.clear()
        self.send(f"/history {PAGE}")

    def line_received(self, line: str) -> None:
        super().line_received(line)
        if line == UNAVAILABLE:
            self.ask()

    @property
    def has_page(self) -> bool:
        return bool(self.lines) and self.lines[-1].startswith(FOOT)


def read_page(client: WireClient, request: str) -> tuple[list[str], str]:
    """Send a request. Return the lines of the page, and the command of its foot or nothing."""
    head = client.request(request)
    assert re.fullmatch(r"\[SERVER\] History of '\S+'", head), head
    lines: list[str] = []
    while True:
        line = client.read_line()
        assert line is not None
        if line.startswith(FOOT):
            return lines, line.removeprefix(FOOT).partition(": ")[2]
        lines.append(line)


def publish(server: RunningServer, name: str, texts: list[str]) -> None:
    """Let a user publish texts in the lobby and quit. Return when the server has taken them."""
    with server.log_in(name) as author:
        author.send(*texts, "/quit")
        author.expect("[SERVER] Goodbye")
        author.expect_end()


@pytest.mark.usefixtures("thousands_of_connections")
@pytest.mark.timeout(180)
def test_thousand_clients_that_ask_at_once_all_get_the_whole_page(tmp_path: Path) -> None:
    names = [f"asker{number}" for number in range(CROWD)]
    users = write_accounts_file(tmp_path / "users.json", ["alice", "bob", *names])
    with ServerProgram(users, "--rate", "0") as program, ClientPool() as pool:
        with program.log_in("alice") as alice:
            alice.send(*(f"message {number}" for number in range(2 * PAGE)), "/quit")
            alice.expect("[SERVER] Goodbye")
        askers = [Asker(program.port, name, "/subscribe alice") for name in names]
        for asker in askers:
            pool.add(asker)
        pool.turn_until(
            lambda: all("[SERVER] Subscribed to alice" in asker.lines for asker in askers),
            "all have logged in",
        )
        for asker in askers:
            asker.ask()
        with program.log_in("bob") as bob:
            # The server answers others meanwhile.
            assert bob.request("/subs") == "[SERVER] Subscriptions: none"
        pool.turn_until(lambda: all(asker.has_page for asker in askers), "all have their page")
        pages = {tuple(asker.lines) for asker in askers}
        assert len(pages) == 1
        (page,) = pages
        texts = [match[4] for match in map(STAMPED.fullmatch, page) if match]
        assert texts == [f"message {number}" for number in range(PAGE, 2 * PAGE)]
        assert len(page) == PAGE + 2


def test_follower_of_silent_author_reaches_end_of_large_log_in_few_requests(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(rate=0, history=tmp_path / "history.db")
    publish(server, "alice", [f"message {number}" for number in range(25_000)])
    bob = server.log_in("bob", subscribe="carol")
    for request, limit in (("/history 20", 4), ("/history after 1970-01-01 20", 4)):
        requests = 0
        while request:
            lines, request = read_page(bob, request)
            assert lines == []
            requests += 1
            assert requests <= limit
        assert requests > 1, "a page has looked at the whole log at once"


@pytest.mark.parametrize("leave", [WireClient.close, WireClient.reset])
def test_client_that_vanishes_within_a_page_leaves_nothing_behind(
    start_server: StartServer, tmp_path: Path, leave: Callable[[WireClient], None]
) -> None:
    server = start_server(rate=0, history=tmp_path / "history.db")
    publish(server, "alice", ["x" * 3000] * 100)
    for _ in range(10):
        dave = WireClient("127.0.0.1", server.port, receive_buffer=4096)
        dave.send("LOGIN dave pw-of-dave", "/subscribe *", *["/history 200"] * 3)
        while dave.read_line() != "[SERVER] History of 'lobby'":
            pass
        dave.read_line()
        leave(dave)
    until(lambda: not server.server.client_count, "the server has closed all of them")
    with server.log_in("dave") as dave:
        lines, earlier = read_page(dave, "/history 200")
        total = len(lines)
        while earlier:
            lines, earlier = read_page(dave, earlier)
            total += len(lines)
        assert total == 100
