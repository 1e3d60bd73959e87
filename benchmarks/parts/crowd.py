"""Deliveries per second when everyone talks at once, also with threads that may use all cores."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final, NamedTuple

from benchmarks.bench import Bench, Part
from benchmarks.errors import NotInstalledError
from benchmarks.load import Clients, Load
from benchmarks.parts.latency import record_latency
from benchmarks.parts.release_before import record_run
from benchmarks.parts.throughput import SHAPES, WARM_UP_SECONDS
from benchmarks.revisions import check_out
from benchmarks.servers import INSPIRCD, LOBBY, NGIRCD, Server, ServerKind, lobby_command

REVISION: Final = "3bb16fd"
"""The last one whose drainer did not wait for the other readers of a crowd."""

EARLIER: Final = "earlier"
"""Recorded in the place of a server's name: Lobby of `REVISION`."""

RUN_SECONDS: Final = 0.5
NEWCOMERS: Final = 300
FIRST_NEWCOMER: Final = 1_000
TALK_SECONDS: Final = 0.6
TALK_RATE: Final = 5


class Shape(NamedTuple):
    """Clients that talk, the windows to measure, and the servers to compare."""

    name: str
    title: str
    clients: Clients
    windows: tuple[int, ...]
    servers: tuple[str, ...]
    pinned: bool = True
    senses: tuple[bool, ...] = (False,)
    """Whether the window is a mean window."""


TALK: Final = Clients(publishers=40, mesh=1, size=160)
_ALL: Final = (LOBBY.name, EARLIER, NGIRCD.name, INSPIRCD.name)

CROWDS: Final = (
    Shape("crowd", "40 all-to-all", TALK, (12, 1), _ALL, senses=(False, True)),
    Shape(
        "crowd-unpinned",
        "40 all-to-all, not pinned",
        TALK,
        (12, 1),
        _ALL,
        pinned=False,
        senses=(False, True),
    ),
    Shape(
        "rooms",
        "50 rooms of 20, all talk",
        Clients(publishers=1000, mesh=1, size=160, rooms=50),
        (4,),
        (LOBBY.name, EARLIER),
        senses=(False, True),
    ),
)
AUDIENCES: Final = tuple(
    Shape(f"earlier-{each.name}", each.title, each.clients, each.windows, (LOBBY.name, EARLIER))
    for each in SHAPES
    if not each.clients.mesh
)
"""One to many: what helps a crowd must not cost a single publisher anything."""


def scenario(shape: Shape, window: int, is_mean: bool) -> str:
    """Return the scenario name of a shape with a window."""
    return f"{shape.name}/{window or 'pipelined'}{'/mean' if is_mean else ''}"


def _measure(bench: Bench) -> None:
    kinds = _kinds(bench)
    for shape in (*CROWDS, *AUDIENCES):
        bench.progress.step(shape.title)
        _measure_shape(bench, shape, kinds)
    _measure_sign_in(bench, kinds)


def _kinds(bench: Bench) -> dict[str, ServerKind]:
    """Return the servers to compare by the name under which they are recorded."""
    kinds = {kind.name: kind for kind in (LOBBY, NGIRCD, INSPIRCD)}
    checkout = check_out(bench, REVISION)
    if checkout is None:
        bench.figures.absent[EARLIER] = "git does not have that revision"
    else:
        # That revision has no history, and no option for it.
        kinds[EARLIER] = LOBBY._replace(
            title="Lobby earlier", command=lobby_command, checkout=checkout
        )
    return kinds


def _measure_shape(bench: Bench, shape: Shape, kinds: dict[str, ServerKind]) -> None:
    with ExitStack() as stack:
        rooms: dict[str, tuple[Server, Load]] = {}
        for name in shape.servers:
            if name not in kinds:
                continue
            try:
                server = stack.enter_context(bench.start(kinds[name], pinned=shape.pinned))
            except NotInstalledError:
                bench.figures.absent[name] = "not installed"
                continue
            load = stack.enter_context(bench.load(server, shape.clients, pinned=shape.pinned))
            load.set_up()
            load.run(WARM_UP_SECONDS, window=4)
            rooms[name] = (server, load)
        for rep in range(bench.reps):
            for window in shape.windows:
                for is_mean in shape.senses:
                    # Rotate the order: no server always runs first or after the same one.
                    turn = rep % len(rooms)
                    names = [*rooms][turn:] + [*rooms][:turn]
                    for name in names:
                        server, load = rooms[name]
                        record_run(
                            bench,
                            scenario(shape, window, is_mean),
                            name,
                            server,
                            load,
                            RUN_SECONDS,
                            window,
                            is_mean=is_mean,
                        )


def _measure_sign_in(bench: Bench, kinds: dict[str, ServerKind]) -> None:
    """Measure the delay of a talk while many other clients sign in."""
    for name in (LOBBY.name, EARLIER):
        if name not in kinds:
            continue
        kind = kinds[name]._replace(concurrency=NEWCOMERS)
        with bench.start(kind) as server, bench.load(server, TALK) as talk:
            talk.set_up()
            for _ in range(bench.reps):
                result = talk.pace(TALK_SECONDS, TALK_RATE)
                record_latency(bench, "sign-in-baseline", name, result)
                talk.begin(f"pace seconds={TALK_SECONDS} rate={TALK_RATE}")
                newcomers = Clients(idle=NEWCOMERS, first=FIRST_NEWCOMER)
                with bench.load(server, newcomers) as load:
                    bench.figures.add("sign-in", name, "seconds", load.set_up())
                    record_latency(bench, "sign-in-loaded", name, talk.result())


PART: Final = Part("crowd", "A crowd that talks at once", _measure, 12, 40)
