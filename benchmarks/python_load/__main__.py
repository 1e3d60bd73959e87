"""Load for a room in plain text or with TLS. Both do the same work, so that they compare.

The program takes name=value options, connects all clients, sets them up once and prints one line of
JSON. Then it reads commands from standard input and prints one line of JSON for each:

    run seconds=0.6 window=50      publish without a pause
    reconnect seconds=0.4          connect, read the first line and disconnect, from all threads

The end of standard input ends the program. The options are those of the generator in C, and two
more: `encrypted=1` uses TLS, and `verified` receivers check each line while the others count.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from benchmarks.python_load.fan_out import FanOut
from benchmarks.python_load.login import LoginGate, LoginRejectedError, log_in_all, reconnect


def _numbers(options: Sequence[str]) -> dict[str, float]:
    pairs = (option.split("=") for option in options)
    return {name: float(value) for name, value in pairs if name != "protocol"}


def _print(result: dict[str, float] | dict[str, str]) -> None:
    print(json.dumps(result), flush=True)


def _serve(settings: dict[str, float]) -> None:
    gate = LoginGate(int(settings["port"]), encrypted=settings["encrypted"] > 0)
    first, concurrency = int(settings["first"]), int(settings["concurrency"])
    publishers, receivers, idle = (
        int(settings[role]) for role in ("publishers", "receivers", "idle")
    )
    logged_in = log_in_all(gate, publishers, receivers, idle, first=first, concurrency=concurrency)
    fan_out = FanOut(logged_in, author=first, verified=int(settings["verified"]))
    _print({"ready": publishers + receivers + idle, "seconds": logged_in.seconds})
    for line in sys.stdin:
        command, *options = line.split()
        numbers = _numbers(options)
        if command == "run":
            timeout = numbers.get("timeout", 10)
            _print(fan_out.run(numbers["seconds"], int(numbers["window"]), timeout))
        elif command == "reconnect":
            _print(reconnect(gate, numbers["seconds"], concurrency))
        else:
            _print({"error": f"unknown command: {command}"})


def main() -> None:
    """Run until the end of standard input. Print an error as JSON."""
    try:
        _serve(_numbers(sys.argv[1:]))
    except (OSError, LoginRejectedError) as error:
        _print({"error": str(error)})
        sys.exit(1)


if __name__ == "__main__":
    main()
