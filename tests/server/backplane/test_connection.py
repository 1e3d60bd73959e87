"""Connections to a real Redis: login, TLS, role, and one clear line for each error."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from chat_server.backplane import (
    BackplaneError,
    RedisSettings,
    parse_redis_url,
    scripts,
    state_scripts,
)
from chat_server.backplane.connection import RedisConnection, connect
from chat_server.backplane.connection_errors import Peer
from chat_server.backplane.entry_codec import chains
from tests.support.certificates import write_certificate
from tests.support.project import PROJECT
from tests.support.redis_server import RedisServer, StartRedis, StartSentinel, free_port

TIMEOUT = 10.0
DOCUMENTED = " ".join(f"+{command}" for command in scripts.COMMANDS)
DEPLOYED = (PROJECT / "deploy/lobby.acl").read_text().partition("user lobby")[2].splitlines()[0]
DEPLOYED = DEPLOYED.partition(" -@all ")[2]


@contextmanager
def connected(
    url: str, *, password_file: Path | None = None, ca: Path | None = None, timeout: float = TIMEOUT
) -> Iterator[RedisConnection]:
    settings = RedisSettings(parse_redis_url(url), password_file, ca)
    connection = connect(settings, timeout, "lobby-test")
    try:
        yield connection
    finally:
        connection.close()


def error_of(url: str, *, timeout: float = TIMEOUT, **settings: Path) -> str:
    with pytest.raises(BackplaneError) as caught, connected(url, timeout=timeout, **settings):
        pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_password_file_logs_in(start_redis: StartRedis) -> None:
    server = start_redis(password="secret")
    with connected(server.url, password_file=server.write_password()) as connection:
        assert connection.command("CLIENT", "GETNAME") == b"lobby-test"


def test_wrong_and_missing_password_say_where_to_put_it(
    start_redis: StartRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_redis(password="secret")
    wrong = error_of(server.url, password_file=server.write_password("guess"))
    assert "rejects the user or the password" in wrong
    assert "--redis-password-file" in wrong
    assert "needs a password" in error_of(server.url)
    monkeypatch.setenv("CHAT_SERVER_REDIS_PASSWORD", "secret")
    with connected(server.url) as connection:
        assert connection.command("PING") == b"PONG"
    assert "guess" not in wrong


@pytest.mark.parametrize("rights", [DOCUMENTED, DEPLOYED], ids=["documented", "deployed"])
def test_user_with_given_commands_may_run_every_script(
    start_redis: StartRedis, rights: str
) -> None:
    server = start_redis(acl=[f"user lobby on >secret ~{{lobby}}:* {rights}"], password="admin")
    url = server.url.replace("//", "//lobby@")
    with connected(url, password_file=server.write_password("secret")) as connection:
        for script in (*scripts.ALL, *state_scripts.ALL):
            connection.load(script)
        last = (5, "chain")
        given = ("e", "1", 5, 0, 0, 1000, 5, b"snapshot", "chain")
        seed = (*given, 1, "a:1", 0, 1, 1, "alice", "{}", 0)
        assert connection.run(state_scripts.SEED, *seed) == [b"ok"]
        assert connection.run(state_scripts.SEED, *seed) == [b"held"]
        assert connection.run(scripts.PLACE, *last)[::4] == [b"e", 1]
        hello = ("a:1", "1", 1000, 0, 0, "15.0", "e", 1, 0, *last, "f")
        assert connection.run(scripts.HELLO, *hello)[0] == b"ok"
        beat = ("a:1", 1000, 60, 100, 1, "e", 1, *last)
        assert connection.run(scripts.BEAT, *beat) == [b"unknown"]
        assert connection.run(scripts.CLAIM, "a:1", "e", 1) == [b"ok"]  # its sessions are restored
        assert connection.run(scripts.BEAT, *beat)[0] == b"ok"
        login = ("a:1", 1, "login", "alice", 0, 0, 1, "", b"[]", 0, "e", 1, 0, "", "", "", "")
        status, stamp = connection.run(scripts.APPEND, *login)
        assert status == b"ok"
        assert connection.run(scripts.RESTORE, "alice", int(stamp) + 1, "a:1", b"[]", "e") == [
            b"ok"
        ]
        entry = connection.command("XRANGE", scripts.LOG, f"{stamp.decode()}-0", "+", "COUNT", 1)[0]
        snapshot = ("e", stamp, 1, b"snapshot", chains(entry)[1])
        assert connection.run(state_scripts.SNAPSHOT, *snapshot) == [b"ok"]
        assert connection.run(scripts.LEAVE, "a:1") == [b"ok"]
        assert len(connection.command("XREAD", "COUNT", 9, "STREAMS", scripts.LOG, "0")[0][1]) == 3


def test_missing_right_names_the_command(start_redis: StartRedis) -> None:
    server = start_redis(acl=["user lobby on >secret ~* +hello +auth +client +ping"])
    url = server.url.replace("//", "//lobby@")
    why = error_of(url, password_file=server.write_password("secret"))
    assert "does not permit a command" in why
    assert "deploy/lobby.acl" in why
    assert "role" in why


def test_certificate_of_the_named_authority_is_trusted(start_redis: StartRedis) -> None:
    server = start_redis(tls=True)
    with connected(server.url, ca=server.ca) as connection:
        assert connection.command("PING") == b"PONG"


def test_unknown_certificate_names_the_option(start_redis: StartRedis, tmp_path: Path) -> None:
    server = start_redis(tls=True)
    other, _ = write_certificate(tmp_path)
    assert "is not trusted" in error_of(server.url)
    assert "--redis-ca" in error_of(server.url, ca=other)


def test_replica_is_refused(start_redis: StartRedis, redis_server: RedisServer) -> None:
    replica = start_redis(replica_of=redis_server)
    assert "is a replica; name the master" in error_of(replica.url)


def test_unreachable_address_is_named_once_with_what_to_do() -> None:
    where = f"127.0.0.1:{free_port()}"
    assert error_of(f"redis://{where}") == (
        f"Redis at {where} cannot be reached: Connection refused; start it, or correct the address"
        " in `--redis`"
    )
    assert error_of(f"redis+sentinel://{where}/lobby").startswith(
        f"the Sentinel at {where} cannot be reached: Connection refused; "
    )


def test_missing_and_forbidden_socket_are_named() -> None:
    path = Path("/tmp") / f"no-redis-{os.getpid()}.sock"
    assert error_of(f"unix://{path}") == (
        f"Redis at {path} cannot be reached: No such file or directory; start it, or correct the"
        " address in `--redis`"
    )
    too_long = error_of(f"unix:///tmp/{'x' * 120}")
    assert "cannot be reached: AF_UNIX path too long; correct the address" in too_long
    denied = redis.ConnectionError(f"Error 13 connecting to {path}. Permission denied.")
    denied.__context__ = PermissionError(errno.EACCES, "Permission denied")  # root has all rights
    assert "`unixsocketperm`" in str(Peer("Redis").problem(denied, is_connected=False))


@pytest.mark.parametrize(
    ("says", "problem"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak the protocol of Redis; correct the address"),
        (b"-DENIED Redis is running in protected mode because ...\r\n", "set a password in its"),
        (b"-ERR max number of clients reached\r\n", "accepts no more clients; raise"),
        (b"", "if this port speaks TLS, write rediss:// instead of redis://"),
    ],
)
def test_answer_that_is_not_that_of_a_ready_redis_says_what_to_do(
    says: bytes, problem: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.sendall(says)
                peer.recv(1000)

        thread = threading.Thread(target=answer)
        thread.start()
        error = error_of(f"redis://127.0.0.1:{listener.getsockname()[1]}")
        thread.join()
    assert problem in error


def test_missing_database_and_missing_tls_are_named(redis_server: RedisServer) -> None:
    assert "has no such database; correct" in error_of(f"{redis_server.url}/99")
    url = redis_server.url.replace("redis:", "rediss:")
    assert "write redis:// instead of rediss://" in error_of(url, timeout=0.3)


def test_lost_connection_is_not_an_unreachable_address(redis_server: RedisServer) -> None:
    with connected(redis_server.url) as connection:
        redis_server.kill()
        with pytest.raises(BackplaneError, match="is not connected any more: Connection"):
            connection.command("PING")


def test_frozen_redis_does_not_answer_in_time(redis_server: RedisServer) -> None:
    redis_server.freeze()
    try:
        assert "does not answer in time" in error_of(redis_server.url, timeout=0.2)
    finally:
        redis_server.thaw()


def test_sentinel_names_the_master(
    redis_server: RedisServer, start_sentinel: StartSentinel
) -> None:
    sentinel = start_sentinel(redis_server)
    url = sentinel.url.replace("//", f"//127.0.0.1:{free_port()},")
    with connected(url) as connection:
        assert connection.command("CONFIG", "GET", "port")[1] == str(redis_server.port).encode()
    assert "watches no master" in error_of(sentinel.url.replace("lobby", "other"))


def test_sentinel_with_the_password_of_redis_names_the_master(
    start_redis: StartRedis, start_sentinel: StartSentinel
) -> None:
    server = start_redis(password="secret")
    sentinel = start_sentinel(server, password="secret")
    with connected(sentinel.url, password_file=server.write_password()) as connection:
        assert connection.command("CONFIG", "GET", "port")[1] == str(server.port).encode()
    assert "needs a password" in error_of(sentinel.url)
    wrong = error_of(sentinel.url, password_file=server.write_password("guess"))
    assert f"127.0.0.1:{sentinel.port} rejects the user or the password" in wrong


def test_impossible_host_name_is_reported_in_one_line() -> None:
    assert "a..b:6379 cannot be reached" in error_of("redis://a..b")


def test_forgotten_script_is_sent_again(redis_server: RedisServer) -> None:
    with connected(redis_server.url) as connection:
        assert connection.run(scripts.HELLO, *([""] * 12)) == [b"empty"]
        redis_server.command("SCRIPT", "FLUSH")
        assert connection.run(scripts.HELLO, *([""] * 12)) == [b"empty"]


def test_error_in_a_pipeline_leaves_the_other_replies(redis_server: RedisServer) -> None:
    with connected(redis_server.url) as connection:
        replies = connection.pipeline([("PING",), ("NO-SUCH-COMMAND",), ("PING",)])
        assert [replies[0], replies[2]] == [b"PONG", b"PONG"]
        with pytest.raises(BackplaneError, match="reports an error: unknown command"):
            connection.check(replies)
        assert connection.command("PING") == b"PONG"


def test_password_is_not_in_an_error(start_redis: StartRedis) -> None:
    server = start_redis(password="secret")
    file = server.write_password("swordfish")
    assert "swordfish" not in error_of(server.url, password_file=file)
    assert os.environ.get("CHAT_SERVER_REDIS_PASSWORD") is None
