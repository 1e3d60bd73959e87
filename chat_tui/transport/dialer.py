"""Reaching a server, in a thread that nobody has to wait for."""

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
"""Seconds for looking up, for all addresses together, and for agreeing on an encryption."""

_TAKEN: Final = ConnectFailed("It was taken, or is no longer wanted")


class Dialer:
    """One try to reach a server. All methods are the screen's thread's.

    The thread is a daemon: a look-up can't be interrupted, and must not hold up the exit. What it
    brings too late is closed.
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
        """Begin at once; `done` is called from the thread when there is an outcome.

        `known`: whose keys are trusted. `plaintext`: do not encrypt, wherever it is. Raises
        `RuntimeError` where no thread can be started.
        """
        self._host = host
        self._done = done
        self._clock = clock
        self._tcp_connector = TcpConnector(host, port, timeout, clock)
        self._tls_connector = TlsConnector(self._tcp_connector, known, plaintext=plaintext)
        self._deadline = clock() + timeout
        self._lock = threading.Lock()  # guards what follows; leaf
        self._active = True
        self._outcome: Outcome | None = None
        threading.Thread(target=self._run, name="dialling", daemon=True).start()

    def outcome(self) -> Outcome | None:
        """What came of it: a connection is given once. None while it is open."""
        with self._lock:
            if self._outcome is None and self._clock() >= self._deadline:
                self._active = False
                self._outcome = ConnectFailed(self._tls_connector.timeout_message)
            outcome, wanted = self._outcome, self._active
            if isinstance(outcome, Connected):
                self._outcome = _TAKEN
        if not wanted:
            self._tcp_connector.cancel()
        return outcome

    def cancel(self) -> None:
        """It is no longer wanted. The thread ends soon, or when its look-up does."""
        with self._lock:
            self._active = False
            late, self._outcome = self._outcome, _TAKEN
        self._tcp_connector.cancel()
        if isinstance(late, Connected):
            late.stream.close()

    def _run(self) -> None:
        try:
            outcome = self._tls_connector.outcome()
        except Exception as problem:  # nothing that a name may do can leave the form waiting
            outcome = ConnectFailed(f"{self._host} can't be reached: {problem}")
        with self._lock:
            wanted = self._active
            if wanted:
                self._outcome = outcome
        if wanted:
            self._done()
        elif isinstance(outcome, Connected):
            outcome.stream.close()
