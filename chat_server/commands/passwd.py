"""`/passwd <old> <new>`: a user gives the own account another password (section 3)."""

from __future__ import annotations

from typing import Final

from chat_server.accounts import (
    DEMO_PASSWORD,
    CheckStatus,
    UsersFileConflictError,
    UsersFileError,
)
from chat_server.commands.context import CommandContext
from chat_server.wire import password_problem, replies

_LOCK_TIMEOUT: Final = 2.0
"""Seconds to wait for whoever else changes the accounts."""

_MAX_ATTEMPTS: Final = 3
"""The stored hash may be another by the time it is to be replaced: its cost was raised after the
login, or somebody changed the account. Then the old password is checked once more."""


def change_password(context: CommandContext, arguments: tuple[str, ...]) -> None:
    """Run the command in its client's own thread; `words` are the old password and the new one.

    Blocks for two hashes and a write. Neither word gets into an answer or into the log, whatever
    goes wrong.
    """
    # What was said before must not wait in the queue for our hashes.
    context.services.delivery.drain()
    old, new = arguments
    try:
        problem = _new_password_problem(new) or _change(context, old, new)
    except Exception as error:
        # Not its own words: they might hold what it was given.
        named = RuntimeError(type(error).__name__).with_traceback(error.__traceback__)
        context.services.log.unexpected(named, f"the password change of {context.session.user}")
        problem = replies.PASSWORD_NOT_STORED
    if problem is not None:
        context.services.hub.reply_error(context.session, problem)


def _new_password_problem(new: str) -> str | None:
    if new == DEMO_PASSWORD:
        return replies.DEMO_PASSWORD_REFUSED
    return password_problem(new)


def _change(context: CommandContext, old: str, new: str) -> str | None:
    """Change it and say so. Returns why it can't be done, if somebody waits for an answer."""
    shared, user, host = context.services, context.session.user, context.host
    new_hash: str | None = None

    def still_wanted() -> bool:
        return not context.session.ended.is_set()

    for _ in range(_MAX_ATTEMPTS):
        checked = shared.accounts.hash_of(user)
        if checked is None:  # disabled or removed: this session is about to end
            return None
        answer = shared.hash_pool.check(
            old,
            checked,
            shared.accounts.highest_cost,
            admit=lambda: shared.throttle.retry_after(host),
            still_wanted=still_wanted,
            on_wrong=lambda: shared.throttle.record_failure(host),
        )
        match answer.status:
            case CheckStatus.THROTTLED:
                shared.log.password_change_throttled(user, host)
                return replies.too_many_failures(answer.retry_after)
            case CheckStatus.WRONG:
                shared.log.password_change_failed(user, host)
                return replies.WRONG_PASSWORD
            case CheckStatus.ABANDONED:
                return None
        if new_hash is None:
            new_hash = shared.hash_pool.hash_new(
                new, shared.config.bcrypt_cost, still_wanted=still_wanted
            )
        if new_hash is None:
            return None
        try:
            if shared.accounts.change_hash(
                user, checked, new_hash, still_wanted=still_wanted, lock_timeout=_LOCK_TIMEOUT
            ):
                shared.log.password_changed(user)
                shared.hub.reply(context.session, [replies.PASSWORD_CHANGED])
                return None
        except UsersFileConflictError:
            return replies.ACCOUNTS_BUSY
        except UsersFileError as error:
            shared.log.password_not_stored(user, str(error))
            return replies.PASSWORD_NOT_STORED
        if not still_wanted():
            return None
    return replies.ACCOUNTS_BUSY
