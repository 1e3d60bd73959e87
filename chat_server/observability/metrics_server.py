"""The HTTP server for /metrics and /healthz, on loopback only.

`HttpListener` has the connections. This module has the paths and what they answer.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from io import BufferedReader, BytesIO
from typing import Any, Final

from chat_server.observability.event_log import EventLog
from chat_server.observability.http_listener import HOST, MAX_REQUEST_BYTES, HttpListener
from chat_server.observability.metrics import CONTENT_TYPE

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
        degradation: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Bind the port; 0 means any. Its thread calls the three callables.

        None may block. `health_problem` says why the server cannot serve, `degradation` why a part
        of it does not work while the chat does. Raises `OSError` if the port cannot be bound.
        """
        self._text = text
        self._health_problem = health_problem
        self._degradation = degradation
        self._log = log
        self._listener = HttpListener(port, self._respond)

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        return self._listener.port

    def start(self) -> None:
        """Start to answer requests. Raises `RuntimeError` if no thread can be started."""
        self._listener.start()

    def stop(self) -> None:
        """Close the port, abort open requests, and wait for the thread."""
        self._listener.stop()

    def _health(self) -> tuple[HTTPStatus, str]:
        """Return the status and the text of /healthz.

        A degraded server has status 200: it serves the chat, and a restart by what watches the
        status would end the sessions without helping.
        """
        problem = self._health_problem()
        if problem is not None:
            return HTTPStatus.SERVICE_UNAVAILABLE, problem
        degradation = self._degradation()
        return HTTPStatus.OK, "ok" if degradation is None else f"degraded: {degradation}"

    def _respond(self, request: bytes) -> bytes:
        """Return the response to a request. The listener's thread."""
        try:
            return _RequestHandler(request, self._text, self._health).response
        except Exception as error:
            self._log.unexpected(error, "the metrics server")
            return b""


class _RequestHandler(BaseHTTPRequestHandler):
    """Parses one request, which has already arrived, and writes the response to memory."""

    server_version = "Lobby"
    sys_version = ""
    error_content_type = "text/plain; charset=utf-8"
    error_message_format = "%(code)d %(message)s\n"

    def __init__(
        self,
        request: bytes,
        text: Callable[[], bytes],
        health: Callable[[], tuple[HTTPStatus, str]],
    ) -> None:
        self._text = text
        self._health = health
        self.client_address = (HOST, 0)
        self.rfile = BufferedReader(BytesIO(request))
        self.wfile = self._written = BytesIO()
        if len(request) > MAX_REQUEST_BYTES:
            self._reject_too_long()
        else:
            self.handle_one_request()

    @property
    def response(self) -> bytes:
        """The whole response; empty if the request was none."""
        return self._written.getvalue()

    def _reject_too_long(self) -> None:
        self.command = self.requestline = ""
        self.request_version = "HTTP/1.0"
        self.send_error(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            f"The request line and the headers are limited to {MAX_REQUEST_BYTES} bytes",
        )

    def do_GET(self) -> None:
        """Answer a request for one of the two paths."""
        host = self.headers.get("Host", HOST)
        if host.rpartition(":")[0] not in _ALLOWED_HOSTS and host not in _ALLOWED_HOSTS:
            self.send_error(HTTPStatus.FORBIDDEN, "Use 127.0.0.1 or localhost as the host")
            return
        match self.path.partition("?")[0]:
            case "/metrics":
                self._respond(HTTPStatus.OK, CONTENT_TYPE, self._text())
            case "/healthz":
                status, text = self._health()
                self._respond(status, "text/plain; charset=utf-8", f"{text}\n".encode())
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
