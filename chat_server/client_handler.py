"""The life of one client, told top to bottom in its own thread: greet, log in, converse, part."""

from __future__ import annotations

import ssl
import time
from collections import deque
from typing import Final

from chat_server.access import TokenBucket
from chat_server.authenticator import (
    AuthAbandoned,
    Authenticated,
    AuthFailed,
    AuthThrottled,
    Banned,
)
from chat_server.commands import CommandContext
from chat_server.commands import registry as commands
from chat_server.core import Session
from chat_server.delivery import Outbox
from chat_server.escape import format_address
from chat_server.services import Services
from chat_server.wire import (
    CLIENT_LINE_LIMIT,
    LineBuffer,
    OversizeLine,
    PlaintextPeerError,
    Stream,
    TextLine,
    decode_line,
    encode_error,
    encode_replies,
    parse_client_line,
    published_form,
    replies,
    split_words,
)

_POLL_SECONDS: Final = 0.1
"""While a client waits for its allowance: how often its thread looks whether it is still there."""

_CLIENT_HELLO: Final = b"\x16\x03"
"""How a client begins that wants TLS (RFC 8446, section 5.1); no LOGIN line has these bytes."""


class ClientHandler:
    """One client, from its first line to its last. All methods but `outbox` run in its thread."""

    def __init__(self, stream: Stream, host: str, port: int, services: Services) -> None:
        """`host` and `port`: where the client comes from. Owns `stream` from now on."""
        self._stream = stream
        self._host = host
        self._address = format_address(host, port)
        self._services = services
        self._buffer = LineBuffer(CLIENT_LINE_LIMIT)
        self._lines: deque[bytes | OversizeLine] = deque()
        self._input_ended = False
        self._half_closed_at: float | None = None
        self._session: Session[Outbox] | None = None
        self._recipients: list[tuple[Outbox, ...]] = []
        """Who got something of the batch at hand, as the hub said it."""
        self.has_logged_in = False
        """Whether it has ever logged in. Of meaning to others once `run` has returned."""
        self._login_deadline = time.monotonic() + services.config.login_timeout
        self.outbox = Outbox(stream, services.config.outbox, services.config.lag_threshold)

    def run(self) -> None:
        """Tell the whole life. Never raises; the stream is closed at the end."""
        log = self._services.log
        log.connected(self._address)
        try:
            if self._tls_handshake():
                self._send(encode_replies([replies.LOGIN_PROMPT]))
                self._session = self._log_in()
            if self._session is not None:
                self.has_logged_in = True
                log.authenticated(self._session.user)
                self._converse(self._session)
            self._close_gracefully()
        except OSError:
            pass  # reset in whatever state it was: the end of this client and of nobody else
        except Exception as error:  # a defect here must not take the others along
            log.unexpected(error, self._address)
        finally:
            self._end_session()
            self.outbox.close()
            if not self.has_logged_in:
                log.closed_before_login(self._address)

    # Login

    def _tls_handshake(self) -> bool:
        """Agree on keys, where that has to be; False where the client can only be told why not.

        Raises `OSError` where it can't even be told.
        """
        log, stream = self._services.log, self._stream
        try:
            stream.handshake(self._services.config.tuning.tls_handshake_seconds)
        except (PlaintextPeerError, TimeoutError) as error:
            late = isinstance(error, TimeoutError)
            log.handshake_failed(self._address, "timed out" if late else "plain text")
            stream.fall_back_to_plaintext()
            self._reject(replies.TLS_ONLY)
            return False
        except OSError as error:
            log.handshake_failed(self._address, _describe_error(error))
            raise
        return True

    def _log_in(self) -> Session[Outbox] | None:
        """Read the LOGIN line and start a session. Return None if the login was rejected."""
        credentials = self._read_credentials()
        if credentials is None:
            return None
        name, password = credentials
        log = self._services.log
        result = self._services.authenticator.authenticate(
            name, password, self._host, lambda: not self._stream.peer_is_gone()
        )
        match result:
            case Authenticated(user, verified_hash):
                session = self._start_session(user)
                if session is not None:
                    self._services.rehasher.offer(user, password, verified_hash)
                return session
            case Banned(rejection):
                log.login_banned(name, self._address)
                self._reject(rejection)
            case AuthThrottled(retry_after):
                log.login_throttled(name, self._address)
                self._reject(replies.too_many_failures(retry_after))
            case AuthFailed():
                log.login_failed(name, self._address)
                self._reject(replies.AUTHENTICATION_FAILED)
            case AuthAbandoned():
                pass
        return None

    def _read_credentials(self) -> tuple[str, str] | None:
        """Read the name and password. Return None if there was no valid LOGIN line in time."""
        line = self._login_line()
        if line is None:
            return None
        match split_words(line):
            case ["LOGIN", name, password]:
                return name, password
        self._services.log.login_invalid(self._address)
        self._reject(replies.INVALID_LOGIN_FORMAT)
        return None

    def _start_session(self, user: str) -> Session[Outbox] | None:
        """Start the session of an authenticated user. Return None if the hub rejects it."""
        services = self._services
        available = commands.available_commands(user in services.config.operators)
        session = services.hub.log_in(user, self.outbox, available, self._host)
        services.delivery.drain()
        if session is None:
            rejection = services.authenticator.ban_rejection(user, self._host)
            if rejection is not None:
                services.log.login_banned(user, self._address)
                self._reject(rejection)
            else:
                # The account was removed or disabled while its hash was computed. If the server is
                # stopping instead, the hub has sent the last line, and this one is dropped.
                self._reject(replies.AUTHENTICATION_FAILED)
        return session

    def _login_line(self) -> str | None:
        """The first line that is not blank; None where there came none in time, or no good one."""
        while True:
            while self._lines:
                raw = self._lines.popleft()
                if isinstance(raw, OversizeLine):
                    self._reject(replies.LINE_TOO_LONG)
                    return None
                try:
                    line = decode_line(raw)
                except UnicodeDecodeError:
                    self._reject(replies.LINE_NOT_UTF8)
                    return None
                if line:
                    return line
            if self._input_ended:
                return None
            # Asked before every read: blank lines that keep coming buy no time either.
            left = self._login_deadline - time.monotonic()
            try:
                if left <= 0:
                    raise TimeoutError
                if self._read(left).startswith(_CLIENT_HELLO):
                    self._services.log.login_invalid(self._address)
                    self._reject(replies.PLAINTEXT_ONLY)
                    return None
            except TimeoutError:
                self._services.log.login_timed_out(self._address)
                self._reject(replies.LOGIN_TIMED_OUT)
                return None

    def _reject(self, reason: str) -> None:
        self._send(encode_error(reason), last=True)

    # Conversation

    def _converse(self, session: Session[Outbox]) -> None:
        """Take line after line, as the allowance admits, until the session or the input ends."""
        config = self._services.config
        allowance = TokenBucket(config.rate, config.burst)
        while self._take_lines(session, allowance) and not self._input_ended:
            self._read()
        if self._buffer.finish():  # half of something, which may mean something else
            self._services.hub.reply_error(session, replies.LINE_CUT_SHORT)

    def _take_lines(self, session: Session[Outbox], allowance: TokenBucket) -> bool:
        """Everything that has come: runs of messages share one look at the hub and one fan-out.

        Returns whether the conversation goes on.
        """
        delivery = self._services.delivery
        run: list[str] = []
        self._recipients = [(self.outbox,)]
        while self._lines and not session.ended.is_set():
            wait = allowance.take()
            if wait:
                self._publish(session, run)
                delivery.drain()
                if not self._wait_for_allowance(session, wait):
                    return False
            text = self._process_line(session, self._lines.popleft(), run)
            if text:
                run.append(text)
        self._publish(session, run)
        delivery.drain()
        delivery.throttle(self._recipients)
        return not session.ended.is_set()

    def _process_line(
        self, session: Session[Outbox], raw: bytes | OversizeLine, run: list[str]
    ) -> str | None:
        """What a line publishes. Anything else is answered, after the run that came before it."""
        hub = self._services.hub
        if isinstance(raw, OversizeLine):
            self._publish(session, run)
            hub.reply_error(session, replies.LINE_TOO_LONG)
            return None
        try:
            line = decode_line(raw)
        except UnicodeDecodeError:
            self._publish(session, run)
            hub.reply_error(session, replies.LINE_NOT_UTF8)
            return None
        parsed = parse_client_line(line)
        if isinstance(parsed, TextLine):
            return published_form(parsed.text)
        if parsed is not None:
            self._publish(session, run)
            self._record_recipients(commands.execute(self._command_context(session), parsed))
            self._throttle_own_replies()
        return None

    def _command_context(self, session: Session[Outbox]) -> CommandContext:
        return CommandContext(session, self._host, self._services)

    def _publish(self, session: Session[Outbox], run: list[str]) -> None:
        """Hand a run of texts to the hub and empty it; remember who gets them."""
        if run:
            self._record_recipients(self._services.hub.publish(session, run))
            run.clear()
            self._services.delivery.apply_backpressure()

    def _record_recipients(self, recipients: tuple[Outbox, ...] | None) -> None:
        """Remember who gets something of this batch."""
        if recipients and recipients is not self._recipients[-1]:
            self._recipients.append(recipients)

    def _throttle_own_replies(self) -> None:
        """One read may ask for more answers than an outbox holds: give its reader time to read."""
        delivery = self._services.delivery
        delivery.apply_backpressure()
        if self.outbox.needs_attention:
            delivery.drain()
            delivery.throttle([(self.outbox,)])

    def _wait_for_allowance(self, session: Session[Outbox], seconds: float) -> bool:
        """Sit out `seconds`; False at once where the rest of what came is not to be taken.

        That is at a forced logout, a shutdown or a reset; and when the client closed its side in
        an orderly way more than `half_closed_seconds` ago.
        """
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if session.ended.wait(min(left, _POLL_SECONDS)) or self._stream.peer_is_gone():
                return False
            if self._stream.peer_has_finished():
                now = time.monotonic()
                if self._half_closed_at is None:
                    self._half_closed_at = now
                if now - self._half_closed_at > self._services.config.tuning.half_closed_seconds:
                    return False
        return True

    # Parting

    def _close_gracefully(self) -> None:
        """End the session, get its last lines out, and close without resetting them away."""
        self._end_session()
        self._send(b"", last=True)
        if not self._input_ended:
            # The flusher ends this wait `linger_seconds` after the last line went out.
            while self._stream.recv():
                pass
        self._services.delivery.wait_flushed(self.outbox)

    def _end_session(self) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        self._services.hub.log_out(session)
        self._services.delivery.drain()
        if self.outbox.was_too_slow:
            self._services.log.slow_reader_cut(session.user)
        self._services.log.disconnected(session.user)

    # Lines in, lines out

    def _read(self, timeout: float | None = None) -> bytes:
        """Block for more input; returns it, too. Raises `TimeoutError`, `OSError` at a reset."""
        data = self._stream.recv(timeout)
        if data:
            self._lines.extend(self._buffer.feed(data))
        else:
            self._input_ended = True
            if not self._stream.cut_short:
                self._lines.extend(self._buffer.finish())
        return data

    def _send(self, data: bytes, *, last: bool = False) -> None:
        """Send outside a session: before login, and at the very end."""
        self._services.delivery.deliver((self.outbox,), data, last)
        self._services.delivery.drain()


def _describe_error(error: OSError) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return error.strerror or str(error)
