"""The files in deploy/ for several servers: the unit, HAProxy, and the settings of Redis."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from chat_server.addresses import parse_network
from chat_server.core.requests import AccountRecord
from chat_server.observability import Metrics, MetricsServer
from tests.support.cluster import StartCluster
from tests.support.log_node import LogNode, running
from tests.support.project import PROJECT
from tests.support.redis_server import NO_RETRY, RedisServer, StartHaProxy, StartRedis
from tests.support.running_server import StartServer
from tests.support.server_cli import run_server
from tests.support.systemd_units import DEPLOY, UNIT, settings_of
from tests.support.users_file import HASH
from tests.support.wait_until import until
from tests.support.wire_client import WireClient

TEMPLATE = DEPLOY / "lobby@.service"
ACL = (DEPLOY / "lobby.acl").read_text()
SECRET = re.compile(r">REPLACE-WITH-\S+")

RequireProgram = Callable[[str], Path]


def test_systemd_accepts_the_unit_of_a_node(
    tmp_path: Path, require_program: RequireProgram
) -> None:
    unit = tmp_path / "lobby@one.service"
    unit.write_text(
        re.sub(r"^(ExecStart|ExecReload)=\S+", r"\1=/bin/true", TEMPLATE.read_text(), flags=re.M)
    )
    done = subprocess.run(
        [require_program("systemd-analyze"), "verify", unit],
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_unit_of_a_node_differs_from_that_of_one_server_in_its_names_only() -> None:
    one, node = settings_of(UNIT), settings_of(TEMPLATE)
    different = {name for name in one.keys() | node.keys() if one.get(name) != node.get(name)}
    assert different == {
        *("Description", "ExecStart", "User", "StateDirectory"),
        *("LoadCredential", "Environment"),
    }
    assert node["ExecStart"][0].endswith(" --config /etc/lobby/%i.toml")
    assert node["StateDirectory"] == node["User"] == ["lobby-%i"]
    assert node["Environment"] == ["CHAT_SERVER_REDIS_PASSWORD_FILE=%d/redis-password"]
    assert node["LoadCredential"][0].startswith("redis-password:")


def test_haproxy_accepts_its_configuration(require_program: RequireProgram) -> None:
    done = subprocess.run(
        [require_program("haproxy"), "-c", "-f", DEPLOY / "haproxy.cfg"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert "[WARNING]" not in done.stderr


def test_haproxy_passes_tls_on_and_avoids_an_unhealthy_server(
    start_server: StartServer, start_haproxy: StartHaProxy
) -> None:
    """The file itself, with the ports of this test."""
    problems: list[str] = []
    server = start_server(rate=0, trusted_proxies=(parse_network("127.0.0.1"),))
    metrics = MetricsServer(
        0,
        Metrics(server.server.measure, 10).text,
        lambda: problems[0] if problems else None,
        server.server._log,
    )
    metrics.start()
    try:
        config = (DEPLOY / "haproxy.cfg").read_text()
        for old, new in {
            "maxconn 20000": "maxconn 100",
            "bind :9001": "bind fd@{chat}",
            "bind :9180": "bind fd@{health}",
            "    log /dev/log local0\n": "",
            "127.0.0.1:9101": f"127.0.0.1:{metrics.port}",
            "10.0.0.11:9001": f"127.0.0.1:{server.port}",
            "    server two 10.0.0.12:9001\n": "",
            "inter 2s": "inter 50ms",
            # Its port is only known once it runs, so the check takes the shorter way.
            "port 9180": f"port {metrics.port}",
        }.items():
            assert old in config
            config = config.replace(old, new)
        config = config.replace("{ path /healthz }", "{{ path /healthz }}")
        proxy = start_haproxy(config, listeners=("chat", "health"))
        with WireClient("127.0.0.1", proxy.port_of("chat"), source="127.0.0.9") as client:
            client.expect("[SERVER] Login using: LOGIN <username> <password>")
            assert "New connection from 127.0.0.9:" in server.log.getvalue()
            for path, status in (("/healthz", b"200"), ("/metrics", b"403")):
                with WireClient("127.0.0.1", proxy.port_of("health")) as check:
                    check.send_raw(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
                    assert check.socket.recv(1000).split()[1] == status
            problems.append("Redis is away")

            def is_avoided() -> bool:
                with WireClient("127.0.0.1", proxy.port_of("chat")) as new:
                    try:
                        return new.read_line() is None
                    except OSError:
                        return True

            until(is_avoided, "no new client gets to the unhealthy server")
            client.send("LOGIN alice pw-of-alice")  # those that are connected stay
            client.expect("[SERVER] Login successful")
    finally:
        metrics.stop()


# Redis


def commands_of_servers() -> set[str]:
    """Return the commands that the servers and their scripts send."""
    found: set[str] = set()
    for file in (PROJECT / "chat_server/backplane").glob("*.py"):
        text = file.read_text()
        found |= set(re.findall(r"""redis\.call\(\s*'(\w+)'""", text))
        found |= set(re.findall(r"""\(\s*"([A-Z]{4,})\"""", text))
    return {word.lower() for word in found}


@pytest.fixture
def acl_redis(start_redis: StartRedis) -> RedisServer:
    """Return a Redis with the users of the file, whose passwords are `secret`.

    The default user stays on, because the tests give orders as this user.
    """
    users = [line for line in ACL.splitlines() if not line.startswith("user default")]
    return start_redis(acl=[SECRET.sub(">secret", line) for line in users])


