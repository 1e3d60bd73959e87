"""`chat-server` with what no option sets: short times, and a socket that shows its state.

Run it with `python -m tests.support.node_program SOCKET TUNING OPTION...`. `SOCKET`: the path of
the Unix socket to listen on. `TUNING`: fields of `Tuning` as JSON. Then the options of
`chat-server`.
"""

from __future__ import annotations

import importlib
import json
import socket
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from chat_server.__main__ import main
from chat_server.config import Config
from chat_server.server import ChatServer
from chat_server.tuning import Tuning

ENCODING = "utf-8"


def replicated_state(server: ChatServer) -> Any:
    """Return the replicated state of a server in this process, as JSON would return it."""
    hub = server._hub
    with hub._lock:  # the thread that changes the state holds it
        snapshot = hub.replica.snapshot(0)
    return json.loads(json.dumps(snapshot.state))


def read_state(path: Path) -> Any:
    """Return the replicated state of the server that listens at this path."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10.0)
        client.connect(str(path))
        with client.makefile("r", encoding=ENCODING) as answer:
            return json.load(answer)


def _show_state(listener: socket.socket, server: ChatServer) -> None:
    while True:
        client, _ = listener.accept()
        with client:
            client.sendall(json.dumps(replicated_state(server)).encode(ENCODING))


def run(path: str, tuning: str, *options: str) -> None:
    """Run the server in this process, until a signal."""
    Path(path).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()

    def build(config: Config, *arguments: Any) -> ChatServer:
        server = ChatServer(replace(config, tuning=Tuning(**json.loads(tuning))), *arguments)
        threading.Thread(target=_show_state, args=(listener, server), daemon=True).start()
        return server

    # By its name: the package exports a function of the same name.
    importlib.import_module("chat_server.cli.serve").ChatServer = build  # type: ignore[attr-defined]
    main(options)


if __name__ == "__main__":
    run(*sys.argv[1:])
