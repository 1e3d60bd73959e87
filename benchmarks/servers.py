"""The servers that are measured: each a process of its own, on a free port of loopback."""

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
from types import TracebackType
from typing import Final, NamedTuple

from benchmarks.accounts import Accounts
from benchmarks.errors import BenchmarkError, NotInstalledError
from benchmarks.machine import SERVER_CORE, pin
from benchmarks.native import Programs

PEERS: Final = Path(__file__).parent / "peers"
PROJECT: Final = Path(__file__).parent.parent
START_SECONDS: Final = 20.0


class Setting(NamedTuple):
    """What a server may need to start."""

    programs: Programs
    accounts: Accounts
    folder: Path
    port: int
    clients: int
    slow_hashes: bool
    tls_port: int | None
    """Where to speak TLS besides; None: nowhere."""


class Kind(NamedTuple):
    """A server program: how it is called, spoken to and started."""

    name: str
    title: str
    protocol: str
    command: Callable[[Setting], list[str]]
    concurrency: int = 128
    """Connections that may be set up at a time."""


def _lobby(setting: Setting) -> list[str]:
    users = setting.accounts.slow if setting.slow_hashes else setting.accounts.fast
    tls = ["--tls", "--tls-port", str(setting.tls_port), "--state", str(setting.folder)]
    return [
        *(sys.executable, "-m", "chat_server"),
        *("--port", str(setting.port), "--users", str(users), "--rate", "0"),
        *("--log-level", "error", "--max-clients", str(setting.clients)),
        # Else it would make the cheap hashes dear ones, beside the measuring.
        *("--bcrypt-cost", "4"),
        *(tls if setting.tls_port is not None else []),
    ]


def _asyncio(setting: Setting) -> list[str]:
    program = str(PEERS / "asyncio_server.py")
    return [sys.executable, program, str(setting.port), str(setting.accounts.fast)]


def _ngircd(setting: Setting) -> list[str]:
    return [_installed("ngircd"), "--nodaemon", "--config", _settings_file("ngircd", setting)]


def _inspircd(setting: Setting) -> list[str]:
    as_root = ["--runasroot"] if os.geteuid() == 0 else []
    config = f"--config={_settings_file('inspircd', setting)}"
    return [_installed("inspircd"), "--nofork", config, *as_root]


def _ceiling(setting: Setting) -> list[str]:
    return [str(setting.programs.ceiling), str(setting.port)]


LOBBY: Final = Kind("lobby", "Lobby", "chat", _lobby)
# It listens with a backlog of 10, and connects beyond that wait for a second.
NGIRCD: Final = Kind("ngircd", "ngIRCd", "irc", _ngircd, concurrency=8)
# It admits whoever waits only once a second.
INSPIRCD: Final = Kind("inspircd", "InspIRCd", "irc", _inspircd, concurrency=2000)
ASYNCIO: Final = Kind("asyncio", "asyncio", "chat", _asyncio)
CEILING: Final = Kind("ceiling", "ceiling", "raw", _ceiling)
CHAT_SERVERS: Final = (LOBBY, NGIRCD, INSPIRCD, ASYNCIO)
EVERYONE: Final = (*CHAT_SERVERS, CEILING)


class Server:
    """A running server."""

    def __init__(
        self,
        kind: Kind,
        port: int,
        process: subprocess.Popen[bytes],
        log: Path,
        tls_port: int | None = None,
    ) -> None:
        self.kind = kind
        self.port = port
        self.tls_port = tls_port
        self.process = process
        self._log = log

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End it: nothing that it might still want to say is of interest."""
        self.process.kill()
        self.process.wait()

    def wait_until_it_listens(self) -> None:
        """Raises `BenchmarkError` where it ends, or does not listen in time."""
        # The ceiling's first client commands it: who tries the port would be that client.
        until = time.monotonic() + START_SECONDS
        while not all(_someone_listens(port) for port in self._ports()):
            if self.process.poll() is not None:
                raise BenchmarkError(f"{self.kind.title} ended at once: {self.last_words()}")
            if time.monotonic() > until:
                raise BenchmarkError(f"{self.kind.title} does not listen: {self.last_words()}")
            time.sleep(0.02)

    def _ports(self) -> list[int]:
        return [self.port] if self.tls_port is None else [self.port, self.tls_port]

    def last_words(self) -> str:
        """The end of what it wrote to its standard streams."""
        return self._log.read_text(errors="replace")[-500:].strip()


def start_server(
    kind: Kind,
    programs: Programs,
    accounts: Accounts,
    folder: Path,
    *,
    clients: int,
    pinned: bool = True,
    slow_hashes: bool = False,
    tls: bool = False,
) -> Server:
    """Start a server on a free port, or one more for TLS, and wait until it listens.

    Raises `NotInstalledError` where this machine has no such program.
    """
    port, spare = _free_ports()
    tls_port = spare if tls else None
    own_folder = Path(tempfile.mkdtemp(prefix=f"{kind.name}-", dir=folder))
    own_folder.chmod(0o755)  # for a peer that gives its rights away
    command = kind.command(
        Setting(programs, accounts, own_folder, port, clients, slow_hashes, tls_port)
    )
    log = own_folder / "output"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    server = Server(kind, port, process, log, tls_port)
    try:
        if pinned:
            pin(process.pid, SERVER_CORE)
        server.wait_until_it_listens()
    except BaseException:
        server.stop()
        raise
    return server


def version(kind: Kind) -> str | None:
    """What an installed peer calls itself; None where it is not installed."""
    try:
        program = _installed(kind.name)
    except NotInstalledError:
        return None
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0].strip() if lines else kind.title


def _installed(program: str) -> str:
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise NotInstalledError(program)
    return found


def _settings_file(name: str, setting: Setting) -> str:
    template = Template((PEERS / f"{name}.conf").read_text())
    file = setting.folder / f"{name}.conf"
    file.write_text(template.substitute(port=setting.port, folder=setting.folder))
    return str(file)


def _free_ports() -> tuple[int, int]:
    """Two, had at once: one that is free again may be given out a second time."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_server(("127.0.0.1", 0)) as another,
    ):
        return listener.getsockname()[1], another.getsockname()[1]


def _someone_listens(port: int) -> bool:
    """Look into the kernel's table instead of connecting."""
    listening = "0A"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == listening and int(fields[1].rpartition(":")[2], 16) == port:
            return True
    return False
