"""Approach: the way to one server, from dialling to a connection whose other end is trusted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from chat_tui import events
from chat_tui.account import Account
from chat_tui.events import KeyChanged, KeyUnknown, SignInFailed, TrustDecision
from chat_tui.storage import KnownServers, KnownServersError
from chat_tui.transport import ChangedKey, Connected, ConnectFailed, Dialer, UnknownKey


class Connector:
    """One try after another, and the question about a key. The screen's thread calls it.

    Nothing of a login is sent in here: what it gives is a connection to a server that is trusted.
    """

    def __init__(self, known: KnownServers, wake: Callable[[], None]) -> None:
        """`ring` is called from a thread when `outcome` has something."""
        self._known = known
        self._wake = wake
        self._account: Account | None = None
        self._dialer: Dialer | None = None
        self._unknown_key: str | None = None  # the fingerprint that somebody is asked about

    def dial(self, account: Account) -> SignInFailed | None:
        """Begin. Gives why not, where that is so."""
        self._account = account
        try:
            self._dialer = Dialer(
                account.host, account.port, self._wake, self._known, plaintext=account.plaintext
            )
        except RuntimeError as problem:
            return events.SignInFailed(f"No thread to dial with: {problem}", retry=True)
        return None

    def outcome(self) -> Connected | SignInFailed | KeyUnknown | KeyChanged | None:
        """What came of it, once; None as long as it is open. A `KeyUnknown` wants a `trust`."""
        account = self._account
        outcome = self._dialer.outcome() if self._dialer is not None else None
        if outcome is None or account is None:
            return None
        self._dialer = None
        match outcome:
            case ConnectFailed(reason, retry, untrusted):
                return SignInFailed(reason, retry, untrusted=untrusted)
            case UnknownKey(fingerprint, why):
                self._unknown_key = fingerprint
                return KeyUnknown(account.server, fingerprint, why)
            case ChangedKey(trusted, seen, pinned):
                return KeyChanged(account.server, trusted, seen, pinned)
        return outcome

    def trust(self, decision: TrustDecision) -> SignInFailed | None:
        """The answer to a `KeyUnknown`: dial again, when only that key will do, or do not.

        Why not is what it gives. Nothing happens where nothing was asked.
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
                words = "Nothing was sent: you did not say that this is the server's key"
                return events.SignInFailed(words, retry=False, untrusted=True)
        except KnownServersError as problem:
            words = f"Nothing was sent: {problem}"
            return events.SignInFailed(words, retry=False, untrusted=True)
        return self.dial(account)

    def cancel(self) -> None:
        """Give up what is under way, the question too."""
        if self._dialer is not None:
            self._dialer.cancel()
        self._dialer = self._unknown_key = None


def resolved_account(account: Account, reached: Connected) -> Account:
    """Who signs in where, as it turned out, without the password: the port may be another one."""
    return replace(account, port=reached.port, password="", plaintext=not reached.fingerprint)
