"""Several real servers over one real Redis, in this process or in processes of their own."""

from __future__ import annotations

import json
import signal
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Protocol
from urllib.request import urlopen

import pytest

from chat_server.config import Config
from chat_server.tuning import Tuning
from tests.support.accounts import PEOPLE, write_accounts_file
from tests.support.cluster_oracles import log_faults, state_differences
from tests.support.node_program import read_state, replicated_state
from tests.support.redis_proxy import RedisProxy
from tests.support.redis_server import RedisServer, free_port
from tests.support.running_server import TUNING_FIELDS, RunningServer
from tests.support.server_program import ServerProgram
from tests.support.wait_until import until
from tests.support.wire_client import WireClient

SHORT_TIMES: Final[Mapping[str, float]] = {
    # A node that gets no CPU for a while must not lose its lease by that, nor notify its clients.
    "redis_lease_seconds": 20.0,
    "redis_notice_seconds": 10.0,
    "redis_renewal_seconds": 0.5,
    "redis_timeout_seconds": 0.5,
    "redis_unhealthy_seconds": 1.0,
    "redis_snapshot_seconds": 1.0,
    "redis_seed_seconds": 0.0,
}
"""Fields of `Tuning`, so that the faults of a cluster show within a second."""

OPTIONS: Final = (
    *("rate", "node", "redis", "redis_password_file", "redis_ca", "history", "login_failures"),
    *("log_level", "metrics"),
)
"""Fields of `Config` that a node in a process of its own is given as options."""


class Node(Protocol):
    """One server of a cluster."""

    name: str

    @property
    def port(self) -> int:
        """The port for plain text."""

    @property
    def log(self) -> str:
        """The log so far."""

    def start(self) -> None:
        """Start it again after `stop` or `kill`, on its former port."""

    def stop(self) -> None:
        """Let it end in order."""

    def state(self) -> Any:
        """Return its replicated state."""


class LocalNode:
    """A server in this process. It cannot be killed, but its connection to Redis can be cut."""

    def __init__(self, name: str, config: Config) -> None:
        self.name = name
        self._config = config
        self._running: RunningServer | None = None
        self._old_logs: list[str] = []
        self.start()

    @property
    def running(self) -> RunningServer:
        """The server that was started last."""
        assert self._running is not None
        return self._running

    @property
    def port(self) -> int:
        return self.running.port

    @property
    def log(self) -> str:
        return "".join([*self._old_logs, self.running.log.getvalue()])

    def start(self) -> None:
        if self._running is not None:
            self._old_logs.append(self.running.log.getvalue())
        self._running = RunningServer(self._config)
        self._config = replace(self._config, port=self._running.port)

    def stop(self) -> None:
        self.running.stop()

    def state(self) -> Any:
        return replicated_state(self.running.server)


