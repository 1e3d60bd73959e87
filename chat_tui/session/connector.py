"""Connector: from dialing a server to a connection with a trusted key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from chat_tui import events
from chat_tui.account import Account, Address
from chat_tui.events import KeyChanged, KeyUnknown, SignInFailed, TrustDecision
from chat_tui.storage import KnownServers, KnownServersError
from chat_tui.transport import (
    ChangedKey,
    Connected,
    ConnectFailed,
    Connection,
    Dialer,
    UnknownKey,
    Wakeup,
)


class Connector:
    """One attempt after another to connect, and the trust decision. Called by the screen's thread.

    It sends nothing of the login. A `Connected` outcome is a connection to a trusted server.
    """

    def __init__(self, known: KnownServers, wake: Callable[[], None]) -> None:
        """`wake` is called from another thread when `outcome` has a result."""
        self._known = known
        self._wake = wake
        self._account: Account | None = None
        self._siblings: Sequence[Address] = ()
        self._dialer: Dialer | None = None
        self._unknown_key: str | None = None  # the fingerprint that the user is asked about

    def dial(self, account: Account, siblings: Sequence[Address] = ()) -> SignInFailed | None:
        """Start an attempt. Return why it cannot start, or None.

        `siblings`: the other servers of the same chat. The key of a trusted one is trusted here.
        """
        self._account = account
        self._siblings = siblings
        try:
            self._dialer = Dialer(
                account.host, account.port, self._wake, self._known, plaintext=account.plaintext
            )
        except RuntimeError as error:
            return events.SignInFailed(f"Can't start a thread to connect: {error}", retry=True)
        return None

    def outcome(self) -> Connected | SignInFailed | KeyUnknown | KeyChanged | None:
        """Return the outcome of the attempt, once. None while it is under way.

        After a `KeyUnknown`, call `trust`.
        """
        account = self._account
        outcome = self._dialer.outcome() if self._dialer is not None else None
        if outcome is None or account is None:
            return None
        self._dialer = None
        match outcome:
            case ConnectFailed(reason, retry, untrusted):
                return SignInFailed(reason, retry, untrusted=untrusted)
            case UnknownKey(fingerprint, why):
                try:
                    address = account.host, account.port
                    if self._known.trust_like(address, self._siblings, fingerprint):
                        return self.dial(account, self._siblings)
                except KnownServersError as error:
                    return _not_sent(error)
                self._unknown_key = fingerprint
                return KeyUnknown(account.server, fingerprint, why)
            case ChangedKey(trusted, seen, pinned):
                return KeyChanged(account.server, trusted, seen, pinned)
            case Connected(stream, fingerprint="") if not account.plaintext:
                try:
                    encrypts = any(self._known.trusted(*other) for other in self._siblings)
                except KnownServersError as error:
                    stream.finish_and_close()
                    return _not_sent(error)
                if encrypts:  # never downgrade: a trusted server of this chat has a key
                    stream.finish_and_close()
                    reason = (
                        f"{account.server} does not encrypt, but another server of this chat has "
                        "a trusted key. Nothing was sent"
                    )
                    return SignInFailed(reason, retry=True)
        return outcome

    def trust(self, decision: TrustDecision) -> SignInFailed | None:
        """Answer a `KeyUnknown`: dial again and accept only that key, or reject the server.

        Return why no attempt starts, or None. No effect if there is no open question.
        """
        account, fingerprint = self._account, self._unknown_key
        self._unknown_key = None
        if account is None or fingerprint is None:
            return None
        try:
            if decision is TrustDecision.ALWAYS:
                self._known.pin(account.host, account.port, fingerprint)
            elif decision is TrustDecision.ONCE:
                self._known.trust_once(account.host, account.port, fingerprint)
            else:
                reason = "Nothing was sent: you did not confirm the server's key"
                return events.SignInFailed(reason, retry=False, untrusted=True)
        except KnownServersError as error:
            return _not_sent(error)
        return self.dial(account, self._siblings)

    def cancel(self) -> None:
        """Cancel the attempt under way, and drop the open question."""
        if self._dialer is not None:
            self._dialer.cancel()
        self._dialer = self._unknown_key = None


def _not_sent(error: KnownServersError) -> SignInFailed:
    return SignInFailed(f"Nothing was sent: {error}", retry=False, untrusted=True)


def open_connection(
    connected: Connected, wakeup: Wakeup, clock: Callable[[], float]
) -> Connection | SignInFailed:
    """Return the connection for a `Connected` outcome, or why it cannot start."""
    try:
        return Connection(connected.stream, wakeup, clock)
    except RuntimeError as error:
        return events.SignInFailed(f"Can't start the writer thread: {error}", retry=True)


def resolved_account(account: Account, reached: Connected) -> Account:
    """Return the account as connected, without the password. The port may be another one."""
    return replace(account, port=reached.port, password="", plaintext=not reached.fingerprint)
