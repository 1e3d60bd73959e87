"""A server that is one of several: its start and stop, its health, and the accounts of all."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from chat_server.accounts import UsersFileError, open_accounts
from chat_server.cluster_node import JoinError
from chat_server.config import Config
from chat_server.core.requests import Publish
from chat_server.net import ListenError
from chat_server.observability.event_log import EventLog
from chat_server.server import ChatServer
from chat_server.tuning import Tuning
from tests.support.accounts import cheap_hash, write_accounts_file
from tests.support.cluster import Cluster, LocalNode, StartCluster
from tests.support.redis_server import RedisServer, StartRedis
from tests.support.server_cli import run_server
from tests.support.wait_until import WAIT_TIMEOUT, until
from tests.support.wire_client import WireClient

MESSAGE = r"\[\d\d:\d\d:\d\d\] {}: {}"


def local(cluster: Cluster, index: int) -> LocalNode:
    node = cluster.nodes[index]
    assert isinstance(node, LocalNode)
    return node


def users(cluster: Cluster, *arguments: str | Path, typed: str | None = None) -> str:
    """Run `chat-server users` for the accounts of the cluster. Return its output."""
    result = run_server(
        *("--bcrypt-cost", "4", "users", "--redis", cluster.redis.url), *arguments, typed=typed
    )
    assert result.exit_code == 0, result.output
    return result.output


def log_in_with(cluster: Cluster, node: int, user: str, password: str) -> WireClient:
    client = cluster.connect(cluster.nodes[node].port)
    client.expect("[SERVER] Login using: LOGIN <username> <password>")
    client.send(f"LOGIN {user} {password}")
    return client


def test_users_of_two_servers_are_in_one_chat(start_cluster: StartCluster) -> None:
    cluster = start_cluster()
    alice = cluster.log_in(0, "alice", subscribe="bob")
    bob = cluster.log_in(1, "bob", subscribe="alice")
    alice.send("from one server")
    bob.expect_match(MESSAGE.format("alice", "from one server"))
    bob.send("to the other")
    alice.expect_match(MESSAGE.format("bob", "to the other"))
    assert alice.request("/who") == bob.request("/who")


def test_clients_notice_nothing_when_redis_has_lost_the_sessions(
    start_cluster: StartCluster,
) -> None:
    cluster = start_cluster()
    alice = cluster.log_in(0, "alice", subscribe="bob")
    bob = cluster.log_in(1, "bob", subscribe="alice")
    assert alice.request("/join dev") == "[SERVER] Joined room 'dev'"
    assert bob.request("/join dev") == "[SERVER] Joined room 'dev'"
    cluster.redis.command("DEL", "{lobby}:sessions")
    alice.send("from one server")
    bob.expect_match(MESSAGE.format("alice", "from one server"))
    bob.send("to the other")
    alice.expect_match(MESSAGE.format("bob", "to the other"))
    assert alice.request("/who") == bob.request("/who") == "[SERVER] In room 'dev': alice, bob"
    cluster.until_same_state()


def test_ban_of_minutes_is_as_long_on_every_server(start_cluster: StartCluster) -> None:
    cluster = start_cluster(operators=frozenset({"alice"}))
    alice = cluster.log_in(0, "alice")
    assert alice.request("/ban bob 5") == "[SERVER] Banned bob for 5 min"
    for node in range(2):
        bob = log_in_with(cluster, node, "bob", "pw-of-bob")
        line = bob.expect_match(r"\[ERROR\] This account is banned; try again in (\d+) s")
        assert 200 < int(line[1]) <= 301


# Accounts


def test_first_server_imports_its_users_file_and_others_need_none(
    start_cluster: StartCluster, tmp_path: Path
) -> None:
    cluster = start_cluster(1)
    log = cluster.nodes[0].log
    assert "Imported 5 accounts of" in log
    assert "Server node0 shares a chat over redis://127.0.0.1:" in log
    second = start_cluster(1, users=tmp_path / "missing.json", redis=cluster.redis, node="second")
    assert "Imported" not in second.nodes[0].log
    second.log_in(0, "bob")


def test_change_of_users_file_is_logged_once_and_has_no_effect(
    start_cluster: StartCluster, tmp_path: Path
) -> None:
    file = write_accounts_file(tmp_path / "users.json")
    cluster = start_cluster(1, users=file)
    node = local(cluster, 0)
    alice = cluster.log_in(0, "alice")
    write_accounts_file(file, ["bob", "zoe"])
    for _ in range(3):
        node.running.server.reload_accounts()
    assert node.log.count(f"{file} has changed, but the accounts are in Redis") == 1
    assert alice.request("/rooms")
    log_in_with(cluster, 0, "zoe", "pw-of-zoe").expect_match(r"\[ERROR\] .*")


def test_added_and_enabled_accounts_log_in_on_all_servers(start_cluster: StartCluster) -> None:
    cluster = start_cluster()
    users(cluster, "add", "zoe", "--password-stdin", typed="pw-of-zoe\n")
    until(lambda: has_account(cluster, 0, "zoe"), "zoe has an account")
    until(lambda: has_account(cluster, 1, "zoe"), "zoe has an account on the other server")
    cluster.log_in(0, "zoe")
    cluster.log_in(1, "zoe")
    users(cluster, "disable", "bob")
    until(lambda: not has_account(cluster, 1, "bob"), "bob is disabled")
    log_in_with(cluster, 1, "bob", "pw-of-bob").expect_match(r"\[ERROR\] .*")
    users(cluster, "enable", "bob")
    until(lambda: has_account(cluster, 1, "bob"), "bob is enabled")
    cluster.log_in(1, "bob")


def has_account(cluster: Cluster, node: int, user: str) -> bool:
    return local(cluster, node).running.server._accounts.is_active(user)


@pytest.mark.parametrize(
    ("change", "how"),
    [
        (("remove", "bob"), "removed"),
        (("rename", "bob", "bobby"), "removed"),
        (("disable", "bob"), "disabled"),
    ],
)
def test_session_ends_with_its_account_on_any_server(
    start_cluster: StartCluster, change: tuple[str, ...], how: str
) -> None:
    cluster = start_cluster()
    alice = cluster.log_in(0, "alice")
    bob = cluster.log_in(1, "bob")
    users(cluster, *change)
    bob.expect(f"[SERVER] Logged out: this account was {how}")
    assert bob.read_line() is None
    alone = "[SERVER] In room 'lobby': alice"
    until(lambda: alice.request("/who") == alone, "her server has read it, too")
    for index in range(2):
        local(cluster, index).running.server.reload_accounts()
    assert f"User 'bob' logged out: account {how}" in cluster.nodes[1].log
    assert "logged out: account" not in cluster.nodes[0].log
    cluster.until_same_state()


def test_password_change_holds_on_all_servers(start_cluster: StartCluster) -> None:
    cluster = start_cluster()
    alice = cluster.log_in(0, "alice")
    assert alice.request("/passwd pw-of-alice new-of-alice") == "[SERVER] Password changed"
    until(
        lambda: len({accounts_of(cluster, node)["alice"] for node in range(2)}) == 1,
        "both servers have the new hash",
    )
    # The old password was remembered by neither.
    log_in_with(cluster, 1, "alice", "pw-of-alice").expect_match(r"\[ERROR\] .*")
    log_in_with(cluster, 1, "alice", "new-of-alice").expect("[SERVER] Login successful")
    alice.expect("[SERVER] Logged out due to new login")
    log_in_with(cluster, 0, "alice", "new-of-alice").expect("[SERVER] Login successful")


def accounts_of(cluster: Cluster, node: int) -> dict[str, str]:
    return dict(local(cluster, node).running.server._accounts.accounts)


def test_cost_of_a_hash_is_raised_once_for_all_servers(start_cluster: StartCluster) -> None:
    cluster = start_cluster(bcrypt_cost=5)
    cluster.log_in(0, "alice")
    until(lambda: "Hash of 'alice' raised to cost 5" in cluster.nodes[0].log, "the cost is raised")
    until(lambda: accounts_of(cluster, 1)["alice"].startswith("$2b$05$"), "the other has the hash")
    cluster.log_in(1, "alice")
    cluster.until_same_state()
    assert "raised" not in cluster.nodes[1].log


def test_lost_accounts_are_written_back_and_end_no_session(start_cluster: StartCluster) -> None:
    cluster = start_cluster()
    alice = cluster.log_in(0, "alice")
    bob = cluster.log_in(1, "bob")
    users(cluster, "disable", "carol")
    cluster.redis.command("DEL", "{lobby}:users")
    until(lambda: cluster.redis.command("EXISTS", "{lobby}:users"), "the accounts are back")
    assert users(cluster, "list") == "DPS\nalice\nbob\ncarol\tdisabled\ndave\n"
    assert alice.request("/passwd pw-of-alice new-of-alice") == "[SERVER] Password changed"
    assert bob.request("/who") == "[SERVER] In room 'lobby': alice, bob"
    written = [node.log.count("wrote 5 accounts back") for node in cluster.nodes]
    assert sorted(written) == [0, 1]


def test_exported_accounts_start_a_server_without_redis(
    start_cluster: StartCluster, tmp_path: Path
) -> None:
    cluster = start_cluster(1)
    cluster.log_in(0, "alice").request("/passwd pw-of-alice new-of-alice")
    file = tmp_path / "exported.json"
    users(cluster, "export", file)
    assert json.loads(file.read_text()) == accounts_of(cluster, 0)


# Start and stop


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(
        port=0,
        users=write_accounts_file(tmp_path / "users.json"),
        max_clients=100,
        node="node",
        tuning=Tuning(redis_timeout_seconds=0.5, redis_seed_seconds=0.0),
    )


def start_error(config: Config, error: type[Exception] = JoinError) -> str:
    """Return why a server does not start."""
    server = ChatServer(config, open_accounts(config), EventLog(io.StringIO()))
    with pytest.raises(error) as raised:
        server.start()
    text = str(raised.value)
    assert "\n" not in text
    return text


def test_start_without_redis_is_one_line(redis_server: RedisServer, config: Config) -> None:
    config = replace(config, redis=redis_server.url)
    redis_server.freeze()
    assert "does not answer in time" in start_error(config)
    redis_server.kill()
    assert f"Redis at 127.0.0.1:{redis_server.port} cannot be reached" in start_error(config)


def test_start_with_wrong_password_is_one_line(start_redis: StartRedis, config: Config) -> None:
    redis = start_redis(password="right")
    config = replace(config, redis=redis.url, redis_password_file=redis.write_password("wrong"))
    assert "rejects the user or the password" in start_error(config)


def test_password_file_that_others_may_read_is_logged(
    start_redis: StartRedis, config: Config
) -> None:
    redis = start_redis(password="right")
    file = redis.write_password()
    file.chmod(0o640)
    log = io.StringIO()
    config = replace(config, redis=redis.url, redis_password_file=file)
    server = ChatServer(config, open_accounts(config), EventLog(log))
    server.start()
    server.stop()
    assert f"{file} can be read or written by others (mode 0640)" in log.getvalue()


def test_start_with_a_log_of_another_version_is_one_line(
    redis_server: RedisServer, config: Config
) -> None:
    redis_server.command("HSET", "{lobby}:state", "epoch", "e", "form", "0", "at", "1", "n", "0")
    assert "version" in start_error(replace(config, redis=redis_server.url))


def test_first_server_needs_a_users_file(
    redis_server: RedisServer, config: Config, tmp_path: Path
) -> None:
    config = replace(config, redis=redis_server.url, users=tmp_path / "missing.json")
    assert "missing.json: no such file" in start_error(config, UsersFileError)
    assert redis_server.command("KEYS", "*") == []


def test_public_server_rejects_demo_password_in_redis(
    redis_server: RedisServer, config: Config, tmp_path: Path
) -> None:
    config.users.write_text(json.dumps({"alice": cheap_hash("password123")}))
    config = replace(config, redis=redis_server.url)
    first = ChatServer(config, open_accounts(config), EventLog(io.StringIO()))
    first.start()
    try:
        public = replace(
            config, host="0.0.0.0", tls_port=0, state=tmp_path / "state", node="public"
        )
        error = start_error(public, UsersFileError)
    finally:
        first.stop()
    assert "the publicly known demo password is still set for alice" in error


def test_server_of_a_port_in_use_does_not_replace_the_one_that_has_it(
    start_cluster: StartCluster,
) -> None:
    cluster = start_cluster(1)
    alice = cluster.log_in(0, "alice")
    running = local(cluster, 0).running
    again = replace(running.config, port=running.port, history=None)
    assert "Address already in use" in start_error(again, ListenError)
    assert alice.request("/who") == "[SERVER] In room 'lobby': alice"


def test_clients_of_a_server_that_stops_get_a_last_line_and_leave_the_others(
    start_cluster: StartCluster,
) -> None:
    cluster = start_cluster()
    alice = cluster.log_in(0, "alice", subscribe="bob")
    bob = cluster.log_in(1, "bob", subscribe="bob")
    bob.send("the last message")
    bob.expect_match(MESSAGE.format("bob", "the last message"))
    local(cluster, 1).running.stop()
    bob.expect("[SERVER] Server is shutting down")
    alice.expect_match(MESSAGE.format("bob", "the last message"))
    until(
        lambda: alice.request("/who") == "[SERVER] In room 'lobby': alice",
        "bob is gone from the other server",
    )


# Health


def test_health_fails_only_after_redis_was_away_for_long(start_cluster: StartCluster) -> None:
    cluster = start_cluster(
        1, redis_timeout_seconds=0.2, redis_notice_seconds=0.1, redis_unhealthy_seconds=1.0
    )
    server = local(cluster, 0).running.server
    assert server.health_problem() is None
    assert server.degradation() is None
    cluster.redis.kill()
    until(lambda: server.degradation() is not None, "the server is degraded")
    until(lambda: server.health_problem() is not None, "the server is not healthy")
    assert "unreachable" in str(server.health_problem())
    assert server.defect() is None  # a restart would lose what waits
    until(lambda: "Disconnected from the other servers: Redis at" in cluster.nodes[0].log)
    measured = server.measure()
    assert measured.redis_away_seconds > 0.9
    cluster.redis.start()
    until(lambda: server.health_problem() is None, "the server is healthy again")
    until(lambda: "Connected to the other servers again after" in cluster.nodes[0].log)


def test_metrics_count_entries_and_servers(start_cluster: StartCluster) -> None:
    cluster = start_cluster()
    alice = cluster.log_in(0, "alice", subscribe="alice")
    alice.send("one")
    alice.expect_match(MESSAGE.format("alice", "one"))
    first, second = (local(cluster, index).running.server for index in range(2))
    until(lambda: first.measure().redis_nodes == 2, "both servers hold a lease")
    until(lambda: second.measure().redis_entries_read >= 3, "the other has read the entries")
    # An entry can be delivered before the server has read the reply that Redis has written it.
    until(lambda: first.measure().redis_entries_written == 3, "the entries count as written")
    assert second.measure().redis_entries_written == 0
    assert first.measure().redis_queue_entries == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(("role", "step"), [("reader", "_read"), ("writer", "_beat")])
def test_server_whose_log_thread_has_ended_needs_a_restart(
    start_cluster: StartCluster, monkeypatch: pytest.MonkeyPatch, role: str, step: str
) -> None:
    cluster = start_cluster(1)
    server = local(cluster, 0).running.server
    assert server.defect() is None
    assert server._node is not None
    part = getattr(server._node.backplane, f"_{role}")

    def end_thread(*arguments: object, **settings: object) -> None:
        raise SystemExit

    monkeypatch.setattr(part, step, end_thread)
    part._thread.join(WAIT_TIMEOUT)
    assert server.defect() == f"the thread 'log {role}' does not run"
    assert server.health_problem() == server.defect()


def test_server_is_unhealthy_and_ends_its_clients_as_soon_as_another_has_its_name(
    start_cluster: StartCluster,
) -> None:
    cluster = start_cluster(1, redis_unhealthy_seconds=600.0)
    older = local(cluster, 0).running.server
    alice = cluster.log_in(0, "alice")
    newer = start_cluster(1, redis=cluster.redis, redis_unhealthy_seconds=600.0)
    until(lambda: older.health_problem() is not None, "the older server is unhealthy")
    assert older.health_problem() == "another server with the name 'node0' has started"
    assert older.defect() is None  # a restart would replace the newer one
    assert local(newer, 0).running.server.health_problem() is None
    lines = list(iter(alice.read_line, None))  # the connection ends, so that the client moves on
    assert not [line for line in lines if "shutting down" in str(line)]
    bob = cluster.connect(cluster.nodes[0].port)
    bob.expect("[ERROR] Another server has taken the place of this one; connect again")
    assert bob.read_line() is None
    until(
        lambda: "another server has taken its place" in cluster.nodes[0].log,
        "the rejection is logged",
    )
    assert newer.log_in(0, "bob").request("/who") == "[SERVER] In room 'lobby': bob"


@pytest.mark.parametrize("is_silent", [False, True])
def test_stop_without_redis_reports_unsent_messages_that_got_no_echo(
    start_cluster: StartCluster, is_silent: bool
) -> None:
    # If Redis is silent, no thread may wait for its reply.
    cluster = start_cluster(1, redis_stop_seconds=0.2, redis_timeout_seconds=60.0)
    node = local(cluster, 0)
    alice = cluster.log_in(0, "alice", subscribe="alice")
    bob = cluster.log_in(0, "bob")
    if is_silent:
        cluster.redis.freeze()
    else:
        cluster.redis.kill()
    for text in ("one", "two", "three"):
        alice.send(text)
    server = node.running.server
    until(lambda: server.measure().redis_queue_entries >= 1, "messages wait")
    until(lambda: waiting_texts(server) == 3, "all three messages wait")
    node.running.stop()
    assert "Stopped with 3 messages not sent to the other servers" in node.log
    lines = list(iter(alice.read_line, None))
    assert lines[-2:] == [
        "[SERVER] Your last 3 messages were not sent: the servers cannot reach each other",
        "[SERVER] Server is shutting down",
    ]
    assert not [line for line in lines if "alice: " in str(line)]
    lines = list(iter(bob.read_line, None))
    assert lines[-1] == "[SERVER] Server is shutting down"
    assert not [line for line in lines if "not sent" in str(line)]
    cluster.redis.thaw()


def waiting_texts(server: ChatServer) -> int:
    """Return how many messages wait for Redis."""
    assert server._node is not None
    outgoing = server._node.backplane._outgoing
    with outgoing._lock:
        queued = (*outgoing._waiting, *outgoing._sent)
        return sum(len(each.request.texts) for each in queued if isinstance(each.request, Publish))