def test_acl_allows_each_command_of_the_servers(acl_redis: RedisServer) -> None:
    (rule,) = (line for line in ACL.splitlines() if line.startswith("user lobby "))
    allowed = {word[1:].partition("|")[0] for word in rule.split() if word.startswith("+")}
    commands = commands_of_servers() - {"sentinel", "block", "streams"}
    assert {"xadd", "hset", "evalsha", "role"} <= commands
    assert commands <= allowed
    # Allowed without need: only what the reader's command is built from, and the client library.
    assert allowed - commands <= {"client", "eval", "info", "ping", "select", "xrange", "xread"}


@pytest.mark.parametrize(
    "command",
    [
        ("GET", "{lobby}:state"),
        ("SET", "{lobby}:state", "x"),
        ("KEYS", "*"),
        ("SCAN", "0"),
        ("CONFIG", "GET", "*"),
        ("CONFIG", "SET", "appendonly", "no"),
        ("FLUSHALL",),
        ("SHUTDOWN",),
        ("ACL", "LIST"),
        ("CLIENT", "KILL", "TYPE", "normal"),
        ("SCRIPT", "FLUSH"),
        ("REPLICAOF", "NO", "ONE"),
        ("MONITOR",),
        ("HGET", "other", "field"),
        ("DEL", "other"),
        ("XADD", "other", "*", "a", "b"),
        ("PUBLISH", "channel", "text"),
        ("EVAL", "return redis.call('GET', KEYS[1])", "1", "{lobby}:state"),
        ("EVAL", "return redis.call('KEYS', '*')", "0"),
    ],
)
def test_acl_refuses_whatever_servers_do_not_need(
    acl_redis: RedisServer, command: tuple[str, ...]
) -> None:
    with (
        redis.Redis(
            port=acl_redis.port, username="lobby", password="secret", retry=NO_RETRY
        ) as client,
        pytest.raises(redis.ResponseError, match=r"(?i)permissions|can't"),
    ):
        client.execute_command(*command)


def test_servers_work_as_the_user_of_the_file(
    acl_redis: RedisServer, start_cluster: StartCluster
) -> None:
    """They seed the log, log in, speak, change a password, make a snapshot and leave."""
    cluster = start_cluster(
        redis=acl_redis,
        redis_user="lobby",
        redis_password_file=acl_redis.write_password("secret"),
        redis_snapshot_entries=1,
    )
    alice = cluster.log_in(0, "alice", subscribe="*")
    bob = cluster.log_in(1, "bob", subscribe="*")
    bob.send("hello")
    alice.expect_message("bob", "hello")
    assert alice.request("/passwd pw-of-alice another-pass-1") == "[SERVER] Password changed"
    until(lambda: acl_redis.command("HLEN", "{lobby}:snapshots") > 1, "a snapshot of a server")
    cluster.nodes[1].stop()
    until(lambda: alice.request("/who").endswith(": alice"), "the sessions of the other ended")
    denied = [entry for entry in acl_redis.command("ACL", "LOG") if "setinfo" not in str(entry)]
    assert denied == []


def test_user_of_the_file_may_use_another_database_and_the_unix_socket(
    acl_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_SERVER_REDIS_PASSWORD", "secret")
    over_tcp = acl_redis.url.replace("//", "//lobby@") + "/1"
    over_socket = acl_redis.socket_url.replace("//", "//lobby@") + "?db=1"
    accounts = {"alice": AccountRecord(HASH)}
    a, b = LogNode(over_tcp, "a", accounts=lambda: accounts), LogNode(over_socket, "b")
    with running(a, b):
        a.say(a.log_in("alice"), "hello")
        b.until_emitted(1)
    assert acl_redis.command("EXISTS", "{lobby}:log") == 0
    assert run_server("users", "--redis", over_socket, "list").output == "alice\n"
    check = run_server("check", "--port", "0", "--history", "off", "--redis", over_socket)
    assert check.exit_code == 0
    assert f"at {over_socket} answers" in check.output


def test_redis_takes_the_settings_and_the_file_of_users(
    start_redis: StartRedis, tmp_path: Path
) -> None:
    users = tmp_path / "lobby.acl"
    users.write_text(re.sub(r"^user default.*\n", "", SECRET.sub(">secret", ACL), flags=re.M))
    text = (DEPLOY / "redis-lobby.conf").read_text().replace("/etc/redis/lobby.acl", f'"{users}"')
    server = start_redis(aof=False, settings=[line for line in text.splitlines() if line])
    for name, value in {
        "appendonly": "yes",
        "maxmemory-policy": "noeviction",
        "min-replicas-to-write": "1",
    }.items():
        assert server.command("CONFIG", "GET", name) in ({name: value}, [name, value])
    with pytest.raises(redis.ResponseError, match="NOREPLICAS"):
        server.command("SET", "key", "value")
    with redis.Redis(port=server.port, username="lobby", password="secret") as client:
        assert client.ping()


def test_replica_and_its_user_of_the_file_stay_in_sync(
    acl_redis: RedisServer, start_redis: StartRedis
) -> None:
    acl_redis.command("SET", "key", "value")
    replica = start_redis(
        replica_of=acl_redis, settings=["masteruser replica", "masterauth secret"]
    )
    replica.until_in_sync()
    assert replica.command("GET", "key") == "value"
