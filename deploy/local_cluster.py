"""A cluster on this machine, to try it: a Redis, two servers and HAProxy, until Ctrl+C.

`make cluster` runs it. All of it listens on loopback alone and keeps its files in a temporary
folder, which is removed with it.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

PROJECT: Final = Path(__file__).resolve().parent.parent
ACCOUNTS: Final = PROJECT / "users.json"
"""The demo accounts, of which the cluster gets a copy."""

BALANCER_PORT: Final = 9000
SERVER_PORTS: Final = {"one": 9011, "two": 9012}
"""Ports that are easy to type. A free one is taken instead of one that is in use."""

BALANCER_SOURCE: Final = "127.0.0.2"
"""HAProxy connects to the servers from here. So its connections have a PROXY header, and those of
`nc` on the same machine have none. Only Linux has this address without further setup."""

FOLDERS: Final = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin")
"""Where programs may be that are not on the PATH."""

START_SECONDS: Final = 30.0
RESTART_SECONDS: Final = 5.0
"""How long a server or Redis stays away that was killed: long enough to see what that does."""

STOP_SECONDS: Final = 15.0


class StartError(Exception):
    """A part cannot run. One line: what failed, why, what to do."""


class StopRequestedError(Exception):
    """The user wants to stop."""


class Part:
    """A program that runs until `stop`. It does not get the Ctrl+C of the terminal."""

    def __init__(self, name: str, command: Sequence[str | Path], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = command
        self._folder = folder
        self.process = self._run()

    def _run(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                start_new_session=True,
            )

    def restart_if_ended(self) -> None:
        """Start it again, `RESTART_SECONDS` after it has ended. Print both moments."""
        if self.process.poll() is None:
            return
        print(
            f"{self.name} has ended: {self._last_line()}\n"
            f"It starts again in {RESTART_SECONDS:.0f} s. The other programs go on.",
            flush=True,
        )
        time.sleep(RESTART_SECONDS)
        self.process = self._run()
        print(f"{self.name} has started again.", flush=True)

    def check(self) -> None:
        """Raise `StartError` if it has ended."""
        if self.process.poll() is not None:
            raise StartError(f"{self.name} has ended: {self._last_line()}")

    def _last_line(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it wrote nothing"

    def wait_until(self, is_ready: Callable[[], bool]) -> None:
        """Wait until it can be used. Raises `StartError` if it ends, or is not ready in time."""
        until = time.monotonic() + START_SECONDS
        while not is_ready():
            self.check()
            if time.monotonic() > until:
                raise StartError(f"{self.name} is not ready after {START_SECONDS:.0f} s")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it in order, or after `STOP_SECONDS` by force."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()


def find_programs(names: Sequence[str]) -> dict[str, str]:
    """Return the paths of the programs. Raises `StartError` with those that are missing."""
    found = {name: _which(name) for name in names}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        packages = " ".join(missing)
        raise StartError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed; on"
            f" Debian or Ubuntu: sudo apt install {packages}"
        )
    return {name: path for name, path in found.items() if path is not None}


def _which(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=":".join(FOLDERS))


def choose_port(wanted: int = 0) -> int:
    """Return `wanted` if that port of loopback is free, or else another one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int, question: bytes, answer: bytes) -> bool:
    """Return whether a program on this port of loopback answers like this."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connected:
            connected.sendall(question)
            return connected.recv(1000).startswith(answer)
    except OSError:
        return False


def balancer_config(port: int, servers: dict[str, int]) -> str:
    """Return a configuration of HAProxy: clients go to the servers in turn."""
    options = "check inter 1s"
    if sys.platform == "linux":
        options += f" send-proxy-v2 source {BALANCER_SOURCE}"
    lines = [f"    server {name} 127.0.0.1:{number} {options}" for name, number in servers.items()]
    return "\n".join(
        [
            "defaults",
            "    mode tcp",
            "    timeout connect 5s",
            "    timeout client 24h",
            "    timeout server 24h",
            "listen chat",
            f"    bind 127.0.0.1:{port}",
            "    balance roundrobin",
            *lines,
            "",
        ]
    )


def start(folder: Path, parts: list[Part]) -> None:
    """Start all parts, and add each to `parts`. Print how to connect. Raises `StartError`."""
    programs = find_programs(["redis-server", "haproxy"])
    redis_port = choose_port()
    settings = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--dir", str(folder)]
    redis = Part("redis", [programs["redis-server"], "--port", str(redis_port), *settings], folder)
    parts.append(redis)
    redis.wait_until(lambda: answers(redis_port, b"PING\r\n", b"+PONG"))
    shutil.copy(ACCOUNTS, folder / "users.json")
    servers: dict[str, int] = {}
    for name, wanted in SERVER_PORTS.items():
        port = servers[name] = choose_port(wanted)
        options = ["--port", port, "--redis", f"redis://127.0.0.1:{redis_port}", "--node", name]
        options += ["--users", "users.json", "--state", f"state-{name}"]
        options += ["--history", f"{name}.db", "--config", write_config(folder)]
        if sys.platform == "linux":
            options += ["--trusted-proxy", BALANCER_SOURCE]
        command = [sys.executable, "-m", "chat_server", *map(str, options)]
        server = Part(f"server-{name}", command, folder)
        parts.append(server)
        server.wait_until(lambda port=port: answers(port, b"", b"[SERVER]"))  # type: ignore[misc]
    port = choose_port(BALANCER_PORT)
    config = folder / "haproxy.cfg"
    config.write_text(balancer_config(port, servers))
    balancer = Part("haproxy", [programs["haproxy"], "-f", config], folder)
    parts.append(balancer)
    balancer.wait_until(lambda: answers(port, b"", b"[SERVER]"))
    print(_introduction(port, servers, folder), flush=True)


def write_config(folder: Path) -> Path:
    """Return an empty configuration, so that no other one is read."""
    path = folder / "lobby.toml"
    path.touch()
    return path


def _introduction(port: int, servers: dict[str, int], folder: Path) -> str:
    connections = [
        f"    nc 127.0.0.1 {number}    # server {name}" for name, number in servers.items()
    ]
    addresses = "".join(f" --server 127.0.0.1:{number}" for number in servers.values())
    return "\n".join(
        [
            "Two servers over one Redis are one chat. Connect in two terminals:",
            "",
            *connections,
            f"    nc 127.0.0.1 {port}    # HAProxy, which chooses a server",
            f"    .venv/bin/chat-tui{addresses}",
            "",
            "Log in with `LOGIN alice password123` in one and `LOGIN bob password123` in the other."
            " Type `/subscribe *` in both. Each then reads what the other one types.",
            "",
            "A server or Redis that you kill starts again after"
            f" {RESTART_SECONDS:.0f} s. The logs are in {folder}.",
            "Press Ctrl+C to stop all of it.",
        ]
    )


def _stop(number: int, frame: FrameType | None) -> None:
    raise StopRequestedError


def main() -> int:
    """Run until a signal, or until HAProxy ends. Return the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    parts: list[Part] = []
    status = 0
    with tempfile.TemporaryDirectory(prefix="lobby-cluster-") as name:
        try:
            start(Path(name), parts)
            while True:
                for part in parts:
                    if part.name == "haproxy":
                        part.check()
                    else:
                        part.restart_if_ended()
                time.sleep(0.2)
        except StopRequestedError:
            print("Stopping", flush=True)
        except StartError as error:
            print(f"make cluster: {error}", file=sys.stderr)
            status = 1
        finally:
            # A second Ctrl+C must not leave a program behind.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            # The servers first: their last lines pass HAProxy, and Redis takes what they send.
            for part in sorted(parts, key=lambda part: not part.name.startswith("server")):
                part.stop()
    return status


if __name__ == "__main__":
    sys.exit(main())
