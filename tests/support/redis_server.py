"""Real programs that several servers share: redis-server, its sentinel mode, and haproxy.

Each starts in a few hundredths of a second, on free ports of loopback, and keeps its files in a
folder of its own, which is removed with it. The fixtures skip a test whose program is missing, or
fail it if CI=true.
"""

from __future__ import annotations

import random
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
import redis
import trustme
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.certificates import authority, write_certificate
from tests.support.wait_until import WAIT_TIMEOUT, until
from tests.support.watched_process import WatchedProcess

FIRST_PORT: Final = 20_000
LAST_PORT: Final = 32_000
"""Below the ports that the kernel gives to outgoing connections. Otherwise one could take the port
of a Redis that is down, and a client that tries to reach it could connect to itself."""

NO_RETRY: Final = Retry(NoBackoff(), 0)
"""By default, redis-py repeats commands whose reply was lost, for seconds."""

START_ATTEMPTS: Final = 20
"""Another test may take a free port before the program does."""


def free_port() -> int:
    """Return a port of loopback on which nothing listens."""
    while True:
        port = random.SystemRandom().randint(FIRST_PORT, LAST_PORT)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


class RedisServer:
    """A redis-server on loopback. It keeps its port when it is started again.

    Tests give it orders through a Unix socket, which needs no TLS and which `cut_connections`
    spares.
    """

    def __init__(
        self,
        program: Path,
        *,
        aof: bool = True,
        password: str = "",
        acl: Sequence[str] = (),
        tls: bool = False,
        certificate: trustme.LeafCert | None = None,
        replica_of: RedisServer | None = None,
        settings: Sequence[str] = (),
    ) -> None:
        """Start it.

        `aof`: write every command to disk before its reply. `password`: of the default user. `acl`:
        lines like `user lobby on >secret ~* +@all`. `tls`: the port speaks only TLS, with
        `certificate`, or one of the tests' authority for 127.0.0.1. `settings`: further lines of
        redis.conf.
        """
        self.port = 0
        self._program = program
        self._folder = Path(tempfile.mkdtemp(prefix="redis-", dir="/tmp"))
        self._socket = self._folder / "admin.sock"
        self._password = password
        self._tls = tls
        self._lines = [
            f'dir "{self._folder}"',
            f'unixsocket "{self._socket}"',
            "bind 127.0.0.1",
            'save ""',
            f"appendonly {'yes' if aof else 'no'}",
            "appendfsync always",
            "auto-aof-rewrite-percentage 0",
            "repl-diskless-sync-delay 0",
            "repl-ping-replica-period 1",
            "maxmemory-policy noeviction",
            *settings,
            *acl,
        ]
        if password:
            self._lines += [f'requirepass "{password}"', f'masterauth "{password}"']
        if replica_of is not None:
            self._lines.append(f"replicaof 127.0.0.1 {replica_of.port}")
        if tls:
            chain, key = write_certificate(self._folder, leaf=certificate)
            self._lines += [f'tls-cert-file "{chain}"', f'tls-key-file "{key}"']
            self._lines += ["tls-auth-clients no", "tls-replication yes"]
            self._lines.append(f'tls-ca-cert-file "{self.ca}"')
        self._process: WatchedProcess | None = None
        self.start()

    # Addresses

    @property
    def url(self) -> str:
        """The URL for `--redis`, without a password."""
        return f"redis{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    @property
    def socket_url(self) -> str:
        """The same for its Unix socket."""
        return f"unix://{self._socket}"

    @property
    def ca(self) -> Path:
        """The certificate of the authority that signed the server's own, in PEM."""
        path = self._folder / "ca.pem"
        if not path.exists():
            authority().cert_pem.write_to_path(str(path))
        return path

    def write_password(self, password: str | None = None) -> Path:
        """Write a file with the password, or with another one. Return its path."""
        path = self._folder / "password"
        path.write_text(f"{self._password if password is None else password}\n")
        path.chmod(0o600)
        return path

    # Life

    @property
    def process(self) -> WatchedProcess:
        """The process that was started last."""
        assert self._process is not None
        return self._process

    def start(self) -> None:
        """Start it with the data that it wrote before, if any, and wait until it is ready."""
        for attempt in range(START_ATTEMPTS):
            port = self.port or free_port()
            config = self._folder / "redis.conf"
            ports = ["port 0", f"tls-port {port}"] if self._tls else [f"port {port}"]
            if not config.exists():  # Redis and Sentinel rewrite it
                config.write_text("\n".join([*self._lines, *ports, ""]))
            try:
                self._process = WatchedProcess(
                    [str(self._program), str(config)], f"accept connections at {self._socket}"
                )
            except OSError as error:
                config.unlink()
                if "Address already in use" not in str(error) or attempt == START_ATTEMPTS - 1:
                    self._remove_folder()
                    raise
            else:
                self.port = port
                return

    def stop(self) -> None:
        """Let it end in order, as `systemctl stop` does."""
        self.process.terminate()

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.process.kill()

    def clear(self) -> None:
        """Remove the data on disk. It must not run."""
        assert not self.process.is_running
        shutil.rmtree(self._folder / "appendonlydir", ignore_errors=True)
        for file in self._folder.glob("*.rdb"):
            file.unlink()

    def freeze(self) -> None:
        """Stop it by SIGSTOP: its connections stay open, and it answers nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on after `freeze`."""
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Kill it and remove its files. Idempotent."""
        self.process.kill()
        self._remove_folder()

    def _remove_folder(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    # Orders

    def command(self, *words: str | int) -> Any:
        """Run one command as the default user. Return its reply, with texts as `str`."""
        with closing(
            redis.Redis(
                unix_socket_path=str(self._socket),
                password=self._password or None,
                retry=NO_RETRY,
                decode_responses=True,
                socket_timeout=WAIT_TIMEOUT,
            )
        ) as client:
            return client.execute_command(*words)  # type: ignore[no-untyped-call]

    def configure(self, setting: str, value: str | int) -> None:
        """Change a setting while it runs."""
        self.command("CONFIG", "SET", setting, value)

    def set_password(self, password: str) -> None:
        """Change the password of the default user. Connections stay open."""
        self.configure("requirepass", password)
        self._password = password

    def cut_connections(self) -> int:
        """Close the connections of all clients. Return their number."""
        number: int = self.command("CLIENT", "KILL", "TYPE", "NORMAL")
        return number

    def follow(self, primary: RedisServer) -> None:
        """Become a replica of another server, and wait until the data is the same."""
        self.command("REPLICAOF", "127.0.0.1", primary.port)
        self.until_in_sync()

    def promote(self) -> None:
        """Become a primary, with the data of now."""
        self.command("REPLICAOF", "NO", "ONE")

    def until_in_sync(self) -> None:
        """Wait until this replica has loaded the data of its primary."""
        until(
            lambda: self.command("INFO", "replication").get("master_link_status") == "up",
            "the replica is in sync",
            lambda: self.process.output,
        )


class RedisSentinel:
    """A redis-server in its sentinel mode. It replaces its primary on its own: its quorum is 1."""

    NAME: Final = "lobby"
    """The name of the primary."""

    def __init__(
        self, program: Path, primary: RedisServer, *, down_after: int = 300, password: str = ""
    ) -> None:
        """Start it.

        `down_after`: milliseconds without an answer until the primary is replaced. `password`: that
        its clients have to give.
        """
        self._folder = Path(tempfile.mkdtemp(prefix="sentinel-", dir="/tmp"))
        config = self._folder / "sentinel.conf"
        for attempt in range(START_ATTEMPTS):
            self.port = free_port()
            config.write_text(
                f'port {self.port}\nbind 127.0.0.1\ndir "{self._folder}"\n'
                f"sentinel monitor {self.NAME} 127.0.0.1 {primary.port} 1\n"
                f"sentinel down-after-milliseconds {self.NAME} {down_after}\n"
                f"sentinel failover-timeout {self.NAME} 3000\n"
                + (f"requirepass {password}\n" if password else "")
            )
            try:
                self.process = WatchedProcess(
                    [str(program), str(config), "--sentinel"], "+monitor master"
                )
            except OSError as error:
                if "Address already in use" not in str(error) or attempt == START_ATTEMPTS - 1:
                    shutil.rmtree(self._folder, ignore_errors=True)
                    raise
            else:
                break

    @property
    def url(self) -> str:
        """The URL for `--redis`."""
        return f"redis+sentinel://127.0.0.1:{self.port}/{self.NAME}"

    def command(self, *words: str | int) -> Any:
        """Run one command. Return its reply."""
        with closing(redis.Redis(port=self.port, decode_responses=True, retry=NO_RETRY)) as client:
            return client.execute_command(*words)  # type: ignore[no-untyped-call]

    @property
    def primary_port(self) -> int:
        """The port of the current primary."""
        return int(self.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.NAME)[1])

    def until_replicas(self, number: int) -> None:
        """Wait until it has found so many replicas. Before, it cannot replace the primary."""
        until(
            lambda: len(self.command("SENTINEL", "REPLICAS", self.NAME)) == number,
            f"the sentinel knows {number} replicas",
            lambda: self.process.output,
        )

    def close(self) -> None:
        """Kill it and remove its files. Idempotent."""
        self.process.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


class HaProxy:
    """An haproxy with a configuration of the test.

    Its listening sockets are made here, so their ports are free and it accepts from the start.
    """

    def __init__(self, program: Path, config: str, *, listeners: Sequence[str] = ("port",)) -> None:
        """Start it. `config`: with `fd@{name}` for each name in `listeners`, after `bind`."""
        self._folder = Path(tempfile.mkdtemp(prefix="haproxy-", dir="/tmp"))
        self._sockets = {name: socket.create_server(("127.0.0.1", 0)) for name in listeners}
        numbers = {name: listener.fileno() for name, listener in self._sockets.items()}
        path = self._folder / "haproxy.cfg"
        path.write_text(config.format(**numbers))
        try:
            # In this mode it reports its workers on stderr, and that is the event to wait for.
            self.process = WatchedProcess(
                [str(program), "-W", "-f", str(path)],
                "Loading success",
                pass_fds=tuple(numbers.values()),
            )
        except OSError:
            self._close_files()
            raise

    @property
    def port(self) -> int:
        """The port of the first listener."""
        return self.port_of(next(iter(self._sockets)))

    def port_of(self, listener: str) -> int:
        """Return the port of a listener."""
        port: int = self._sockets[listener].getsockname()[1]
        return port

    def close(self) -> None:
        """End it and remove its files. Idempotent."""
        self.process.terminate()  # SIGKILL would leave its worker behind
        self._close_files()

    def _close_files(self) -> None:
        for listener in self._sockets.values():
            listener.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def chat_proxy_config(ports: Sequence[int], *, server_options: str = "") -> str:
    """Return a configuration that spreads connections over chat servers, in turn.

    `server_options`: for each of them, for example `send-proxy-v2`.
    """
    servers = "\n".join(
        f"    server node{number} 127.0.0.1:{port} {server_options}"
        for number, port in enumerate(ports)
    )
    return (
        "defaults\n    mode tcp\n    timeout connect 5s\n    timeout client 1h\n"
        "    timeout server 1h\n"
        "listen chat\n    bind fd@{port}\n    balance roundrobin\n" + servers + "\n"
    )


FindProgram = Callable[[str], Path]
StartRedis = Callable[..., RedisServer]
StartSentinel = Callable[..., RedisSentinel]
StartHaProxy = Callable[..., HaProxy]


@pytest.fixture
def start_redis(require_program: FindProgram) -> Iterator[StartRedis]:
    """Return a function that starts a `RedisServer`. All are killed after the test."""
    program = require_program("redis-server")
    started: list[RedisServer] = []

    def start(**settings: Any) -> RedisServer:
        server = RedisServer(program, **settings)
        started.append(server)
        return server

    yield start
    for server in started:
        server.close()


@pytest.fixture
def redis_server(start_redis: StartRedis) -> RedisServer:
    """Return a running redis-server that writes its AOF."""
    return start_redis()


@pytest.fixture
def start_sentinel(require_program: FindProgram) -> Iterator[StartSentinel]:
    """Return a function that starts a `RedisSentinel`. All are killed after the test."""
    program = require_program("redis-server")
    started: list[RedisSentinel] = []

    def start(primary: RedisServer, **settings: Any) -> RedisSentinel:
        sentinel = RedisSentinel(program, primary, **settings)
        started.append(sentinel)
        return sentinel

    yield start
    for sentinel in started:
        sentinel.close()


@pytest.fixture
def start_haproxy(require_program: FindProgram) -> Iterator[StartHaProxy]:
    """Return a function that starts an `HaProxy`. All are ended after the test."""
    program = require_program("haproxy")
    started: list[HaProxy] = []

    def start(config: str, **settings: Any) -> HaProxy:
        proxy = HaProxy(program, config, **settings)
        started.append(proxy)
        return proxy

    yield start
    for proxy in started:
        proxy.close()
