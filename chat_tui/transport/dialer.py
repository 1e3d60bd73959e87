"""Dialer: connect to a server in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from chat_tui.storage import KnownServers
from chat_tui.transport.outcome import Connected, ConnectFailed, Outcome
from chat_tui.transport.tcp_connect import TcpConnector
from chat_tui.transport.tls_connect import TlsConnector

CONNECT_TIMEOUT: Final = 10.0
"""Seconds for resolving, for connecting to all addresses together, and for the TLS handshake."""

_TAKEN: Final = ConnectFailed("The connection was already taken, or the attempt was cancelled")


class Dialer:
    """One attempt to connect to a server. All methods are called by the screen's thread.

    The dialing thread is a daemon: name resolution cannot be interrupted and must not delay the
    exit. A connection that arrives too late is closed.
    """

    def __init__(
        self,
        host: str,
        port: int,
        done: Callable[[], None],
        known: KnownServers,
        *,
        plaintext: bool = False,
        timeout: float = CONNECT_TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start at once. `done` is called from the dialing thread when there is an outcome.

        `known`: the servers with pinned keys. `plaintext`: do not encrypt, whatever the server.
        `timeout`: seconds. Raises `RuntimeError` if no thread can be started.
        """
        self._host = host
        self._done = done
        self._clock = clock
        self._tcp_connector = TcpConnector(host, port, timeout, clock)
        self._tls_connector = TlsConnector(self._tcp_connector, known, plaintext=plaintext)
        self._deadline = clock() + timeout
        self._lock = threading.Lock()  # guards the attributes below; leaf lock
        self._active = True
        self._outcome: Outcome | None = None
        threading.Thread(target=self._run, name="dialer", daemon=True).start()

    def outcome(self) -> Outcome | None:
        """Return the outcome, or None while the attempt is under way.

        A connection is returned once. The caller then owns its stream.
        """
        with self._lock:
            if self._outcome is None and self._clock() >= self._deadline:
                self._active = False
                self._outcome = ConnectFailed(self._tls_connector.timeout_message)
            outcome, is_active = self._outcome, self._active
            if isinstance(outcome, Connected):
                self._outcome = _TAKEN
        if not is_active:
            self._tcp_connector.cancel()
        return outcome

    def cancel(self) -> None:
        """Cancel the attempt. The thread ends soon; during name resolution, after it."""
        with self._lock:
            self._active = False
            late, self._outcome = self._outcome, _TAKEN
        self._tcp_connector.cancel()
        if isinstance(late, Connected):
            late.stream.finish_and_close()

    def _run(self) -> None:
        try:
            outcome = self._tls_connector.connect()
        except Exception as error:  # an odd host name must not leave the form waiting forever
            outcome = ConnectFailed(f"{self._host} can't be reached: {error}")
        with self._lock:
            is_active = self._active
            if is_active:
                self._outcome = outcome
        if is_active:
            self._done()
        elif isinstance(outcome, Connected):
            outcome.stream.finish_and_close()
