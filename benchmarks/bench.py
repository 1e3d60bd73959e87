"""What every part of the benchmark works with: programs, accounts, figures, repetitions."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks.accounts import Accounts
from benchmarks.errors import NotInstalledError
from benchmarks.figures import Figures
from benchmarks.load import PYTHON_LOAD, Clients, Load, PythonClients
from benchmarks.native import Programs
from benchmarks.progress import Progress
from benchmarks.servers import Kind, Server, start_server

SPARE_FILES = 100
"""Open files that a server needs beside its clients."""


@dataclass
class Bench:
    """One run of the benchmark."""

    programs: Programs
    accounts: Accounts
    folder: Path
    figures: Figures
    progress: Progress
    reps: int
    wanted: tuple[str, ...]
    """Names of the servers to compare; ours alone is measured in any case where it is alone."""
    most_clients: int
    """Connections that the limit on open files leaves to a server."""

    def start(
        self, kind: Kind, *, pinned: bool = True, slow_hashes: bool = False, tls: bool = False
    ) -> Server:
        """Start a server. Raises `NotInstalledError` for a peer that this machine has not.

        `tls`: it speaks TLS, too, which only ours can.
        """
        return start_server(
            kind,
            self.programs,
            self.accounts,
            self.folder,
            clients=self.most_clients,
            pinned=pinned,
            slow_hashes=slow_hashes,
            tls=tls,
        )

    def start_installed(self, kinds: Iterable[Kind]) -> Iterator[Server]:
        """Start those of the wanted servers that are installed, and note which are not."""
        for kind in kinds:
            if kind.name not in self.wanted:
                continue
            try:
                yield self.start(kind)
            except NotInstalledError:
                self.figures.absent[kind.name] = "not installed"

    def load(self, server: Server, clients: Clients, *, pinned: bool = True) -> Load:
        """Begin to connect clients; `Load.set_up` waits for them."""
        return Load([str(self.programs.load)], server, clients, pinned=pinned)

    def python_load(self, server: Server, clients: PythonClients) -> Load:
        """As `load`, in plain text or inside TLS."""
        port = server.tls_port if clients.encrypted else server.port
        return Load(PYTHON_LOAD, server, clients, pinned=True, port=port)

    def repetitions(self) -> Iterator[int]:
        """Count the repetitions, and tell the progress."""
        for rep in range(self.reps):
            self.progress.step(f"repetition {rep + 1} of {self.reps}")
            yield rep

    def warn(self, text: str) -> None:
        """Tell something that the figures alone don't."""
        print(f"\n{text}", file=sys.stderr, flush=True)


class Part(NamedTuple):
    """A part of the benchmark that may be run alone."""

    name: str
    title: str
    measure: Callable[[Bench], None]
    set_up_seconds: float
    rep_seconds: float
    """Both on two cores; they only serve to tell how long it will take."""
