"""The local server of `--local`: the chat server on loopback that runs already, or a new one.

Everything here blocks and nothing uses Textual. The UI calls it in a daemon thread. If the client
exits during a start, the server that was started stops too.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Final

from chat_tui.local_server.demo_accounts import (
    Version,
    file_version,
    remember_demo_accounts,
    remembered_demo_accounts,
    users_file,
)
from chat_tui.local_server.port_probe import LOOPBACK, PortOwner, port_owner
from chat_tui.local_server.process import DemoAccountsProcess, ServerProcess, ServerProcessError
from chat_tui.local_server.record import LocalServerRecord, await_demo_accounts, current_record

PREFERRED_PORT: Final = 9000
"""The port of the local server if no other program uses it."""

STOP_TIMEOUT: Final = 8.0
"""Seconds after which a stopping server is killed. It flushes for 5 s and then closes."""

_DEMO_CHECK_TIMEOUT: Final = 120.0
"""Seconds after which no demo accounts are shown: a busy machine needs many for four hashes."""


class LocalServerError(Exception):
    """The local server could not be started or joined. The text is the reason, on one line."""


class LocalServer:
    """A running server on loopback. Use `LocalServer.start` to get one. Any thread may call it."""

    host: Final = LOOPBACK

    def __init__(
        self,
        state_folder: Path,
        port: int,
        demo_accounts: tuple[str, ...] | None,
        log_path: Path | None,
        users: Path | None = None,
    ) -> None:
        """`log_path` is None for a server that ran already.

        `demo_accounts` is None if they are not known yet. `users` is None if the path of the users
        file is not known.
        """
        self.port = port
        self.log_path = log_path
        """The log of the server. None if this client did not start it."""
        self._state_folder = state_folder
        self._users = users
        self._known_accounts = demo_accounts
        self._process: ServerProcess | None = None
        self._record: LocalServerRecord | None = None
        self._demo: DemoAccountsProcess | None = None
        self._version: Version | None = None  # of the users file, before `_demo` read it
        self._stopped = False
        self._check_lock = threading.Lock()  # held while the demo accounts are found out

    @property
    def joined_existing(self) -> bool:
        """True if the server ran already. It keeps running after the client exits."""
        return self._process is None

    @property
    def known_demo_accounts(self) -> tuple[str, ...] | None:
        """The demo accounts, None if they are not known yet. Does not block."""
        return self._known_accounts

    @property
    def demo_accounts(self) -> tuple[str, ...]:
        """The accounts of DPS, alice, bob and carol that are known to have the demo password.

        Blocks until they are known: for four hashes, or until the client that started the server
        knows them.
        """
        with self._check_lock:
            if self._known_accounts is None:
                self._known_accounts = self._find_demo_accounts()
            return self._known_accounts

    @classmethod
    def start(
        cls, state_folder: Path, working_folder: Path, preferred_port: int = PREFERRED_PORT
    ) -> LocalServer:
        """Join the chat server on `preferred_port`, or start one there or on a free port.

        A new server uses `users.json` in `working_folder`. If that file does not exist, it uses the
        one in `state_folder`, which is created with the demo accounts at first use. The log is in
        `state_folder`. Takes about a second, and at most half a minute. Raises `LocalServerError`.
        """
        return cls._join_or_start(state_folder, working_folder, None, preferred_port)

    def start_again(self) -> LocalServer:
        """Return this server if it runs. Else join or start another one on its port.

        The new server uses the same users file, if its path is known, so that the same user can
        come back. Blocks like `start`. Raises `LocalServerError`, also if another program has taken
        the port.
        """
        if self._process is not None:
            if self._process.is_running:
                return self
            self.stop()
        server = self._join_or_start(self._state_folder, Path.cwd(), self._users, self.port)
        if server.port != self.port:
            server.stop()
            raise LocalServerError(f"another program uses port {self.port} now")
        return self if server.joined_existing and self.joined_existing else server

    @classmethod
    def _join_or_start(
        cls, state_folder: Path, working_folder: Path, users: Path | None, preferred_port: int
    ) -> LocalServer:
        try:
            state_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            state_folder = state_folder.resolve()
            owner = port_owner(preferred_port)
            if owner is PortOwner.CHAT_SERVER:
                return cls._join(state_folder, preferred_port)
            if users is None:
                users = users_file(state_folder, working_folder)
            is_free = owner is PortOwner.NONE
            return cls._start(state_folder, users, preferred_port if is_free else 0, preferred_port)
        except ServerProcessError as error:
            raise LocalServerError(str(error)) from error
        except OSError as error:
            path = "" if error.filename is None else f"{error.filename}: "
            raise LocalServerError(f"{path}{error.strerror or error}") from error

    @classmethod
    def _join(cls, state_folder: Path, port: int) -> LocalServer:
        record = current_record(port, state_folder)
        names = None if record is None else record.demo_accounts
        users = Path(record.users) if record is not None and record.users else None
        return cls(state_folder, port, names, None, users)

    @classmethod
    def _start(cls, state_folder: Path, users: Path, port: int, preferred_port: int) -> LocalServer:
        log_path = state_folder / "local-server.log"
        exists = os.path.lexists(users)
        names = remembered_demo_accounts(state_folder, users) if exists else None
        # A client that joins the server right after its start waits for the demo accounts.
        starting = LocalServerRecord(preferred_port, os.getpid(), None, str(users))
        if port == preferred_port and current_record(port, state_folder) is None:
            starting.write(state_folder)
        version = file_version(users)
        demo = DemoAccountsProcess(users) if names is None else None
        try:
            if demo is not None and not exists:
                demo.names()  # creates the file that the server is about to read
                version = file_version(users)
            try:
                process = ServerProcess.start(LOOPBACK, port, users, log_path)
            except ServerProcessError:
                if port == 0:
                    raise
                # Another client was faster, or a program has bound the port without listening.
                if port_owner(preferred_port) is PortOwner.CHAT_SERVER:
                    starting.remove(state_folder)
                    _close(demo)
                    return cls._join(state_folder, preferred_port)
                process = ServerProcess.start(LOOPBACK, 0, users, log_path)
        except BaseException:
            starting.remove(state_folder)
            _close(demo)
            raise
        server = cls(state_folder, process.port, names, log_path, users)
        server._process, server._demo, server._version = process, demo, version
        if process.port == preferred_port:  # the port on which the next client looks
            server._write_record(names)
        else:
            starting.remove(state_folder)
        if names is None:  # the clients that join the server wait for them
            find = threading.Thread(target=lambda: server.demo_accounts, name="demo accounts")
            find.daemon = True
            find.start()
        return server

    def _find_demo_accounts(self) -> tuple[str, ...]:
        if self._stopped:
            return ()
        if self._demo is None or self._users is None:
            return await_demo_accounts(self.port, self._state_folder, _DEMO_CHECK_TIMEOUT)
        names: tuple[str, ...] = ()
        try:
            names = self._demo.names(_DEMO_CHECK_TIMEOUT)
        except ServerProcessError:  # the server runs; only the hint in the form is incomplete
            pass
        else:
            if self._version is not None:
                remember_demo_accounts(self._state_folder, self._users, self._version, names)
        self._demo.close()
        if self._record is not None:
            self._write_record(names)
        return names

    def _write_record(self, names: tuple[str, ...] | None) -> None:
        assert self._process is not None
        self._record = LocalServerRecord(
            self.port, self._process.process_id, names, str(self._users or "")
        )
        self._record.write(self._state_folder)

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """Stop the server gracefully if this client started it. Kill it after `timeout` seconds.

        Has no effect on a server that ran already. May be called twice, and by any thread.
        """
        self._stopped = True
        if self._demo is not None:
            self._demo.kill()  # ends the check in another thread
            with self._check_lock:
                self._demo.close()
        if self._record is not None:
            self._record.remove(self._state_folder)
        if self._process is not None:
            self._process.stop(timeout)


def _close(demo: DemoAccountsProcess | None) -> None:
    if demo is not None:
        demo.close()
