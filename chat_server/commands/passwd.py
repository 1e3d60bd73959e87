"""`/passwd <old> <new>`: a user changes the password of their own account (protocol section 3)."""

from __future__ import annotations

from typing import Final

from chat_server.accounts import DEMO_PASSWORD, UsersFileConflictError, UsersFileError
from chat_server.authenticator import AuthAbandoned, Authenticated, AuthFailed, AuthThrottled
from chat_server.commands.context import CommandContext
from chat_server.core import Rejected, RejectReason, values
from chat_server.wire import password_problem

_LOCK_TIMEOUT: Final = 2.0
"""Seconds to wait while another program changes the accounts."""

_MAX_ATTEMPTS: Final = 3
"""The stored hash may change between the check and the replacement: the server raised its cost
after the login, or an administrator changed the account. Then check the old password again."""


def change_password(context: CommandContext, arguments: tuple[str, ...]) -> None:
    """Run the command in its client's own thread. `arguments`: the old and the new password.

    Blocks for two hashes and a write. Neither password gets into a reply or into the log, even if
    an unexpected error is raised.
    """
    # Earlier messages must not wait in the queue for the hashes.
    context.batch.flush()
    old, new = arguments
    try:
        problem = _new_password_problem(new) or _change(context, old, new)
    except Exception as error:
        # Log the type only: the text of the error may contain a password.
        named = RuntimeError(type(error).__name__).with_traceback(error.__traceback__)
        context.services.log.unexpected(named, f"the password change of {context.session.user}")
        problem = Rejected(RejectReason.PASSWORD_NOT_STORED)
    if problem is not None:
        context.reply(problem)


def _new_password_problem(new: str) -> Rejected | None:
    if new == DEMO_PASSWORD:
        return Rejected(RejectReason.DEMO_PASSWORD)
    rule = password_problem(new)
    return None if rule is None else Rejected(RejectReason.PASSWORD_RULE, rule)


def _change(context: CommandContext, old: str, new: str) -> Rejected | None:
    """Change the password and confirm it. Return an error for the client, if it still waits."""
    services, user, host = context.services, context.session.user, context.session.host
    new_hash: str | None = None

    def still_wanted() -> bool:
        return not context.session.ended.is_set()

    for _ in range(_MAX_ATTEMPTS):
        match services.authenticator.verify_password(user, old, still_wanted):
            case AuthThrottled(retry_after):
                services.log.password_change_throttled(user, host)
                return Rejected(RejectReason.TOO_MANY_FAILURES, retry_after=retry_after)
            case AuthFailed():
                services.log.password_change_failed(user, host)
                return Rejected(RejectReason.WRONG_PASSWORD)
            case AuthAbandoned():
                return None
            case Authenticated(_, verified_hash):
                pass
        if new_hash is None:
            new_hash = services.hash_pool.hash_new(
                new,
                services.config.bcrypt_cost,
                still_wanted=still_wanted,
                turn=services.authenticator.session_turn(user),
            )
        if new_hash is None:
            return None
        try:
            if services.accounts.change_hash(
                user, verified_hash, new_hash, still_wanted=still_wanted, lock_timeout=_LOCK_TIMEOUT
            ):
                services.authenticator.remember(user, new, new_hash)
                services.log.password_changed(user)
                context.reply(values.PasswordChanged())
                return None
        except UsersFileConflictError:
            return Rejected(RejectReason.ACCOUNTS_BUSY)
        except UsersFileError as error:
            services.log.password_not_stored(user, str(error))
            return Rejected(RejectReason.PASSWORD_NOT_STORED)
        if not still_wanted():
            return None
    return Rejected(RejectReason.ACCOUNTS_BUSY)
