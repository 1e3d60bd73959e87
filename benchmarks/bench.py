"""The context of a run that every part gets: programs, accounts, figures, repetitions."""

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
from benchmarks.servers import Server, ServerKind, start_server

SPARE_FILES = 200
"""Open files that a server needs in addition to its clients."""


@dataclass
class Bench:
    """One run of the benchmark."""

    programs: Programs
    accounts: Accounts
    folder: Path
    figures: Figures
    progress: Progress
    reps: int
    compared: tuple[str, ...]
    """Names of the servers to compare. A part that needs only Lobby ignores them."""
    max_clients: int
    """Connections that the limit on open files leaves to a server."""

    def start(
        self, kind: ServerKind, *, pinned: bool = True, slow_hashes: bool = False, tls: bool = False
    ) -> Server:
        """Start a server. Raise `NotInstalledError` if a peer is not installed.

        `tls`: also listen with TLS. Only Lobby can.
        """
        return start_server(
            kind,
            self.programs,
            self.accounts,
            self.folder,
            clients=self.max_clients,
            pinned=pinned,
            slow_hashes=slow_hashes,
            tls=tls,
        )

    def start_installed(self, kinds: Iterable[ServerKind]) -> Iterator[Server]:
        """Start the compared servers that are installed, and record which are not."""
        for kind in kinds:
            if kind.name not in self.compared:
                continue
            try:
                yield self.start(kind)
            except NotInstalledError:
                self.figures.absent[kind.name] = "not installed"

    def load(self, server: Server, clients: Clients, *, pinned: bool = True) -> Load:
        """Start to connect clients; `Load.set_up` waits for them."""
        return Load([str(self.programs.load)], server, clients, pinned=pinned)

    def python_load(self, server: Server, clients: PythonClients) -> Load:
        """Start to connect clients of the generator in Python, in plain text or with TLS."""
        port = server.tls_port if clients.encrypted else server.port
        return Load(PYTHON_LOAD, server, clients, pinned=True, port=port)

    def repetitions(self) -> Iterator[int]:
        """Yield the number of each repetition, and report the progress."""
        for rep in range(self.reps):
            self.progress.step(f"repetition {rep + 1} of {self.reps}")
            yield rep

    def warn(self, text: str) -> None:
        """Print a warning that the figures do not show."""
        print(f"\n{text}", file=sys.stderr, flush=True)


class Part(NamedTuple):
    """A part of the benchmark that can be run alone."""

    name: str
    title: str
    measure: Callable[[Bench], None]
    set_up_seconds: float
    rep_seconds: float
    """Both on two cores, and used only to estimate the duration."""
