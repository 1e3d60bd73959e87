"""Changes of the users file while the server runs: sessions end, and the history is notified."""

from __future__ import annotations

from collections.abc import Callable

from chat_server.accounts import AccountStore
from chat_server.core import EndCause, EndNotice
from chat_server.history import HistoryService
from chat_server.services import Services


class AccountReload:
    """Applies changes of the users file. Only the main thread uses it."""

    def __init__(
        self,
        services: Services,
        accounts: AccountStore,
        history: HistoryService | None,
        report_exposure: Callable[[], None],
    ) -> None:
        """`report_exposure` is called after a change: the modes of the files may differ, too."""
        self._services = services
        self._accounts = accounts
        self._history = history
        self._report_exposure = report_exposure
        self._must_match_history = False
        """True after a change of the users file that the history has not seen yet."""

    def run(self) -> None:
        """Read the users file again if it has changed.

        End the sessions of removed accounts, of those with another name and of disabled ones, each
        with its last line (protocol, section 2).
        """
        services, log = self._services, self._services.log
        change = self._accounts.reload_if_changed()
        if change.error is not None:
            log.users_broken(change.error)
        if change.count is not None:
            log.users_reloaded(change.count)
            self._report_exposure()
        services.authenticator.accounts_changed()
        removed, renamed = change.removed, change.renamed
        if self._history is None:
            removed, renamed = removed | renamed.keys(), {}
        if change.count is None and not (removed or renamed or change.disabled):
            self._match_history()
            return
        self._must_match_history = True
        # The new accounts are in use already, so no removed user can log in behind this.
        disabled = EndNotice(EndCause.ACCOUNT_DISABLED)
        with services.delivery.batch():
            for user in services.hub.rename_users(renamed):
                log.account_removed(user)
            for user in services.hub.remove_users(removed):
                log.account_removed(user)
            for user in services.hub.end_sessions(change.disabled, disabled):
                log.account_disabled(user)

    def _match_history(self) -> None:
        """Let the history compare its accounts with the users file after a change of that.

        Only once nothing has changed since the last check: a change of an account may be two
        writes, and in between the account seems to be another one.
        """
        if self._must_match_history and self._history is not None:
            self._must_match_history = False
            self._history.accounts_changed()
