"""The local server of `--local`: the real server as a child process, and all that can fail."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from chat_server.accounts.password_hash import hash_password
from chat_tui.local_server import (
    LocalServer,
    LocalServerError,
    port_probe,
    remembered_demo_accounts,
    users_file,
)
from chat_tui.local_server.port_probe import PortOwner, port_owner
from tests.support.wait_until import until
from tests.support.wire_client import WireClient

pytestmark = pytest.mark.slow

HASH = hash_password("password123", cost=4)
DEMO_ACCOUNTS = ("DPS", "alice", "bob", "carol")
LOGIN_LINE = b"[SERVER] Login using: LOGIN <username> <password>\n"
WELCOME = b"[SERVER] Welcome to the chat server\n"

CLIENT = """
import sys
from pathlib import Path
from chat_tui.local_server import LocalServer
server = LocalServer.start(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
print(server.port, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state" / "lobby-chat"


@pytest.fixture
def working_folder(tmp_path: Path) -> Path:
    """Return a working folder with accounts, for tests that do not need the demo accounts."""
    working_folder = tmp_path / "working"
    working_folder.mkdir()
    (working_folder / "users.json").write_text(json.dumps({"alice": HASH, "dave": HASH}))
    return working_folder


@pytest.fixture
def port() -> int:
    """Return a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number: int = listener.getsockname()[1]
    return number


@pytest.fixture
def start() -> Iterator[Callable[[Path, Path, int], LocalServer]]:
    started: list[LocalServer] = []

    def start(state: Path, working_folder: Path, port: int) -> LocalServer:
        started.append(LocalServer.start(state, working_folder, port))
        return started[-1]

    yield start
    for server in started:
        server.stop()


Start = Callable[[Path, Path, int], LocalServer]


@contextmanager
def other_server(*lines: bytes, endless: bytes = b"", closes: bool = False) -> Iterator[int]:
    """Run a server that sends `lines` to each client, then closes or stays silent. Yield its port.

    `endless`: sent again and again until the client closes.
    """
    clients: list[socket.socket] = []
    stopped = threading.Event()

    def serve() -> None:
        while True:
            client, _ = listener.accept()
            clients.append(client)
            if stopped.is_set():
                return
            with suppress(OSError):  # the client may have closed
                for data in lines:
                    client.sendall(data)
                while endless:
                    client.sendall(endless)
                    threading.Event().wait(0.05)
            if closes:
                client.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            stopped.set()
            socket.create_connection(listener.getsockname()).close()
            thread.join()
            for client in clients:
                client.close()


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def log_in(port: int, user: str, password: str = "password123") -> str:
    """Send a LOGIN and return the first line of the answer."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as client,
        client.makefile("rw", encoding="utf-8") as lines,
    ):
        assert lines.readline().encode() == LOGIN_LINE
        lines.write(f"LOGIN {user} {password}\n")
        lines.flush()
        return lines.readline().rstrip()


# The port probe


def test_port_probe_reports_free_port(port: int) -> None:
    assert port_owner(port) is PortOwner.NONE


@pytest.mark.parametrize(
    "lines",
    [
        [LOGIN_LINE],
        [WELCOME, LOGIN_LINE],
        [LOGIN_LINE.replace(b"\n", b"\r\n")],
        [LOGIN_LINE[:10], LOGIN_LINE[10:]],
        [b"\xff\xfe\n", LOGIN_LINE],
    ],
)
def test_port_probe_recognizes_chat_server_by_login_line(lines: list[bytes]) -> None:
    with other_server(*lines) as port:
        assert port_owner(port) is PortOwner.CHAT_SERVER


@pytest.mark.parametrize(
    ("lines", "closes"),
    [
        ([], False),
        ([], True),
        ([b"SSH-2.0-OpenSSH_9.2p1\r\n"], False),
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], True),
        ([LOGIN_LINE[:-1]], False),
        ([LOGIN_LINE[:-1]], True),
        ([WELCOME], True),
        ([b"x" * 100_000 + b"\n", LOGIN_LINE], True),
    ],
)
def test_port_probe_reports_other_program(lines: list[bytes], closes: bool) -> None:
    with other_server(*lines, closes=closes) as port:
        assert port_owner(port) is PortOwner.OTHER


def test_port_probe_lasts_one_second_although_bytes_arrive() -> None:
    assert port_probe._GREETING_TIMEOUT == 1.0
    with other_server(endless=b"x") as port:
        assert port_owner(port) is PortOwner.OTHER


# Starting


