"""Load for a room in plain text or inside TLS: the same work for both, so that they compare.

Started with name=value words, it connects everybody and sets them up once, prints one line of JSON,
and then takes commands from standard input and prints one line of JSON for each:

    run seconds=0.6 window=50      publish without a pause
    visit seconds=0.4              connect, read the first line and leave, `concurrency` at a time

The end of standard input ends it. The words are those of the generator in C, and two more:
`encrypted=1` is inside TLS, and `verified` receivers read what they get, where the others count it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from benchmarks.python_load.entry import Door, RefusedError, enter, visit
from benchmarks.python_load.room import Room


def _numbers(words: Sequence[str]) -> dict[str, float]:
    pairs = (word.split("=") for word in words)
    return {name: float(value) for name, value in pairs if name != "protocol"}


def _tell(result: dict[str, float] | dict[str, str]) -> None:
    print(json.dumps(result), flush=True)


def _serve(settings: dict[str, float]) -> None:
    door = Door(int(settings["port"]), encrypted=settings["encrypted"] > 0)
    first, concurrency = int(settings["first"]), int(settings["concurrency"])
    publishers, receivers, idle = (
        int(settings[role]) for role in ("publishers", "receivers", "idle")
    )
    entered = enter(door, publishers, receivers, idle, first=first, concurrency=concurrency)
    room = Room(entered, author=first, verified=int(settings["verified"]))
    _tell({"ready": publishers + receivers + idle, "seconds": entered.seconds})
    for line in sys.stdin:
        command, *words = line.split()
        numbers = _numbers(words)
        if command == "run":
            timeout = numbers.get("timeout", 10)
            _tell(room.run(numbers["seconds"], int(numbers["window"]), timeout))
        elif command == "visit":
            _tell(visit(door, numbers["seconds"], concurrency))
        else:
            _tell({"error": f"there is no command {command}"})


def main() -> None:
    """Whatever is wrong is told in the answer."""
    try:
        _serve(_numbers(sys.argv[1:]))
    except (OSError, RefusedError) as error:
        _tell({"error": str(error)})
        sys.exit(1)


if __name__ == "__main__":
    main()
