"""The local server of `--local`: the chat server on loopback that runs already, or a new one.

Everything here blocks and nothing uses Textual. The UI calls it in a daemon thread. If the client
exits during a start, the server that was started stops too.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from chat_tui.local_server.port_probe import LOOPBACK, PortOwner, port_owner
from chat_tui.local_server.process import DemoAccountsProcess, ServerProcess, ServerProcessError
from chat_tui.local_server.record import LocalServerRecord, recorded_demo_accounts

PREFERRED_PORT: Final = 9000
"""The port of the local server if no other program uses it."""

DEMO_PASSWORD: Final = "password123"
"""The password of the demo accounts."""

STOP_TIMEOUT: Final = 8.0
"""Seconds after which a stopping server is killed. It flushes for 5 s and then closes."""

_DEMO_CHECK_TIMEOUT: Final = 2.0
"""Seconds that a start waits at the end for the list of demo accounts."""


class LocalServerError(Exception):
    """The local server could not be started or joined. The text is the reason, on one line."""


class LocalServer:
    """A running server on loopback. Use `LocalServer.start` to get one."""

    host: Final = LOOPBACK

    def __init__(
        self, state_folder: Path, port: int, demo_accounts: tuple[str, ...], log_path: Path | None
    ) -> None:
        """`log_path` is None for a server that ran already."""
        self.port = port
        self.demo_accounts = demo_accounts
        """The accounts of DPS, alice, bob and carol that are known to have `DEMO_PASSWORD`."""
        self.log_path = log_path
        """The log of the server. None if this client did not start it."""
        self._state_folder = state_folder
        self._process: ServerProcess | None = None
        self._record: LocalServerRecord | None = None

    @property
    def joined_existing(self) -> bool:
        """True if the server ran already. It keeps running after the client exits."""
        return self._process is None

    @classmethod
    def start(
        cls, state_folder: Path, working_folder: Path, preferred_port: int = PREFERRED_PORT
    ) -> LocalServer:
        """Join the chat server on `preferred_port`, or start one there or on a free port.

        A new server uses `users.json` in `working_folder`. If that file does not exist, it uses the
        one in `state_folder`, which is created with the demo accounts at first use. The log is in
        `state_folder`. Takes about a second, and at most half a minute. Raises `LocalServerError`.
        """
        try:
            state_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            state_folder = state_folder.resolve()
            owner = port_owner(preferred_port)
            if owner is PortOwner.CHAT_SERVER:
                return cls._join(state_folder, preferred_port)
            users = working_folder.resolve() / "users.json"
            if not os.path.lexists(users):
                users = state_folder / "users.json"
            is_free = owner is PortOwner.NONE
            return cls._start(state_folder, users, preferred_port if is_free else 0, preferred_port)
        except ServerProcessError as error:
            raise LocalServerError(str(error)) from error
        except OSError as error:
            path = "" if error.filename is None else f"{error.filename}: "
            raise LocalServerError(f"{path}{error.strerror or error}") from error

    @classmethod
    def _join(cls, state_folder: Path, port: int) -> LocalServer:
        return cls(state_folder, port, recorded_demo_accounts(port, state_folder), None)

    @classmethod
    def _start(cls, state_folder: Path, users: Path, port: int, preferred_port: int) -> LocalServer:
        log_path = state_folder / "local-server.log"
        demo = DemoAccountsProcess(users)
        try:
            if not os.path.lexists(users):
                demo.names()  # creates the file that the server is about to read
            try:
                process = ServerProcess.start(LOOPBACK, port, users, log_path)
            except ServerProcessError:
                if port == 0:
                    raise
                # Another client was faster, or a program has bound the port without listening.
                if port_owner(preferred_port) is PortOwner.CHAT_SERVER:
                    return cls._join(state_folder, preferred_port)
                process = ServerProcess.start(LOOPBACK, 0, users, log_path)
            server = cls(state_folder, process.port, (), log_path)
            server._process = process
            with suppress(
                ServerProcessError
            ):  # the server runs; only the hint in the form is incomplete
                server.demo_accounts = demo.names(_DEMO_CHECK_TIMEOUT)
        finally:
            demo.close()
        if process.port == preferred_port:  # the port on which the next client looks for the server
            server._record = LocalServerRecord(
                process.port, process.process_id, server.demo_accounts
            )
            server._record.write(state_folder)
        return server

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """Stop the server gracefully if this client started it. Kill it after `timeout` seconds.

        Has no effect on a server that ran already. May be called twice, and by any thread.
        """
        if self._record is not None:
            self._record.remove(self._state_folder)
        if self._process is not None:
            self._process.stop(timeout)