class ProgramNode:
    """A server in a process of its own."""

    def __init__(self, name: str, config: Config, folder: Path) -> None:
        """`folder`: for its socket. Its path is short."""
        self.name = name
        self.metrics_port = config.metrics
        self._socket = folder / f"{name}.sock"
        self.is_killed = False
        self.boot = 1
        """How often it was started."""
        tuning = {
            field: getattr(config.tuning, field)
            for field in TUNING_FIELDS
            if getattr(config.tuning, field) != getattr(Tuning(), field)
        }
        command = ("-m", "tests.support.node_program", str(self._socket), json.dumps(tuning))
        self.program = ServerProgram(
            config.users,
            *_options(config),
            log=config.users.with_name(f"{name}.log"),
            command=command,
        )

    @property
    def port(self) -> int:
        return self.program.port

    @property
    def log(self) -> str:
        return self.program.log

    def start(self) -> None:
        self.is_killed = False
        self.boot += 1
        self.program.start()

    def stop(self) -> None:
        if not self.is_killed:
            self.program.stop()

    def is_healthy(self) -> bool:
        """Return what `/healthz` says."""
        try:
            with urlopen(f"http://127.0.0.1:{self.metrics_port}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.is_killed = True
        self.program.kill()

    def freeze(self) -> None:
        """Stop it by SIGSTOP."""
        self.program.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on after `freeze`."""
        self.program.process.send_signal(signal.SIGCONT)

    def state(self) -> Any:
        return read_state(self._socket)


def _options(config: Config) -> Iterator[str]:
    """Yield the options for what the tests set."""
    for name in OPTIONS:
        value = getattr(config, name)
        if value is not None:
            yield from (f"--{name.replace('_', '-')}", str(value))
    if config.operators:
        yield from ("--operators", ",".join(sorted(config.operators)))
    for network in config.trusted_proxies:
        yield from ("--trusted-proxy", str(network))


class Cluster:
    """Servers that share a Redis. Each has its own history and its own proxy to Redis."""

    def __init__(
        self,
        redis: RedisServer,
        folder: Path,
        number: int = 2,
        *,
        people: Collection[str] = PEOPLE,
        in_processes: bool = False,
        has_history: bool = True,
        redis_user: str = "",
        redis_url: str = "",
        has_metrics: bool = False,
        tuning_of: Mapping[int, Mapping[str, float]] = MappingProxyType({}),
        **settings: Any,
    ) -> None:
        """Start the nodes. `folder` exists. `settings`: fields of `Config` or of `Tuning`.

        `redis_url`: for all nodes, which then use no proxy. `has_metrics`: in
        processes only. `tuning_of`: further fields of `Tuning`, of single nodes.
        """
        self.redis = redis
        self._files = tempfile.TemporaryDirectory(prefix="cluster-", dir="/tmp")
        self.proxies: list[RedisProxy] = []
        self.nodes: list[LocalNode | ProgramNode] = []
        self._clients: list[WireClient] = []
        tuning = dict(SHORT_TIMES)
        tuning |= {key: settings.pop(key) for key in TUNING_FIELDS & settings.keys()}
        base = Config(
            port=0,
            state=folder / "state",
            users=settings.pop("users", None) or write_accounts_file(folder / "users.json", people),
            max_clients=500,
            rate=0,
            bcrypt_cost=4,
            tuning=Tuning(**tuning),  # type: ignore[arg-type]
        )
        try:
            for index in range(number):
                name = f"node{index}"
                proxy = RedisProxy(redis.port)
                self.proxies.append(proxy)
                scheme = redis.url.partition(":")[0]
                login = f"{redis_user}@" if redis_user else ""
                own: dict[str, Any] = {
                    "history": folder / f"{name}.db" if has_history else None,
                    "redis": redis_url or f"{scheme}://{login}127.0.0.1:{proxy.port}",
                    "node": name,
                    "metrics": free_port() if has_metrics else None,
                }
                own_tuning: dict[str, Any] = dict(tuning_of.get(index, {}))
                own["tuning"] = replace(base.tuning, **own_tuning)
                config = replace(base, **{**own, **settings})
                self.nodes.append(
                    ProgramNode(name, config, Path(self._files.name))
                    if in_processes
                    else LocalNode(name, config)
                )
        except BaseException:
            self.close()
            raise

    @property
    def ports(self) -> list[int]:
        """The ports of the nodes."""
        return [node.port for node in self.nodes]

    def use_redis(self, redis: RedisServer) -> None:
        """Let another Redis take over the address of the current one."""
        self.redis = redis
        for proxy in self.proxies:
            proxy.target = redis.port
            proxy.cut()

    def connect(self, port: int) -> WireClient:
        """Connect to a port of a node, or of a load balancer. The caller reads the first line."""
        client = WireClient("127.0.0.1", port)
        self._clients.append(client)
        return client

    def log_in(self, node: int, user: str, *, subscribe: str | None = None) -> WireClient:
        """Return a logged-in client of a node, whose greeting has been read."""
        client = self.connect(self.nodes[node].port)
        client.expect("[SERVER] Login using: LOGIN <username> <password>")
        client.send(f"LOGIN {user} pw-of-{user}")
        client.expect("[SERVER] Login successful")
        client.expect_match(r"\[SERVER\] Available commands: .*")
        if subscribe is not None:
            assert (
                client.request(f"/subscribe {subscribe}") == f"[SERVER] Subscribed to {subscribe}"
            )
        return client

    def states(self) -> dict[str, Any]:
        """Return the replicated state of each node that runs, by its name."""
        return {node.name: node.state() for node in self.nodes if not _is_killed(node)}

    def until_same_state(self) -> None:
        """Wait until the replicated states of all nodes are equal. Clients must do nothing."""
        until(
            lambda: not state_differences(self.states()),
            "all nodes have the same state",
            lambda: "\n".join(state_differences(self.states())),
        )

    def log_faults(self) -> list[str]:
        """Return what is wrong with the log in Redis."""
        entries = self.redis.command("XRANGE", "{lobby}:log", "-", "+")
        return log_faults([fields for _, fields in entries])

    def close(self) -> None:
        """Close the clients, stop the nodes and remove their files."""
        for client in self._clients:
            client.close()
        for proxy in self.proxies:
            proxy.unblock()
            proxy.release()
        for node in self.nodes:
            node.stop()
        for proxy in self.proxies:
            proxy.close()
        self._files.cleanup()


def _is_killed(node: LocalNode | ProgramNode) -> bool:
    return isinstance(node, ProgramNode) and node.is_killed


StartCluster = Callable[..., Cluster]


@pytest.fixture
def start_cluster(redis_server: RedisServer, tmp_path: Path) -> Iterator[StartCluster]:
    """Return a function that starts a `Cluster` over `redis_server`. It ends with the test.

    Its arguments are those of `Cluster`, without the folder.
    """
    started: list[Cluster] = []

    def start(number: int = 2, *, redis: RedisServer | None = None, **settings: Any) -> Cluster:
        folder = tmp_path / f"cluster{len(started)}"
        folder.mkdir()
        cluster = Cluster(redis or redis_server, folder, number, **settings)
        started.append(cluster)
        return cluster

    yield start
    for cluster in started:
        cluster.close()
