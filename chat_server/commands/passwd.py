"""`/passwd <old> <new>`: a user gives the own account another password (section 3)."""

from __future__ import annotations

from typing import Final

from chat_server.accounts.demo import DEMO_PASSWORD
from chat_server.accounts.file_format import FileBusyError, UsersFileError
from chat_server.accounts.hash_pool import Verdict, password_problem
from chat_server.commands.context import Asker
from chat_server.wire import replies

_PATIENCE: Final = 2.0
"""Seconds to wait for whoever else changes the accounts."""

_TRIES: Final = 3
"""The stored hash may be another by the time it is to be replaced: its cost was raised after the
login, or somebody changed the account. Then the old password is checked once more."""


def change_password(asker: Asker, words: tuple[str, ...]) -> None:
    """Run the command in its client's own thread; `words` are the old password and the new one.

    Blocks for two hashes and a write. Neither word gets into an answer or into the log, whatever
    goes wrong.
    """
    # What was said before must not wait in the queue for our hashes.
    asker.shared.delivery.drain()
    old, new = words
    try:
        problem = _problem(new) or _change(asker, old, new)
    except Exception as error:
        # Not its own words: they might hold what it was given.
        named = RuntimeError(type(error).__name__).with_traceback(error.__traceback__)
        asker.shared.log.unexpected(named, f"the password change of {asker.session.user}")
        problem = replies.PASSWORD_NOT_STORED
    if problem is not None:
        asker.shared.hub.fail(asker.session, problem)


def _problem(new: str) -> str | None:
    if new == DEMO_PASSWORD:
        return replies.DEMO_PASSWORD_REFUSED
    return password_problem(new)


def _change(asker: Asker, old: str, new: str) -> str | None:
    """Change it and say so. Returns why it can't be done, if somebody waits for an answer."""
    shared, user, host = asker.shared, asker.session.user, asker.host
    new_hash: str | None = None

    def wanted() -> bool:
        return not asker.session.ended.is_set()

    for _ in range(_TRIES):
        checked = shared.accounts.hash_of(user)
        if checked is None:  # disabled or removed: this session is about to end
            return None
        answer = shared.passwords.check(
            old,
            checked,
            shared.accounts.highest_cost,
            admit=lambda: shared.throttle.retry_after(host),
            wanted=wanted,
            on_wrong=lambda: shared.throttle.failed(host),
        )
        match answer.outcome:
            case Verdict.THROTTLED:
                shared.log.throttled_password_change(user, host)
                return replies.too_many_failures(answer.retry_after)
            case Verdict.WRONG:
                shared.log.failed_password_change(user, host)
                return replies.WRONG_PASSWORD
            case Verdict.ABANDONED:
                return None
        if new_hash is None:
            new_hash = shared.passwords.make(new, shared.config.bcrypt_cost, wanted=wanted)
        if new_hash is None:
            return None
        try:
            if shared.accounts.change_hash(
                user, checked, new_hash, wanted=wanted, patience=_PATIENCE
            ):
                shared.log.password_changed(user)
                shared.hub.reply(asker.session, [replies.PASSWORD_CHANGED])
                return None
        except FileBusyError:
            return replies.ACCOUNTS_BUSY
        except UsersFileError as error:
            shared.log.password_not_stored(user, str(error))
            return replies.PASSWORD_NOT_STORED
        if not wanted():
            return None
    return replies.ACCOUNTS_BUSY
