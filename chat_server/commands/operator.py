"""Handlers of the operators' commands: `/kick`, `/ban`, `/unban`, `/announce`.

Each handler runs in the thread of the operator's client, replies to the operator's session through
the hub, and logs what it did. It holds no lock while it logs.
"""

from __future__ import annotations

from chat_server.addresses import LOOPBACK, format_block, overlaps, rate_limit_key
from chat_server.commands.context import CommandContext
from chat_server.core import BanResult, RejectReason, values
from chat_server.wire import canonical_name, operator_replies


def kick(context: CommandContext, arguments: tuple[str, ...]) -> None:
    """End a user's session, an operator's as well. Arguments: the name and maybe a reason.

    The reason is cleaned.
    """
    name, *given = arguments
    reason = given[0] if given else ""
    user = canonical_name(name)
    is_done = user is not None and context.hub.kick(context.session, user, reason)
    if is_done is None:
        return
    if not is_done or user is None:
        context.reject(RejectReason.NOT_LOGGED_IN, user or name)
        return
    context.services.log.kicked(context.session.user, user, reason)
    context.reply(values.UserKicked(user))


def ban(context: CommandContext, arguments: tuple[str, ...]) -> None:
    """Ban a user or an address and end the sessions that this concerns.

    Arguments: a name or an address, and maybe the minutes, as they were typed. Without minutes the
    ban lasts until the server stops. A name with an account is a user's, even if it looks like an
    address.
    """
    name, *given = arguments
    if given and not _is_valid_duration(given[0]):
        context.reject(RejectReason.INVALID_BAN_MINUTES)
        return
    minutes = int(given[0]) if given else None
    user = canonical_name(name)
    if user is not None and context.services.accounts.is_active(user):
        _ban_account(context, user, minutes)
    elif (block := format_block(name)) is not None:
        _ban_address(context, block, minutes)
    else:
        context.reject(RejectReason.NO_SUCH_USER, name)


def unban(context: CommandContext, arguments: tuple[str, ...]) -> None:
    """End the ban of the user or the address that the argument names."""
    (name,) = arguments
    hub, session = context.hub, context.session
    user, block = canonical_name(name), format_block(name)
    # No look at the accounts: a ban may outlive the account in the users file.
    if user is not None and hub.unban(session, user=user):
        unbanned = user
    elif block is not None and hub.unban(session, address=block.removesuffix("/64")):
        unbanned = block
    else:
        context.reject(RejectReason.NOT_BANNED, name)
        return
    context.services.log.unbanned(context.session.user, unbanned)
    context.reply(values.BanEnded(unbanned))


def announce(context: CommandContext, arguments: tuple[str, ...]) -> None:
    """Send a cleaned text to every session."""
    (text,) = arguments
    context.batch.add(context.hub.announce(context.session, text))
    context.services.log.announced(context.session.user, text)


def _is_valid_duration(minutes: str) -> bool:
    """Return True if the text is a number of minutes that a ban may have."""
    return (
        minutes.isascii()
        and minutes.isdigit()
        and len(minutes) <= len(str(operator_replies.MAX_BAN_MINUTES))
        and 1 <= int(minutes) <= operator_replies.MAX_BAN_MINUTES
    )


def _ban_account(context: CommandContext, user: str, minutes: int | None) -> None:
    services = context.services
    if user in services.config.operators:
        context.reject(RejectReason.BAN_OF_OPERATOR, user)
        return
    _finish(context, context.hub.ban_account(context.session, user, minutes), user, minutes)


def _ban_address(context: CommandContext, formatted: str, minutes: int | None) -> None:
    services = context.services
    address = formatted.removesuffix("/64")
    block = rate_limit_key(address)
    problem = None
    if block == rate_limit_key(context.session.host):
        problem = RejectReason.BAN_OF_OWN_ADDRESS
    elif overlaps(formatted, LOOPBACK):
        problem = RejectReason.BAN_OF_LOOPBACK
    elif overlaps(formatted, services.config.trusted):
        problem = RejectReason.BAN_OF_TRUSTED_NETWORK
    if problem is not None:
        context.reject(problem, formatted)
        return
    banned = context.hub.ban_address(context.session, address, minutes)
    _finish(context, banned, formatted, minutes)


def _finish(
    context: CommandContext, banned: BanResult | None, subject: str, minutes: int | None
) -> None:
    """Log a ban and reply. `banned` None: the operator's session has ended."""
    if banned is None:
        return
    if banned.problem is not None:
        context.reject(banned.problem, subject)
        return
    context.services.log.banned(context.session.user, subject, minutes, banned.logged_out)
    context.reply(values.BanStarted(subject, minutes))
