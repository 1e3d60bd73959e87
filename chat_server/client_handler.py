"""One client in its own thread: handshake, login, session, close. Reads from top to bottom."""

from __future__ import annotations

import ssl
import time
from typing import Final

from chat_server.access import Place, PreLoginThrottle, SessionThrottle, TokenBucket
from chat_server.authenticator import (
    AuthAbandoned,
    Authenticated,
    AuthFailed,
    AuthThrottled,
    AuthTimedOut,
    Banned,
    ban_rejection,
)
from chat_server.client_input import ClientInput
from chat_server.commands import CommandContext
from chat_server.commands import registry as commands
from chat_server.core import (
    BackplaneUnavailableError,
    LoginBannedError,
    RejectReason,
    Session,
)
from chat_server.delivery import Outbox
from chat_server.escape import format_address
from chat_server.orderly_end import received_to
from chat_server.services import Services
from chat_server.wire import (
    CLIENT_LINE_LIMIT,
    InputLimitError,
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
"""Interval of the disconnect check while rate-limited."""

_MAX_BLANK_LINES: Final = 32
"""Most blank lines before the LOGIN line: a user may press Enter a few times."""

_MAX_BLANK_BYTES: Final = 2 * CLIENT_LINE_LIMIT
"""Most bytes before the LOGIN line is complete. Bytes behind it, in the same read, do not count: a
script may send its lines without a wait."""

_MAX_RUN: Final = 1000
"""Most messages that are published in one call of the hub. A read may hold 20,000 short ones."""

_CLIENT_HELLO: Final = b"\x16\x03"
"""The first bytes of a TLS client (RFC 8446, section 5.1). No LOGIN line starts with them."""


class ClientHandler:
    """One client, from its first line to its last. Its methods run in the client's own thread.

    Other threads use `outbox`, and `has_logged_in` after `run` has returned.
    """

    def __init__(self, stream: Stream, place: Place, services: Services) -> None:
        """Take over `stream`, which `run` closes. `place` was admitted; the caller releases it."""
        self._stream = stream
        self._throttle = stream.throttle = PreLoginThrottle(lambda: services.places.strangers)
        self._place = place
        self._host = place.host
        self._address = format_address(place.host, place.port)
        self._services = services
        self._input = ClientInput(stream)
        self._half_closed_at: float | None = None
        self._session: Session[Outbox] | None = None
        self.has_logged_in = False
        """True once the client has logged in. The server reads it only after `run` returns."""
        self.is_counted_by_login_throttle = False
        """True if the login was rejected, and the failed logins bound such connections already. The
        server reads it only after `run` returns."""
        self._login_deadline = time.monotonic() + services.config.login_timeout
        self.outbox = Outbox(stream, services.config.outbox, services.config.lag_threshold)
        place.evict = self._evict

    def run(self) -> None:
        """Serve the client until it is gone, then close the stream. Never raises."""
        log = self._services.log
        log.connected(self._address)
        try:
            if self._tls_handshake():
                self._send(encode_replies([replies.LOGIN_PROMPT]))
                self._session = self._log_in()
            if self._session is not None:
                self.has_logged_in = True
                self._throttle_session()
                log.authenticated(self._session.user)
                self._serve_session(self._session)
            self._close_gracefully()
        except OSError:
            pass  # a reset, in whatever state: it ends this client only
        except Exception as error:  # a defect here must not end the other clients
            log.unexpected(error, self._address)
        finally:
            self._end_session()
            self.outbox.close()
            if not self.has_logged_in:
                log.closed_before_login(self._address)

    def _evict(self, linger: bool) -> None:
        """Disconnect the client, which has not logged in, to make room for another. Any thread."""
        if linger:
            self._reject(replies.SERVER_FULL)
        else:
            self.outbox.abort()

    # Login

    def _tls_handshake(self) -> bool:
        """Do the TLS handshake on a TLS endpoint.

        Return False if it failed but an error was sent. Raises `OSError` if none can be sent.
        """
        log, stream = self._services.log, self._stream
        try:
            stream.handshake(self._services.config.tuning.tls_handshake_seconds)
        except (PlaintextPeerError, TimeoutError, InputLimitError) as error:
            match error:
                case TimeoutError():
                    why = "timed out"
                case InputLimitError():
                    why = "too much input"
                case _:
                    why = "plain text"
            log.handshake_failed(self._address, why)
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
        try:
            # Another server may have replied to a change of the password, or to a ban.
            self._services.hub.catch_up()
        except BackplaneUnavailableError:
            self._reject(replies.SERVERS_UNREACHABLE)
            return None
        if not self._services.places.start_verifying(self._place):
            return None
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
                self.is_counted_by_login_throttle = self._is_at_known_address()
                log.login_throttled(name, self._address)
                self._reject(replies.too_many_failures(retry_after))
            case AuthTimedOut(retry_after):
                self.is_counted_by_login_throttle = True  # the client waited for minutes
                log.login_waited_too_long(name, self._address)
                self._reject(replies.too_many_logins(retry_after))
            case AuthFailed():
                self.is_counted_by_login_throttle = self._is_at_known_address()
                log.login_failed(name, self._address)
                self._reject(replies.AUTHENTICATION_FAILED)
            case AuthAbandoned():
                pass
        return None

    def _is_at_known_address(self) -> bool:
        """Return True if users share this address with the client, as far as the server knows."""
        return self._services.authenticator.is_known_address(self._host)

    def _read_credentials(self) -> tuple[str, str] | None:
        """Read the name and password. Return None if there was no valid LOGIN line in time."""
        try:
            line = self._login_line()
        except InputLimitError:
            self._services.log.login_invalid(self._address)
            self._reject(replies.TOO_MUCH_BEFORE_LOGIN)
            return None
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
        is_operator = user in services.config.operators
        if not services.places.promote(
            self._place, is_operator=is_operator, has_session=services.hub.has_session(user)
        ):
            services.log.login_without_place(user, self._address)
            self._reject(replies.SERVER_FULL)
            return None
        available = commands.available_commands(is_operator, services.history)
        try:
            with services.delivery.batch():
                session = services.hub.log_in(user, self.outbox, available, self._host)
        except BackplaneUnavailableError:
            self._reject(replies.SERVERS_UNREACHABLE)
            return None
        except LoginBannedError as error:
            # TRAP: the ban may have ended since, so the list of bans does not say why.
            services.log.login_banned(user, self._address)
            self._reject(ban_rejection(error.ban))
            return None
        if session is not None:
            services.authenticator.session_started(user)
        else:
            # The account was removed or disabled while its hash was computed. If the server is
            # stopping instead, the hub has sent the last line, and this one is dropped.
            self._reject(replies.AUTHENTICATION_FAILED)
        return session

    def _login_line(self) -> str | None:
        """Return the first line that is not blank. Return None if none came, or an invalid one.

        Raises `InputLimitError` if the client sends too much before it.
        """
        blank_lines = blank_bytes = 0
        while True:
            while self._input.has_lines():
                raw = self._input.next_line()
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
                blank_lines += 1
                if blank_lines > _MAX_BLANK_LINES:
                    raise InputLimitError
            if blank_bytes > _MAX_BLANK_BYTES:
                raise InputLimitError
            if self._input.has_ended:
                return None
            # Computed before every read, so blank lines do not extend the time either.
            left = self._login_deadline - time.monotonic()
            try:
                if left <= 0:
                    raise TimeoutError
                data = self._input.read(left)
                if data.startswith(_CLIENT_HELLO):
                    self._services.log.login_invalid(self._address)
                    self._reject(replies.PLAINTEXT_ONLY)
                    return None
                blank_bytes += len(data)
            except TimeoutError:
                self._services.log.login_timed_out(self._address)
                self._reject(replies.LOGIN_TIMED_OUT)
                return None

    def _reject(self, reason: str) -> None:
        """Send an error as the last line."""
        self._services.places.stop_verifying(self._place)
        self._send(encode_error(reason), last=True)

    # Session

    def _throttle_session(self) -> None:
        """Replace the limits before the login by the one of a session."""
        config = self._services.config
        limited = config.input_rate > 0
        self._stream.throttle = (
            SessionThrottle(config.input_rate, config.input_burst) if limited else None
        )

    def _serve_session(self, session: Session[Outbox]) -> None:
        """Take line after line, at the client's rate, until the session or the input ends."""
        services = self._services
        context = CommandContext(session, services, services.delivery.batch(self.outbox))
        bucket = TokenBucket(services.config.rate, services.config.burst)
        while self._take_lines(context, bucket) and not self._input.has_ended:
            self._input.read()
        if self._input.ends_within_line():
            # Rejected: its meaning may differ from that of the full line.
            context.settle()
            with services.delivery.batch():
                context.reject(RejectReason.LINE_TRUNCATED)

    def _take_lines(self, context: CommandContext, bucket: TokenBucket) -> bool:
        """Process all complete lines. Consecutive messages are one run: one call of the hub.

        Return False if the session is over.
        """
        ended = context.session.ended
        run: list[str] = []
        with context.batch as batch:
            while self._input.has_lines() and not ended.is_set():
                wait = bucket.take()
                if wait:
                    self._publish(context, run)
                    batch.flush()
                    if not self._wait_for_token(context.session, wait):
                        return False
                text = self._process_line(context, self._input.next_line(), run)
                if text:
                    run.append(text)
                    if len(run) >= _MAX_RUN:
                        self._publish(context, run)
            self._publish(context, run)
        return not ended.is_set()

    def _process_line(
        self, context: CommandContext, raw: bytes | OversizeLine, run: list[str]
    ) -> str | None:
        """Return the text to publish (possibly empty). Return None if it was a command or invalid.

        The run is published before a reply to a later line, so that the order stays.
        """
        if isinstance(raw, OversizeLine):
            self._settle(context, run)
            context.reject(RejectReason.LINE_TOO_LONG)
            return None
        try:
            line = decode_line(raw)
        except UnicodeDecodeError:
            self._settle(context, run)
            context.reject(RejectReason.LINE_NOT_UTF8)
            return None
        parsed = parse_client_line(line)
        if isinstance(parsed, TextLine):
            return published_form(parsed.text)
        if parsed is not None:
            self._settle(context, run)
            commands.execute(context, parsed)
            context.batch.throttle_replies()
        return None

    @staticmethod
    def _publish(context: CommandContext, run: list[str]) -> None:
        """Publish a run of texts and empty it."""
        if run:
            context.batch.add(context.services.hub.publish(context.session, run))
            run.clear()

    def _settle(self, context: CommandContext, run: list[str]) -> None:
        """Publish a run, and wait until it and earlier ones are applied: a reply follows."""
        self._publish(context, run)
        context.settle()

    def _wait_for_token(self, session: Session[Outbox], seconds: float) -> bool:
        """Wait for `seconds`. Return False at once if the remaining lines are dropped.

        They are dropped after a forced logout, a shutdown or a reset, or once the client has been
        half-closed for `half_closed_seconds`.
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

    # Close

    def _close_gracefully(self) -> None:
        """End the session, flush its last lines, and close so that no reset discards them."""
        self._end_session()
        self._send(b"", last=True)
        if not self._input.has_ended:
            self._throttle.discard()
            # The flusher ends this loop `linger_seconds` after the last line was sent.
            while self._stream.recv():
                pass
        self._services.delivery.wait_flushed(self.outbox)

    def _end_session(self) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        hub, delivery, stream = self._services.hub, self._services.delivery, self._stream
        keeps_markers = self._services.history is not None and not session.ended.is_set()
        closed_in_order = self._input.has_ended and not stream.truncated
        read_to = None
        if keeps_markers and closed_in_order:
            read_to = received_to(hub, delivery, stream, self.outbox)
        with delivery.batch():
            hub.log_out(session, is_orderly=read_to is not None, read_to=read_to)
        self._services.authenticator.session_ended(session.user)
        if self.outbox.was_too_slow:
            self._services.log.slow_reader_cut(session.user)
        self._services.log.disconnected(session.user)

    def _send(self, data: bytes, *, last: bool = False) -> None:
        """Send outside a session: before the login and at the very end."""
        with self._services.delivery.batch():
            self._services.delivery.deliver((self.outbox,), data, last)


def _describe_error(error: OSError) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return error.strerror or str(error)
