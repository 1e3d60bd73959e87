"""Servers that are one chat: a redis-server and the nodes that share it, on loopback."""

from __future__ import annotations

import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from typing import Final

from benchmarks.bench import Bench
from benchmarks.errors import BenchmarkError, NotInstalledError
from benchmarks.machine import cpu_seconds
from benchmarks.servers import LaunchOptions, Server, ServerKind, installed, lobby_command

REDIS: Final = "redis-server"
START_SECONDS: Final = 20.0
NODE: Final = "node"
"""In the names of the nodes, and of their folders."""


class RedisProcess:
    """A redis-server with an append-only file, the setting that the documentation recommends.

    It keeps its port and its data when it is started again.
    """

    def __init__(self, folder: Path) -> None:
        """Start it in a new folder in `folder`. Raise `NotInstalledError` without the program."""
        self._program = installed(REDIS)
        self._folder = Path(tempfile.mkdtemp(prefix="redis-", dir=folder))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
        self.start()

    @property
    def url(self) -> str:
        """The URL for `--redis`."""
        return f"redis://127.0.0.1:{self.port}"

    def __enter__(self) -> RedisProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def start(self) -> None:
        """Start it with the data that it has kept, and wait until it answers."""
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "dir": self._folder,
            "save": "",
            "appendonly": "yes",
            "maxmemory-policy": "noeviction",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        with (self._folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [self._program, *words], stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                tail = (self._folder / "output").read_text(errors="replace")[-500:].strip()
                raise BenchmarkError(f"{REDIS} did not start: {tail}")
            time.sleep(0.01)

    def stop(self) -> None:
        """Let it write its data and end."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def _answers(self) -> bool:
        """Return True once it has loaded its data: until then, it answers with an error."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), START_SECONDS) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False


class Cluster:
    """A redis-server and its nodes. The first node is `nodes[0]`."""

    def __init__(self, redis: RedisProcess, nodes: Sequence[Server]) -> None:
        self.redis = redis
        self.nodes = list(nodes)

    def cpu_seconds(self) -> float:
        """Return the CPU time of all nodes and of the redis-server."""
        processes = [self.redis.process.pid, *(node.process.pid for node in self.nodes)]
        return sum(cpu_seconds(process) for process in processes)


def needs_redis(measure: Callable[[Bench], None]) -> Callable[[Bench], None]:
    """Record that the redis-server is missing instead of failing."""

    @wraps(measure)
    def skip_without_redis(bench: Bench) -> None:
        try:
            installed(REDIS)  # before a part starts anything else
        except NotInstalledError as error:
            bench.warn(f"no figure of several servers: {error} is not installed")
            bench.figures.absent[REDIS] = "not installed"
        else:
            measure(bench)

    return skip_without_redis


@contextmanager
def start_cluster(bench: Bench, size: int) -> Iterator[Cluster]:
    """Start a redis-server and nodes that share it. Nothing is pinned.

    Raise `NotInstalledError` if there is no redis-server.
    """
    with ExitStack() as stack:
        redis = stack.enter_context(RedisProcess(bench.folder))
        nodes = [
            stack.enter_context(bench.start(node_kind(redis.url, number), pinned=False))
            for number in range(size)
        ]
        yield Cluster(redis, nodes)


def node_kind(url: str, number: int) -> ServerKind:
    """Return the kind of server that is node `number` of the cluster with this Redis."""

    def command(options: LaunchOptions) -> list[str]:
        few = options.accounts._replace(fast=options.accounts.few)
        return [
            *lobby_command(options._replace(accounts=few)),
            *("--history", "off", "--redis", url, "--node", f"{NODE}{number}"),
        ]

    return ServerKind(f"{NODE}{number}", f"Lobby, node {number}", "chat", command)
