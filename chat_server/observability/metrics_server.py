"""The HTTP side of the numbers: /metrics and /healthz on loopback, for machines on this machine.

One thread accepts, and each request has one of its own, for a bounded time and only so many at
once: nobody who dribbles holds a thread for ever.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, Final

from chat_server.observability.event_log import EventLog
from chat_server.observability.metrics import CONTENT_TYPE

HOST: Final = "127.0.0.1"
"""The numbers tell who is busy and when: they are not for the network."""

_MAX_REQUESTS: Final = 8
"""At once; more are closed unread. Prometheus and a health check need two."""

_REQUEST_TIMEOUT: Final = 10.0
"""For a request in all, from its connection to its last byte."""

_POLL_SECONDS: Final = 0.5
"""How often overdue requests are looked for; and the longest wait of `stop`."""

_ALLOWED_HOSTS: Final = {HOST, "localhost", "[::1]"}
"""Hosts that a request may name. A web page that has its own name point at this machine, to read
the numbers through somebody's browser, names another (DNS rebinding)."""


class MetricsServer:
    """Answers HTTP on a port of loopback, from `start` to `stop`, each called once."""

    def __init__(
        self,
        port: int,
        text: Callable[[], bytes],
        health_problem: Callable[[], str | None],
        log: EventLog,
    ) -> None:
        """Take the port; 0: any. `text` and `health_problem` are asked in the requests' threads.

        Raises `OSError` where the port can't be had.
        """
        self._server = _HttpServer((HOST, port), _RequestHandler)
        self._server.text = text
        self._server.health_problem = health_problem
        self._server.log = log
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), name="metrics", daemon=True
        )

    @property
    def port(self) -> int:
        """The port that is listened on."""
        port: int = self._server.socket.getsockname()[1]
        return port

    def start(self) -> None:
        """Answer from now on. Raises `RuntimeError` where no thread can be had."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port, break off requests under way, and wait for their threads."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.close_older_than(age=0.0)
        self._server.server_close()


class _HttpServer(ThreadingMixIn, TCPServer):
    """Not `http.server.HTTPServer`: that asks the resolver for a name, which may take its time."""

    allow_reuse_address = True
    daemon_threads = False  # so that server_close waits for them
    request_queue_size = 16
    text: Callable[[], bytes]
    health_problem: Callable[[], str | None]
    log: EventLog

    def __init__(self, *arguments: Any) -> None:
        self._open: dict[socket.socket, float] = {}
        """Requests under way, and since when."""
        self._open_lock = threading.Lock()
        super().__init__(*arguments)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        with self._open_lock:
            return len(self._open) < _MAX_REQUESTS

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open[request] = time.monotonic()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Called by `serve_forever` after each request and every `_POLL_SECONDS`."""
        super().service_actions()
        self.close_older_than(age=_REQUEST_TIMEOUT)

    def close_older_than(self, age: float) -> None:
        """End the connections that are as old as `age` in seconds; their threads then end."""
        now = time.monotonic()
        with self._open_lock:  # held: a request is closed only after it was taken out
            for request, since in self._open.items():
                if now - since >= age:
                    with suppress(OSError):  # the client was faster
                        request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Called within `except`. A client that went away or was broken off is no error."""
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            self.log.unexpected(error, "the metrics")


class _RequestHandler(BaseHTTPRequestHandler):
    server: _HttpServer
    timeout = _REQUEST_TIMEOUT
    server_version = "Lobby"
    sys_version = ""
    error_content_type = "text/plain; charset=utf-8"
    error_message_format = "%(code)d %(message)s\n"

    def do_GET(self) -> None:
        """Answer one of the two paths."""
        host = self.headers.get("Host", HOST)
        if host.rpartition(":")[0] not in _ALLOWED_HOSTS and host not in _ALLOWED_HOSTS:
            self.send_error(HTTPStatus.FORBIDDEN, "Ask for 127.0.0.1 or localhost")
            return
        match self.path.partition("?")[0]:
            case "/metrics":
                self._respond(HTTPStatus.OK, CONTENT_TYPE, self.server.text())
            case "/healthz":
                trouble = self.server.health_problem()
                status = HTTPStatus.OK if trouble is None else HTTPStatus.SERVICE_UNAVAILABLE
                body = f"{trouble or 'ok'}\n".encode()
                self._respond(status, "text/plain; charset=utf-8", body)
            case _:
                self.send_error(HTTPStatus.NOT_FOUND, "There are /metrics and /healthz")

    do_HEAD = do_GET  # noqa: N815 - http.server looks both up by these names

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: a look every few seconds would drown what matters."""

    def _respond(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
