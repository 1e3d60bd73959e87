"""A remote host, as far as TCP can tell: a network namespace behind a virtual cable."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.wire_client import WireClient

_CLONE_NEWNET = 0x40000000
_UNUSED_HARDWARE_ADDRESS = "02:00:00:00:00:01"


class RemoteHostUnavailableError(Exception):
    """The remote host cannot be created: a privilege or a kernel feature is missing."""


class RemoteHost:
    """A remote host whose clients reach this host at `near` until the cable is cut."""

    def __init__(self, ip: Path) -> None:
        self._ip = ip
        number = os.getpid()
        self._name = f"lobby-test-{number}"
        self._near_end, self._far_end = f"lobby{number}n", f"lobby{number}f"
        subnet = f"10.203.{number % 256}.{number // 256 % 64 * 4}"
        first_three, last = subnet.rsplit(".", 1)
        self.near = f"{first_three}.{int(last) + 1}"
        self._far = f"{first_three}.{int(last) + 2}"

    def set_up(self) -> None:
        """Create the host. Raise `RemoteHostUnavailableError` if that is impossible."""
        near, remote = self._near_end, self._far_end
        for step in (
            ("netns", "add", self._name),
            ("link", "add", near, "type", "veth", "peer", remote, "netns", self._name),
        ):
            done = self._run(*step, check=False)
            if done.returncode:
                raise RemoteHostUnavailableError(done.stderr.strip())
        self._run("addr", "add", f"{self.near}/30", "dev", near)
        self._run("link", "set", near, "up")
        self._run("-n", self._name, "addr", "add", f"{self._far}/30", "dev", remote)
        self._run("-n", self._name, "link", "set", remote, "up")

    def tear_down(self) -> None:
        """Remove the host, complete or not."""
        self._run("link", "del", self._near_end, check=False)
        self._run("netns", "del", self._name, check=False)

    def connect(self, port: int, *, receive_buffer: int | None = None) -> WireClient:
        """Return a client on the remote host, connected to this host."""

        def dial() -> WireClient:
            # Only this thread enters the namespace. Its socket stays there after the thread ends.
            libc = ctypes.CDLL(None, use_errno=True)
            with Path("/run/netns", self._name).open() as namespace:
                if libc.setns(namespace.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            return WireClient(self.near, port, receive_buffer=receive_buffer)

        with ThreadPoolExecutor(1) as there:
            return there.submit(dial).result()

    def cut_cable(self) -> None:
        """Drop all packets from now on, in both directions, without notice to either side."""
        wrong = ("lladdr", _UNUSED_HARDWARE_ADDRESS, "nud", "permanent")
        self._run("neigh", "replace", self._far, *wrong, "dev", self._near_end)
        far_side = ("-n", self._name, "neigh", "replace", self.near)
        self._run(*far_side, *wrong, "dev", self._far_end)

    def _run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [self._ip, *arguments], capture_output=True, text=True, timeout=30, check=False
        )
        assert not check or done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
        return done


@contextmanager
def remote_host(require_program: Callable[[str], Path]) -> Iterator[RemoteHost]:
    """Create a remote host and remove it afterwards. Skip the test if that is impossible."""
    host = RemoteHost(require_program("ip"))
    try:
        try:
            host.set_up()
        except RemoteHostUnavailableError as error:
            pytest.skip(f"no network namespace can be made here: {error}")
        yield host
    finally:
        host.tear_down()
