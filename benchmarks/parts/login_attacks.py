"""Logins at bcrypt cost 12 while others attack, and of users that lost the network at once."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from benchmarks.accounts import PASSWORD, SLOW_FROM, user_name
from benchmarks.bench import Bench, Part
from benchmarks.errors import BenchmarkError
from benchmarks.load import Clients
from benchmarks.servers import LOBBY, PROJECT, Server

ATTACKS: Final = ("account", "networks", "mixture")
"""See `benchmarks.login_attacker`. Each IPv4 address takes its own turns, like an IPv6 /32."""

LOGINS: Final = 2
"""Logins of the victim in each repetition, without and with each attack."""

ATTACK_SECONDS: Final = 1.5
"""From the beginning of an attack to the victim's first login: it has filled the queue."""

LOGIN_TIMEOUT: Final = 60.0
MEMBER: Final = SLOW_FROM
VICTIMS: Final = SLOW_FROM + 500
"""The number of the first victim. Each logs in once: the server remembers a password."""

CROWD: Final = 300


def _measure_attacks(bench: Bench) -> None:
    victim = 0
    with bench.start(LOBBY, pinned=False, slow_hashes=True) as server:
        for rep in bench.repetitions():
            for attack in (None, *ATTACKS):
                with _attack(server, attack, rep):
                    for _ in range(LOGINS):
                        seconds = _log_in(server.port, victim)
                        bench.figures.add(_scenario(attack), LOBBY.name, "ms", seconds * 1000)
                        victim += 1


def _scenario(attack: str | None) -> str:
    return "login-alone" if attack is None else f"login-attacked/{attack}"


@contextmanager
def _attack(server: Server, kind: str | None, rep: int) -> Iterator[None]:
    if kind is None:
        yield
        return
    command = [sys.executable, "-m", "benchmarks.login_attacker"]
    # Each repetition attacks from other addresses: these may be throttled by now.
    arguments = [kind, str(server.port), str(10 + rep), user_name(MEMBER), PASSWORD.decode()]
    attacker = subprocess.Popen([*command, *arguments], cwd=PROJECT)
    try:
        time.sleep(ATTACK_SECONDS)
        if attacker.poll() is not None:
            raise BenchmarkError(f"the attack {kind!r} ended: {server.log_tail()}")
        yield
    finally:
        attacker.kill()
        attacker.wait()


def _log_in(port: int, number: int) -> float:
    """Log a new user in from a new address. Return the seconds from the connect to the reply."""
    began = time.monotonic()
    with (
        socket.create_connection(
            ("127.0.0.1", port), LOGIN_TIMEOUT, (f"127.9.{number}.1", 0)
        ) as connected,
        connected.makefile("rwb") as stream,
    ):
        stream.readline()
        stream.write(b"LOGIN %s %s\n" % (user_name(VICTIMS + number).encode(), PASSWORD))
        stream.flush()
        reply = stream.readline()
    if b"successful" not in reply:
        raise BenchmarkError(f"the victim's login failed: {reply.decode(errors='replace')}")
    return time.monotonic() - began


def _measure_reconnects(bench: Bench) -> None:
    clients = Clients(idle=CROWD, first=SLOW_FROM)
    with bench.start(LOBBY, pinned=False, slow_hashes=True) as server:
        bench.progress.step(f"logging {CROWD} users in for the first time")
        with bench.load(server, clients, pinned=False) as crowd:
            crowd.set_up()
        for _ in bench.repetitions():
            with bench.load(server, clients, pinned=False) as crowd:
                bench.figures.add("reconnects", LOBBY.name, "seconds", crowd.set_up())


ATTACKED: Final = Part(
    "login-attacks", "Logins at cost 12 while others attack", _measure_attacks, 1, 9
)
RECONNECTS: Final = Part(
    "reconnects", f"{CROWD} users at cost 12 reconnect at once", _measure_reconnects, 48, 1
)
