"""`--local`: a chat server on loopback, beside the client: one that is there, or one of its own.

Everything here blocks; no Textual. Whoever can't wait runs it in a daemon thread: if the client
ends in the middle of a start, what was started ends with it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from chat_tui.local_server.note import LocalServerRecord, demo_accounts_on
from chat_tui.local_server.port_probe import LOOPBACK, PortOwner, port_owner
from chat_tui.local_server.program import DemoAccountsProcess, ServerProcess, ServerProcessError

PREFERRED_PORT: Final = 9000
"""The port of every chat server, where nothing else has it."""

DEMO_PASSWORD: Final = "password123"
"""The password of the demo accounts."""

STOP_TIMEOUT: Final = 8.0
"""Seconds within which a server has stopped: it flushes for 5 and closes."""

_DEMO_CHECK_TIMEOUT: Final = 2.0
"""Seconds more that a start may take only to learn which demo accounts there are."""


class LocalServerError(Exception):
    """There is no local server; the text is one line that says why."""


class LocalServer:
    """A server on loopback that one can sign in to. `LocalServer.start` makes it."""

    host: Final = LOOPBACK

    def __init__(
        self, state_folder: Path, port: int, demo_accounts: tuple[str, ...], log_path: Path | None
    ) -> None:
        """`log_path` is None for a server that was there before."""
        self.port = port
        self.demo_accounts = demo_accounts
        """Those of DPS, alice, bob and carol that have `DEMO_PASSWORD` there, as far as known."""
        self.log_path = log_path
        """Where the server's log goes, or None where it was not started here."""
        self._state_folder = state_folder
        self._process: ServerProcess | None = None
        self._record: LocalServerRecord | None = None

    @property
    def joined_existing(self) -> bool:
        """Whether the server was there before, so that it stays when the client goes."""
        return self._process is None

    @classmethod
    def start(
        cls, state_folder: Path, working_folder: Path, preferred_port: int = PREFERRED_PORT
    ) -> LocalServer:
        """Join the chat server on `preferred_port`, or start one there or on a free port.

        Its accounts are those of `users.json` in `working_folder`, or else of one in `state_folder`
        that is made with the demo accounts at first use. Its log goes to `state_folder`. Takes
        about a second, half a minute at the most. Raises `LocalServerError`.
        """
        try:
            state_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            state_folder = state_folder.resolve()
            holder = port_owner(preferred_port)
            if holder is PortOwner.CHAT_SERVER:
                return cls._join(state_folder, preferred_port)
            users = working_folder.resolve() / "users.json"
            if not os.path.lexists(users):
                users = state_folder / "users.json"
            free = holder is PortOwner.NOBODY
            return cls._start(state_folder, users, preferred_port if free else 0, preferred_port)
        except ServerProcessError as error:
            raise LocalServerError(str(error)) from error
        except OSError as error:
            where = "" if error.filename is None else f"{error.filename}: "
            raise LocalServerError(f"{where}{error.strerror or error}") from error

    @classmethod
    def _join(cls, state_folder: Path, port: int) -> LocalServer:
        return cls(state_folder, port, demo_accounts_on(port, state_folder), None)

    @classmethod
    def _start(cls, state_folder: Path, users: Path, port: int, preferred_port: int) -> LocalServer:
        log_path = state_folder / "local-server.log"
        demo = DemoAccountsProcess(users)
        try:
            if not os.path.lexists(users):
                demo.names()  # which makes the file that the server is about to read
            try:
                program = ServerProcess.start(LOOPBACK, port, users, log_path)
            except ServerProcessError:
                if port == 0:
                    raise
                # Another window was faster, or something has the port without listening on it.
                if port_owner(preferred_port) is PortOwner.CHAT_SERVER:
                    return cls._join(state_folder, preferred_port)
                program = ServerProcess.start(LOOPBACK, 0, users, log_path)
            server = cls(state_folder, program.port, (), log_path)
            server._process = program
            with suppress(ServerProcessError):  # the server runs; only the hint in the form is less
                server.demo_accounts = demo.names(_DEMO_CHECK_TIMEOUT)
        finally:
            demo.close()
        if program.port == preferred_port:  # where the next window looks
            server._record = LocalServerRecord(
                program.port, program.process_id, server.demo_accounts
            )
            server._record.write(state_folder)
        return server

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """Stop the server that was started here: in an orderly way, killed after `timeout` seconds.

        Does nothing to a server that was there before. May be called twice, from any thread.
        """
        if self._record is not None:
            self._record.remove(self._state_folder)
        if self._process is not None:
            self._process.stop(timeout)