def test_local_server_first_start_creates_demo_accounts(
    state: Path, tmp_path: Path, port: int, start: Start
) -> None:
    server = start(state, tmp_path, port)
    assert (server.host, server.port, server.joined_existing) == ("127.0.0.1", port, False)
    assert server.demo_accounts == ("DPS", "alice", "bob", "carol")
    assert stat.S_IMODE((state / "users.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert not (tmp_path / "users.json").exists()
    assert log_in(server.port, "alice") == "[SERVER] Login successful"


def test_local_server_second_start_keeps_accounts(
    state: Path, tmp_path: Path, port: int, start: Start
) -> None:
    state.mkdir(parents=True)
    (state / "users.json").write_text(json.dumps({"bob": HASH, "erin": HASH}))
    server = start(state, tmp_path, port)
    assert server.demo_accounts == ("bob",)
    assert log_in(server.port, "erin") == "[SERVER] Login successful"


def test_local_server_prefers_users_file_of_working_folder(
    state: Path, working_folder: Path, port: int, start: Start
) -> None:
    other = hash_password("password456", cost=4)
    (working_folder / "users.json").write_text(
        json.dumps({"alice": other, "bob": HASH, "dave": HASH})
    )
    server = start(state, working_folder, port)
    assert server.demo_accounts == ("bob",), (
        "alice has another password, dave is not a demo account"
    )
    assert log_in(server.port, "dave") == "[SERVER] Login successful"
    assert not (state / "users.json").exists()


def test_local_server_log_is_owner_only(
    state: Path, working_folder: Path, port: int, start: Start
) -> None:
    server = start(state, working_folder, port)
    log_in(server.port, "alice")
    server.stop()
    assert server.log_path == state / "local-server.log"
    assert stat.S_IMODE(server.log_path.stat().st_mode) == 0o600
    log = server.log_path.read_text()
    assert "[+] User 'alice' authenticated" in log
    assert log.endswith("[*] Stopped\n")


def test_local_server_rotates_large_log(
    state: Path, working_folder: Path, port: int, start: Start
) -> None:
    state.mkdir(parents=True)
    (state / "local-server.log").write_bytes(b"old\n" * 300_000)
    start(state, working_folder, port)
    assert (state / "local-server.log").stat().st_size < 1000
    assert (state / "local-server.old.log").stat().st_size == 1_200_000


def test_local_server_imports_nothing_from_working_folder(
    state: Path, working_folder: Path, port: int, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    (working_folder / "click.py").write_text("raise RuntimeError('imported')")
    monkeypatch.chdir(working_folder)
    assert start(state, Path(), port).port == port


def test_local_server_imports_no_textual_and_no_asyncio() -> None:
    program = (
        "import sys, chat_tui.local_server\n"
        "sys.exit(' '.join({'textual', 'rich', 'asyncio', 'chat_server.server'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.stderr.strip() == b""


# Another server on the port


def test_second_client_joins_local_server_and_knows_demo_accounts(
    state: Path, working_folder: Path, port: int, start: Start
) -> None:
    first = start(state, working_folder, port)
    second = start(state, working_folder.parent, port)
    assert (second.host, second.port, second.joined_existing) == ("127.0.0.1", port, True)
    assert second.log_path is None
    assert second.demo_accounts == first.demo_accounts == ("alice",)
    second.stop()
    assert is_listening(port), "the second client must not stop the server"


def test_client_that_joins_during_the_start_knows_demo_accounts(
    state: Path, tmp_path: Path, port: int, start: Start
) -> None:
    first = start(state, tmp_path, port)
    first.stop()
    users = state / "users.json"
    users.write_text(users.read_text() + "\n")  # a change: the accounts have to be found out again
    with ThreadPoolExecutor(2) as threads:
        servers = list(threads.map(lambda _: start(state, tmp_path, port), range(2)))
    assert [server.demo_accounts for server in servers] == [DEMO_ACCOUNTS] * 2


def test_demo_accounts_are_remembered_until_users_file_changes(
    state: Path, tmp_path: Path, port: int, start: Start
) -> None:
    users = users_file(state, tmp_path)
    assert remembered_demo_accounts(state, users) == DEMO_ACCOUNTS, "it will be created with them"
    server = start(state, tmp_path, port)
    assert server.demo_accounts == DEMO_ACCOUNTS
    server.stop()
    assert remembered_demo_accounts(state, users) == DEMO_ACCOUNTS
    server = start(state, tmp_path, port)
    assert server.known_demo_accounts == DEMO_ACCOUNTS, "no hash is needed"
    server.stop()
    users.write_text(json.dumps({"alice": HASH}))
    assert remembered_demo_accounts(state, users) is None
    assert start(state, tmp_path, port).demo_accounts == ("alice",)


def test_slow_demo_check_does_not_delay_the_server(
    state: Path, tmp_path: Path, port: int, start: Start
) -> None:
    costly = hash_password("password123", cost=13)
    state.mkdir(parents=True)
    (state / "users.json").write_text(json.dumps(dict.fromkeys(DEMO_ACCOUNTS, costly)))
    server = start(state, tmp_path, port)
    assert server.known_demo_accounts is None, "the check takes longer than the start"
    assert server.demo_accounts == DEMO_ACCOUNTS


def test_stop_during_the_demo_check_ends_it(
    state: Path, tmp_path: Path, port: int, start: Start
) -> None:
    costly = hash_password("password123", cost=14)
    state.mkdir(parents=True)
    (state / "users.json").write_text(json.dumps(dict.fromkeys(DEMO_ACCOUNTS, costly)))
    server = start(state, tmp_path, port)
    server.stop()
    assert server.demo_accounts == ()
    assert not (state / "local-server.json").exists()
    assert not is_listening(port)


@pytest.mark.parametrize("name", ["local-server.json", "local-server.log", "demo-accounts.json"])
def test_fifo_in_state_folder_does_not_block_local_server(
    state: Path, working_folder: Path, port: int, start: Start, name: str
) -> None:
    state.mkdir(parents=True)
    os.mkfifo(state / name)
    if name.endswith(".log"):
        with pytest.raises(LocalServerError, match=r"local-server\.log: it is a FIFO, not a file"):
            start(state, working_folder, port)
    else:
        assert start(state, working_folder, port).demo_accounts == ("alice",)


# The server of another window has gone


def test_joined_window_starts_a_gone_server_again_with_the_same_accounts(
    state: Path, working_folder: Path, port: int, start: Start
) -> None:
    first = start(state, working_folder, port)
    second = start(state, working_folder.parent, port)
    assert second.start_again() is second, "the server runs"
    first.stop()
    again = second.start_again()
    try:
        assert (again.port, again.joined_existing) == (port, False)
        assert log_in(port, "dave") == "[SERVER] Login successful"
    finally:
        again.stop()


def test_concurrent_windows_start_a_gone_server_once(
    state: Path, working_folder: Path, port: int, start: Start
) -> None:
    first = start(state, working_folder, port)
    joined = [start(state, working_folder, port) for _ in range(3)]
    first.stop()
    with ThreadPoolExecutor(3) as threads:
        again = list(threads.map(LocalServer.start_again, joined))
    try:
        assert sorted(server.joined_existing for server in again) == [False, True, True]
    finally:
        for server in again:
            server.stop()


def test_killed_server_is_started_again_by_its_own_window(
    state: Path, working_folder: Path, port: int, start: Start
) -> None:
    server = start(state, working_folder, port)
    assert server.start_again() is server
    os.kill(json.loads((state / "local-server.json").read_text())["process"], signal.SIGKILL)
    until(lambda: not is_listening(port))
    again = server.start_again()
    try:
        assert log_in(port, "dave") == "[SERVER] Login successful"
    finally:
        again.stop()


def test_server_is_not_started_again_if_another_program_has_its_port(
    state: Path, working_folder: Path, port: int, start: Start
) -> None:
    first = start(state, working_folder, port)
    second = start(state, working_folder, port)
    first.stop()
    expected = f"another program uses port {port} now"
    with socket.create_server(("127.0.0.1", port)), pytest.raises(LocalServerError, match=expected):
        second.start_again()
    assert not is_listening(port)


def test_foreign_chat_server_is_joined_without_demo_accounts(
    state: Path, working_folder: Path, start: Start
) -> None:
    with other_server(WELCOME, LOGIN_LINE) as port:
        server = start(state, working_folder, port)
        assert server.joined_existing
        assert server.demo_accounts == ()
    assert not (state / "local-server.log").exists()


@pytest.mark.parametrize(
    "record",
    [
        "",
        "[]",
        "{" * 10_000,
        '{"port": PORT, "process": 0, "demo_accounts": ["alice"]}',
        '{"port": PORT, "process": -1, "demo_accounts": ["alice"]}',
        '{"port": PORT, "process": ENDED, "demo_accounts": ["alice"]}',
        '{"port": PORT, "process": 99999999999999999999, "demo_accounts": ["alice"]}',
        '{"port": PORT, "process": RUNNING, "demo_accounts": [1]}',
        '{"port": PORT, "process": RUNNING, "demo_accounts": "alice"}',
        '{"port": 1, "process": RUNNING, "demo_accounts": ["alice"]}',
    ],
)
def test_stale_local_server_record_is_ignored(
    state: Path, working_folder: Path, start: Start, record: str
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    state.mkdir(parents=True)
    with other_server(LOGIN_LINE) as port:
        for word, number in (("PORT", port), ("ENDED", ended.pid), ("RUNNING", os.getpid())):
            record = record.replace(word, str(number))
        (state / "local-server.json").write_text(record)
        assert start(state, working_folder, port).demo_accounts == ()


def test_local_server_uses_other_port_if_port_holder_is_silent(
    state: Path, working_folder: Path, start: Start
) -> None:
    with other_server() as port:
        server = start(state, working_folder, port)
        assert not server.joined_existing
        assert server.port != port
        assert log_in(server.port, "alice") == "[SERVER] Login successful"
        assert not (state / "local-server.json").exists(), "the next client would not look there"


def test_local_server_uses_other_port_if_port_is_bound_only(
    state: Path, working_folder: Path, start: Start
) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        server = start(state, working_folder, port)
        assert not server.joined_existing
        assert server.port != port


def test_local_server_keeps_no_messages_while_another_one_with_its_users_does(
    state: Path, working_folder: Path, start: Start
) -> None:
    with other_server() as port:  # so that the second client does not find the first server
        for keeps_messages in (True, False):
            server = start(state, working_folder, port)
            with WireClient("127.0.0.1", server.port) as client:
                client.send("LOGIN alice password123")
                lines = [client.read_line() or "" for _ in range(3)]
                assert lines[1] == "[SERVER] Login successful"
                assert ("/history" in lines[2]) is keeps_messages, lines


def test_concurrent_clients_start_one_local_server(
    state: Path, tmp_path: Path, port: int, start: Start
) -> None:
    with ThreadPoolExecutor(3) as threads:
        servers = list(threads.map(lambda _: start(state, tmp_path, port), range(3)))
    assert [server.port for server in servers] == [port] * 3
    assert sorted(server.joined_existing for server in servers) == [False, True, True]
    assert log_in(port, "carol") == "[SERVER] Login successful"


# Errors


def test_local_server_reports_broken_users_file(
    state: Path, working_folder: Path, port: int
) -> None:
    (working_folder / "users.json").write_text("{")
    with pytest.raises(LocalServerError) as caught:
        LocalServer.start(state, working_folder, port)
    assert str(caught.value).startswith(
        f"{working_folder / 'users.json'}: line 1 column 2: not JSON"
    )
    assert str(caught.value).isprintable()
    assert not is_listening(port)


def test_local_server_does_not_recreate_broken_users_file(
    state: Path, tmp_path: Path, port: int
) -> None:
    state.mkdir(parents=True)
    (state / "users.json").write_text("")
    with pytest.raises(LocalServerError, match="is empty; delete it"):
        LocalServer.start(state, tmp_path, port)


def test_local_server_reports_uncreatable_state_folder(tmp_path: Path, port: int) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(LocalServerError) as caught:
        LocalServer.start(tmp_path / "state" / "lobby-chat", tmp_path, port)
    assert str(tmp_path / "state") in str(caught.value)


# Stopping


def test_local_server_stop_removes_its_record(
    state: Path, working_folder: Path, port: int, start: Start
) -> None:
    server = start(state, working_folder, port)
    record = state / "local-server.json"
    assert json.loads(record.read_text())["port"] == port
    server.stop()
    assert not is_listening(port)
    assert not record.exists()
    server.stop()


def test_local_server_stop_notifies_clients(
    state: Path, working_folder: Path, port: int, start: Start
) -> None:
    server = start(state, working_folder, port)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as client,
        client.makefile("r", encoding="utf-8") as lines,
    ):
        assert lines.readline().encode() == LOGIN_LINE
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        assert lines.readlines() == ["[SERVER] Server is shutting down\n"]
        stopping.join()


def test_local_server_is_killed_if_it_does_not_stop(
    state: Path, working_folder: Path, port: int, start: Start
) -> None:
    server = start(state, working_folder, port)
    process = json.loads((state / "local-server.json").read_text())["process"]
    os.kill(process, signal.SIGSTOP)
    server.stop(timeout=0.1)
    assert not is_listening(port)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGHUP, signal.SIGTERM])
def test_local_server_ends_with_client(
    state: Path, working_folder: Path, port: int, how: signal.Signals
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CLIENT, str(state), str(working_folder), str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == f"{port}\n".encode()
        assert is_listening(port)
        client.send_signal(how)
        client.wait(10)
    until(lambda: (state / "local-server.log").read_text().endswith("[*] Stopped\n"))
    assert not is_listening(port)


def test_local_server_runs_in_own_session(
    state: Path, working_folder: Path, port: int, start: Start
) -> None:
    start(state, working_folder, port)
    process = json.loads((state / "local-server.json").read_text())["process"]
    assert os.getsid(process) == process, "Ctrl+C goes to all processes in the terminal's session"
