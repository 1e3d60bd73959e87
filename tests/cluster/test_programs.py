"""The programs that these tests start behave as the tests of faults need it."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest
import redis

from tests.support.redis_proxy import RedisProxy
from tests.support.redis_server import (
    NO_RETRY,
    StartHaProxy,
    StartRedis,
    StartSentinel,
    chat_proxy_config,
)
from tests.support.running_server import RunningServer
from tests.support.wait_until import until
from tests.support.wire_client import WireClient


def test_redis_has_its_data_after_a_kill_and_nothing_after_it_was_cleared(
    start_redis: StartRedis,
) -> None:
    server = start_redis()
    port = server.port
    server.command("SET", "key", "value")
    server.kill()
    server.start()
    assert server.command("GET", "key") == "value"
    server.kill()
    server.clear()
    server.start()
    assert server.command("GET", "key") is None
    assert server.port == port


def test_frozen_redis_keeps_its_connections_and_answers_later(start_redis: StartRedis) -> None:
    server = start_redis()
    with redis.Redis(port=server.port, socket_timeout=0.5, retry=NO_RETRY) as client:
        client.ping()
        server.freeze()
        with pytest.raises(redis.TimeoutError):
            client.ping()
    with socket.create_connection(("127.0.0.1", server.port)) as waiting:
        waiting.sendall(b"PING\r\n")
        server.thaw()
        assert waiting.recv(100) == b"+PONG\r\n"


def test_replica_has_the_data_of_its_primary_until_it_is_promoted(start_redis: StartRedis) -> None:
    primary = start_redis()
    primary.command("SET", "key", "old")
    replica = start_redis(replica_of=primary)
    replica.until_in_sync()
    assert replica.command("ROLE")[0] == "slave"
    replica.promote()
    primary.command("SET", "key", "lost")
    assert replica.command("ROLE")[0] == "master"
    assert replica.command("GET", "key") == "old"


def test_redis_with_tls_and_a_user_of_an_acl(start_redis: StartRedis) -> None:
    server = start_redis(tls=True, acl=["user lobby on >secret ~{lobby}:* +get +ping"])
    assert server.url == f"rediss://127.0.0.1:{server.port}"
    with redis.Redis(
        host="127.0.0.1",
        port=server.port,
        username="lobby",
        password="secret",
        ssl=True,
        ssl_ca_certs=str(server.ca),
    ) as client:
        assert client.get("{lobby}:users") is None
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.get("other")


def test_redis_with_a_password_rejects_clients_without_it(start_redis: StartRedis) -> None:
    server = start_redis(password="right")
    assert server.write_password().read_text() == "right\n"
    assert server.command("PING") is True
    with (
        redis.Redis(port=server.port, password="wrong", retry=NO_RETRY) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


def test_cut_connections_spares_later_ones(start_redis: StartRedis) -> None:
    server = start_redis()
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"PING\r\n")
        assert client.recv(100) == b"+PONG\r\n"
        assert server.cut_connections() == 1
        assert client.recv(100) == b""
    assert server.cut_connections() == 0


def test_sentinel_replaces_a_dead_primary(
    start_redis: StartRedis, start_sentinel: StartSentinel
) -> None:
    primary = start_redis()
    replica = start_redis(replica_of=primary)
    replica.until_in_sync()
    sentinel = start_sentinel(primary)
    sentinel.until_replicas(1)
    primary.kill()
    until(lambda: sentinel.primary_port == replica.port, "the replica is the primary")
    until(lambda: replica.command("ROLE")[0] == "master", "the replica was promoted")


def test_haproxy_forwards_to_a_chat_server(
    server: RunningServer, start_haproxy: StartHaProxy
) -> None:
    proxy = start_haproxy(chat_proxy_config([server.port]))
    client = WireClient("127.0.0.1", proxy.port)
    client.expect("[SERVER] Login using: LOGIN <username> <password>")
    client.close()


def test_proxy_loses_a_reply_after_the_command_was_executed(start_redis: StartRedis) -> None:
    server = start_redis()
    with closing(RedisProxy(server.port)) as proxy:
        with redis.Redis(port=proxy.port, retry=NO_RETRY) as client:
            client.incr("number")
            proxy.lose_replies_to(b"INCR", 1)
            with pytest.raises(redis.ConnectionError):
                client.incr("number")
            assert client.get("number") == b"2"
            client.incr("number")
        assert server.command("GET", "number") == "3"
        assert proxy.lost_replies == 1


def test_proxy_holds_blocks_and_changes_its_target(start_redis: StartRedis) -> None:
    one, other = start_redis(), start_redis()
    one.command("SET", "name", "one")
    other.command("SET", "name", "other")
    with (
        closing(RedisProxy(one.port)) as proxy,
        redis.Redis(port=proxy.port, retry=NO_RETRY, socket_timeout=0.5) as client,
    ):
        assert client.get("name") == b"one"
        proxy.hold()
        with pytest.raises(redis.TimeoutError):
            client.incr("late")
        assert one.command("GET", "late") is None
        proxy.release()
        until(lambda: one.command("GET", "late") == "1", "what was sent arrives late")
        proxy.block()
        with pytest.raises(redis.ConnectionError):
            client.get("name")
        proxy.target = other.port
        proxy.unblock()
        assert client.get("name") == b"other"
