"""Looking up a host and connecting to it, in a thread that nobody has to wait for."""

from __future__ import annotations

import errno
import os
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

from chat_server.wire.stream import Stream

WITHIN: Final = 10.0
"""Seconds for looking up and for all addresses together."""

_STEP: Final = 0.2
"""Seconds after which a connecting thread looks whether it is still wanted."""


class Dialling:
    """One try to reach a server. All methods are the screen's thread's.

    The thread is a daemon: a look-up can't be interrupted, and must not hold up the exit. What it
    brings too late is closed.
    """

    def __init__(
        self,
        host: str,
        port: int,
        done: Callable[[], None],
        *,
        within: float = WITHIN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin at once; `done` is called from the thread when there is an outcome.

        Raises `RuntimeError` where no thread can be started.
        """
        self._host = host
        self._port = port
        self._done = done
        self._clock = clock
        self._within = within
        self._deadline = clock() + within
        self._lock = threading.Lock()  # guards what follows; leaf
        self._wanted = True
        self._outcome: Stream | str | None = None
        threading.Thread(target=self._run, name="dialling", daemon=True).start()

    def outcome(self) -> Stream | str | None:
        """The connected stream, given once; or why there is none; None while it is open."""
        with self._lock:
            if self._outcome is None and self._clock() >= self._deadline:
                self._wanted = False
                self._outcome = self._no_answer()
            outcome = self._outcome
            if isinstance(outcome, Stream):
                self._outcome = "taken"
            return outcome

    def cancel(self) -> None:
        """It is no longer wanted. The thread ends soon, or when its look-up does."""
        with self._lock:
            self._wanted = False
            late, self._outcome = self._outcome, "cancelled"
        if isinstance(late, Stream):
            late.close()

    def _run(self) -> None:
        try:
            outcome: Stream | str | None = self._look_up_and_connect()
        except Exception as problem:  # nothing that a name may do can leave the form waiting
            outcome = f"{self._host} can't be reached: {problem}"
        with self._lock:
            wanted = self._wanted
            if wanted:
                self._outcome = outcome
        if wanted:
            self._done()
        elif isinstance(outcome, Stream):
            outcome.close()

    def _look_up_and_connect(self) -> Stream | str | None:
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError):
            return f"There is no host of the name {self._host}, or no network to ask"
        addresses = list(dict.fromkeys((family, address) for family, _, _, _, address in found))
        problem = self._no_answer()
        for index, (family, address) in enumerate(addresses):
            # An address that does not answer must leave time for the others.
            share = (self._deadline - self._clock()) / (len(addresses) - index)
            try:
                connected = self._connect(family, address, self._clock() + share)
            except OSError as error:
                problem = self._words(error)
                continue
            if connected is not None:
                return connected
            if not self._wanted:
                return None
            problem = self._no_answer()
        return problem

    def _connect(self, family: int, address: tuple[object, ...], deadline: float) -> Stream | None:
        connecting = socket.socket(family, socket.SOCK_STREAM)
        try:
            connecting.setblocking(False)
            code = connecting.connect_ex(address)
            if code == errno.EINPROGRESS and self._wait(connecting, deadline):
                code = connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code == 0 and connecting.getsockname() == connecting.getpeername():
                # The port of a server that is down was given to ourselves: we are talking to us.
                code = errno.ECONNREFUSED
            if code == 0:
                return Stream(connecting)
        except BaseException:
            connecting.close()
            raise
        connecting.close()
        if code == errno.EINPROGRESS:
            return None
        raise OSError(code, os.strerror(code))

    def _wait(self, connecting: socket.socket, deadline: float) -> bool:
        """Whether it has connected, or failed, in time and while it is wanted."""
        poller = select.poll()
        poller.register(connecting, select.POLLOUT)
        while self._wanted and (left := deadline - self._clock()) > 0:
            if poller.poll(min(left, _STEP) * 1000):
                return True
        return False

    def _no_answer(self) -> str:
        return f"{self._host} port {self._port} did not answer within {self._within:.0f} s"

    def _words(self, error: OSError) -> str:
        if error.errno == errno.ECONNREFUSED:
            return f"Nothing listens at {self._host} port {self._port}"
        return f"{self._host} can't be reached: {error.strerror or error}"
