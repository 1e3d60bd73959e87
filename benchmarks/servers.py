"""The servers that are measured. Each is a process of its own on a free loopback port."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from string import Template
from typing import Final, NamedTuple

from benchmarks.accounts import Accounts
from benchmarks.errors import BenchmarkError, NotInstalledError
from benchmarks.machine import SERVER_CORE, pin
from benchmarks.native import Programs

PEERS: Final = Path(__file__).parent / "peers"
PROJECT: Final = Path(__file__).parent.parent
START_SECONDS: Final = 20.0
HISTORY_FILE: Final = "history.db"
"""The history file of a server, in its own folder."""


class LaunchOptions(NamedTuple):
    """Everything that the command of a server may depend on."""

    programs: Programs
    accounts: Accounts
    folder: Path
    port: int
    clients: int
    slow_hashes: bool
    tls_port: int | None
    """Port of an additional TLS listener, or None."""


class ServerKind(NamedTuple):
    """A server program: its name, its protocol and its command."""

    name: str
    title: str
    protocol: str
    command: Callable[[LaunchOptions], list[str]]
    concurrency: int = 128
    """Connections that may be set up at the same time."""
    checkout: Path = PROJECT
    """The working directory: Python imports the packages in it."""


def _lobby(options: LaunchOptions) -> list[str]:
    return [*lobby_command(options), "--history", "off"]


def _lobby_with_history(options: LaunchOptions) -> list[str]:
    return [*lobby_command(options), "--history", str(options.folder / HISTORY_FILE)]


def lobby_command(options: LaunchOptions) -> list[str]:
    """Return the command of a Lobby server, without where its history is."""
    users = options.accounts.slow if options.slow_hashes else options.accounts.fast
    tls = ["--tls", "--tls-port", str(options.tls_port), "--state", str(options.folder)]
    # The handshakes are measured with connections that do not log in.
    tls += ["--connections-without-login", "0"]
    return [
        *(sys.executable, "-m", "chat_server"),
        *("--port", str(options.port), "--users", str(users), "--rate", "0"),
        *("--log-level", "error", "--max-clients", str(options.clients)),
        # Otherwise Lobby would rehash at its usual cost during the measurement.
        *("--bcrypt-cost", "4"),
        *(tls if options.tls_port is not None else []),
    ]


def _asyncio(options: LaunchOptions) -> list[str]:
    program = str(PEERS / "asyncio_server.py")
    return [sys.executable, program, str(options.port), str(options.accounts.fast)]


def _ngircd(options: LaunchOptions) -> list[str]:
    return [installed("ngircd"), "--nodaemon", "--config", _settings_file("ngircd", options)]


def _inspircd(options: LaunchOptions) -> list[str]:
    as_root = ["--runasroot"] if os.geteuid() == 0 else []
    config = f"--config={_settings_file('inspircd', options)}"
    return [installed("inspircd"), "--nofork", config, *as_root]


def _ceiling(options: LaunchOptions) -> list[str]:
    return [str(options.programs.ceiling), str(options.port)]


LOBBY: Final = ServerKind("lobby", "Lobby", "chat", _lobby)
"""Without history: none of the peers keeps messages either."""
HISTORY: Final = ServerKind("history", "Lobby with history", "chat", _lobby_with_history)
# ngIRCd listens with a backlog of 10. Further connections wait for a second.
NGIRCD: Final = ServerKind("ngircd", "ngIRCd", "irc", _ngircd, concurrency=8)
# InspIRCd accepts waiting connections only once a second.
INSPIRCD: Final = ServerKind("inspircd", "InspIRCd", "irc", _inspircd, concurrency=2000)
ASYNCIO: Final = ServerKind("asyncio", "asyncio", "chat", _asyncio)
CEILING: Final = ServerKind("ceiling", "ceiling", "raw", _ceiling)
CHAT_SERVERS: Final = (LOBBY, NGIRCD, INSPIRCD, ASYNCIO)
ALL_SERVERS: Final = (*CHAT_SERVERS, CEILING)


class Server:
    """A running server."""

    def __init__(
        self,
        kind: ServerKind,
        port: int,
        process: subprocess.Popen[bytes],
        log: Path,
        tls_port: int | None = None,
    ) -> None:
        """`log`: the file with its output, in the folder of the server."""
        self.kind = kind
        self.folder = log.parent
        self.port = port
        self.tls_port = tls_port
        self.process = process
        self._log = log

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Kill the process: its last output does not matter."""
        self.process.kill()
        self.process.wait()

    def wait_until_listening(self) -> None:
        """Wait. Raise `BenchmarkError` if the process ends or does not listen in time."""
        # A test connection is not possible: the ceiling takes its commands from its first client.
        deadline = time.monotonic() + START_SECONDS
        while not all(_is_listening(port) for port in self._ports()):
            if self.process.poll() is not None:
                raise BenchmarkError(f"{self.kind.title} ended during start-up: {self.log_tail()}")
            if time.monotonic() > deadline:
                raise BenchmarkError(f"{self.kind.title} did not listen in time: {self.log_tail()}")
            time.sleep(0.02)

    def _ports(self) -> list[int]:
        return [self.port] if self.tls_port is None else [self.port, self.tls_port]

    def log_tail(self) -> str:
        """Return the end of the output of the process."""
        return self._log.read_text(errors="replace")[-500:].strip()


def start_server(
    kind: ServerKind,
    programs: Programs,
    accounts: Accounts,
    folder: Path,
    *,
    clients: int,
    pinned: bool = True,
    slow_hashes: bool = False,
    tls: bool = False,
) -> Server:
    """Start a server on a free port, and on another one for TLS. Wait until it listens.

    Raise `NotInstalledError` if the program is not installed.
    """
    port, second_port = _free_ports()
    tls_port = second_port if tls else None
    server_folder = Path(tempfile.mkdtemp(prefix=f"{kind.name}-", dir=folder))
    server_folder.chmod(0o755)  # for a peer that drops its privileges
    command = kind.command(
        LaunchOptions(programs, accounts, server_folder, port, clients, slow_hashes, tls_port)
    )
    log = server_folder / "output"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=kind.checkout, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    server = Server(kind, port, process, log, tls_port)
    try:
        if pinned:
            pin(process.pid, SERVER_CORE)
        server.wait_until_listening()
    except BaseException:
        server.stop()
        raise
    return server


def version(name: str) -> str | None:
    """Return the version line of a program, or None if it is not installed."""
    try:
        program = installed(name)
    except NotInstalledError:
        return None
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0].strip() if lines else name


def installed(program: str) -> str:
    """Return the path of a program. Raise `NotInstalledError` if there is none."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise NotInstalledError(program)
    return found


def _settings_file(name: str, options: LaunchOptions) -> str:
    template = Template((PEERS / f"{name}.conf").read_text())
    file = options.folder / f"{name}.conf"
    file.write_text(template.substitute(port=options.port, folder=options.folder))
    return str(file)


def _free_ports() -> tuple[int, int]:
    """Return two free ports. Both are bound at once, so the kernel cannot return one twice."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_server(("127.0.0.1", 0)) as second,
    ):
        return listener.getsockname()[1], second.getsockname()[1]


def _is_listening(port: int) -> bool:
    """Read the kernel's table of sockets instead of connecting."""
    listening = "0A"  # TCP_LISTEN
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == listening and int(fields[1].rpartition(":")[2], 16) == port:
            return True
    return False
