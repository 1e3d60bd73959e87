"""The HTTP server for /metrics and /healthz, on loopback only.

One thread accepts. Each request has its own thread, for a bounded time, and the number of requests
at once is bounded. So a client that sends slowly cannot hold a thread for ever.
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
"""Metrics reveal how busy the users are and when, so they are not for the network."""

_MAX_REQUESTS: Final = 8
"""Most requests at once. Further ones are closed unread. Prometheus and a health check need two."""

_REQUEST_TIMEOUT: Final = 10.0
"""For a whole request, from its connection to its last byte."""

_POLL_SECONDS: Final = 0.5
"""Interval between two searches for overdue requests, and the longest wait of `stop`."""

_ALLOWED_HOSTS: Final = {HOST, "localhost", "[::1]"}
"""Hosts that a request may name. In a DNS rebinding attack, a web page points its own name at this
machine to read the metrics through a browser on it. Such a request names another host."""


class MetricsServer:
    """An HTTP server on a port of loopback, from `start` to `stop`, each called once."""

    def __init__(
        self,
        port: int,
        text: Callable[[], bytes],
        health_problem: Callable[[], str | None],
        log: EventLog,
    ) -> None:
        """Bind the port; 0 means any. The threads of the requests call `text` and `health_problem`.

        Raises `OSError` if the port cannot be bound.
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
        """The port that the server listens on."""
        port: int = self._server.socket.getsockname()[1]
        return port

    def start(self) -> None:
        """Start to answer requests. Raises `RuntimeError` if no thread can be started."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port, abort open requests, and wait for their threads."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.close_older_than(age=0.0)
        self._server.server_close()


class _HttpServer(ThreadingMixIn, TCPServer):
    """A threading HTTP server. `http.server.HTTPServer` would resolve a name, which may block."""

    allow_reuse_address = True
    daemon_threads = False  # server_close waits for them
    request_queue_size = 16
    text: Callable[[], bytes]
    health_problem: Callable[[], str | None]
    log: EventLog

    def __init__(self, *arguments: Any) -> None:
        self._open: dict[socket.socket, float] = {}
        """Open requests, with the time of their connection."""
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
        """Shut down connections that are at least `age` seconds old. Their threads then end."""
        now = time.monotonic()
        with self._open_lock:  # a request is removed before it is closed, so none here is closed
            for request, since in self._open.items():
                if now - since >= age:
                    with suppress(OSError):  # the client has already closed it
                        request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log an error; called within `except`. A closed or aborted connection is not an error."""
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            self.log.unexpected(error, "the metrics server")


class _RequestHandler(BaseHTTPRequestHandler):
    server: _HttpServer
    timeout = _REQUEST_TIMEOUT
    server_version = "Lobby"
    sys_version = ""
    error_content_type = "text/plain; charset=utf-8"
    error_message_format = "%(code)d %(message)s\n"

    def do_GET(self) -> None:
        """Answer a request for one of the two paths."""
        host = self.headers.get("Host", HOST)
        if host.rpartition(":")[0] not in _ALLOWED_HOSTS and host not in _ALLOWED_HOSTS:
            self.send_error(HTTPStatus.FORBIDDEN, "Use 127.0.0.1 or localhost as the host")
            return
        match self.path.partition("?")[0]:
            case "/metrics":
                self._respond(HTTPStatus.OK, CONTENT_TYPE, self.server.text())
            case "/healthz":
                problem = self.server.health_problem()
                status = HTTPStatus.OK if problem is None else HTTPStatus.SERVICE_UNAVAILABLE
                body = f"{problem or 'ok'}\n".encode()
                self._respond(status, "text/plain; charset=utf-8", body)
            case _:
                self.send_error(HTTPStatus.NOT_FOUND, "Use /metrics or /healthz")

    do_HEAD = do_GET  # noqa: N815 - http.server looks both up by these names

    def log_message(self, format: str, *arguments: Any) -> None:
        """Log nothing: a request every few seconds would hide the lines that matter."""

    def _respond(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
