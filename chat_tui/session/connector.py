"""Approach: the way to one server, from dialling to a connection whose other end is trusted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from chat_tui import events
from chat_tui.account import Account
from chat_tui.events import KeyChanged, KeyUnknown, SignInRefused, Trust
from chat_tui.storage.known_servers import KnownServers, KnownServersError
from chat_tui.transport.dialer import Dialling
from chat_tui.transport.outcome import ChangedKey, NotReached, Reached, UnknownKey


class Approach:
    """One try after another, and the question about a key. The screen's thread calls it.

    Nothing of a login is sent in here: what it gives is a connection to a server that is trusted.
    """

    def __init__(self, known: KnownServers, ring: Callable[[], None]) -> None:
        """`ring` is called from a thread when `outcome` has something."""
        self._known = known
        self._ring = ring
        self._account: Account | None = None
        self._dialling: Dialling | None = None
        self._unknown: str | None = None  # the fingerprint that somebody is asked about

    def dial(self, account: Account) -> SignInRefused | None:
        """Begin. Gives why not, where that is so."""
        self._account = account
        try:
            self._dialling = Dialling(
                account.host, account.port, self._ring, self._known, plaintext=account.plaintext
            )
        except RuntimeError as problem:
            return events.SignInRefused(f"No thread to dial with: {problem}", retry=True)
        return None

    def outcome(self) -> Reached | SignInRefused | KeyUnknown | KeyChanged | None:
        """What came of it, once; None as long as it is open. A `KeyUnknown` wants a `trust`."""
        account = self._account
        outcome = self._dialling.outcome() if self._dialling is not None else None
        if outcome is None or account is None:
            return None
        self._dialling = None
        match outcome:
            case NotReached(reason, retry, untrusted):
                return SignInRefused(reason, retry, untrusted=untrusted)
            case UnknownKey(fingerprint, why):
                self._unknown = fingerprint
                return KeyUnknown(account.server, fingerprint, why)
            case ChangedKey(trusted, seen, pinned):
                return KeyChanged(account.server, trusted, seen, pinned)
        return outcome

    def trust(self, answer: Trust) -> SignInRefused | None:
        """The answer to a `KeyUnknown`: dial again, when only that key will do, or do not.

        Why not is what it gives. Nothing happens where nothing was asked.
        """
        account, fingerprint = self._account, self._unknown
        self._unknown = None
        if account is None or fingerprint is None:
            return None
        try:
            if answer is Trust.ALWAYS:
                self._known.pin(account.host, account.port, fingerprint)
            elif answer is Trust.ONCE:
                self._known.trust_once(account.host, account.port, fingerprint)
            else:
                words = "Nothing was sent: you did not say that this is the server's key"
                return events.SignInRefused(words, retry=False, untrusted=True)
        except KnownServersError as problem:
            words = f"Nothing was sent: {problem}"
            return events.SignInRefused(words, retry=False, untrusted=True)
        return self.dial(account)

    def cancel(self) -> None:
        """Give up what is under way, the question too."""
        if self._dialling is not None:
            self._dialling.cancel()
        self._dialling = self._unknown = None


def really(account: Account, reached: Reached) -> Account:
    """Who signs in where, as it turned out, without the password: the port may be another one."""
    return replace(account, port=reached.port, password="", plaintext=not reached.fingerprint)
