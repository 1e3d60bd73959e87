"""What operators do to others: kick, ban, announce.

Each function runs in the thread of the operator's client, answers the operator's session through
the hub, and logs what was done. No lock is held when the log is written.
"""

from __future__ import annotations

from chat_server.addresses import LOOPBACK, format_block, overlaps, rate_limit_key
from chat_server.core import EndCause, EndNotice, Session
from chat_server.delivery import Outbox
from chat_server.services import Services
from chat_server.wire import canonical_name, replies


def kick(operator: Session[Outbox], services: Services, name: str, reason: str = "") -> None:
    """End the session of the user `name`, whoever that is; `reason` is cleaned."""
    user = canonical_name(name)
    notice = EndNotice(EndCause.KICKED, reason)
    if user is None or not services.hub.end_sessions([user], notice):
        services.hub.reply_error(operator, replies.not_logged_in(user or name))
        return
    services.log.kicked(operator.user, user, reason)
    services.hub.reply(operator, [replies.kicked_out(user)])


def ban(operator: Session[Outbox], services: Services, name: str, minutes: str = "") -> None:
    """Shut out a user or an address, and end the sessions that this ends.

    A name that has an account is a user's, also where it looks like an address. `minutes` as they
    were typed; empty: until the server stops.
    """
    if minutes and not _is_valid_duration(minutes):
        services.hub.reply_error(operator, replies.BAD_MINUTES)
        return
    so_long = int(minutes) if minutes else None
    user = canonical_name(name)
    if user is not None and services.accounts.is_active(user):
        _ban_account(operator, services, user, so_long)
    elif (block := format_block(name)) is not None:
        _ban_address(operator, services, block, so_long)
    else:
        services.hub.reply_error(operator, replies.no_such_user(name))


def unban(operator: Session[Outbox], services: Services, name: str) -> None:
    """Let a user or an address in again."""
    user, block = canonical_name(name), format_block(name)
    # The account may be gone from the users file, its ban may not.
    if user is not None and services.bans.unban_account(user):
        what = user
    elif block is not None and services.bans.unban_address(block.removesuffix("/64")):
        what = block
    else:
        services.hub.reply_error(operator, replies.not_banned(name))
        return
    services.log.unbanned(operator.user, what)
    services.hub.reply(operator, [replies.ban_ended(what)])


def announce(operator: Session[Outbox], services: Services, text: str) -> tuple[Outbox, ...]:
    """Say `text`, which is cleaned, to everyone; returns to whom."""
    receivers = services.hub.announce(operator, text)
    services.log.announced(operator.user, text)
    return receivers


def _is_valid_duration(minutes: str) -> bool:
    """Whether it is a number of minutes that a ban may have."""
    return (
        minutes.isascii()
        and minutes.isdigit()
        and len(minutes) <= len(str(replies.MAX_BAN_MINUTES))
        and 1 <= int(minutes) <= replies.MAX_BAN_MINUTES
    )


def _ban_account(
    operator: Session[Outbox], services: Services, user: str, minutes: int | None
) -> None:
    if user in services.config.operators:
        services.hub.reply_error(operator, replies.cannot_ban(user, "an operator"))
        return
    # First the ban, then the end of the session: a login that is under way comes before the one,
    # and its session is ended; or after it, and the hub refuses it.
    if not services.bans.ban_account(user, _seconds(minutes)):
        services.hub.reply_error(operator, replies.TOO_MANY_BANS)
        return
    notice = EndNotice(EndCause.ACCOUNT_BANNED, minutes=minutes)
    was_there = services.hub.end_sessions([user], notice)
    services.log.banned(operator.user, user, minutes, [user] if was_there else [])
    services.hub.reply(operator, [replies.ban_begun(user, minutes)])


def _ban_address(
    operator: Session[Outbox], services: Services, formatted: str, minutes: int | None
) -> None:
    address = formatted.removesuffix("/64")
    block = rate_limit_key(address)
    why_not = None
    if block == rate_limit_key(operator.host):
        why_not = "your own address"
    elif overlaps(formatted, LOOPBACK):
        why_not = "this machine"
    elif overlaps(formatted, services.config.trusted):
        why_not = "a trusted network"
    if why_not is not None:
        services.hub.reply_error(operator, replies.cannot_ban(formatted, why_not))
        return
    if not services.bans.ban_address(address, _seconds(minutes)):
        services.hub.reply_error(operator, replies.TOO_MANY_BANS)
        return
    notice = EndNotice(EndCause.ADDRESS_BANNED, minutes=minutes)
    logged_out = services.hub.end_sessions_from(lambda host: rate_limit_key(host) == block, notice)
    services.log.banned(operator.user, formatted, minutes, logged_out)
    services.hub.reply(operator, [replies.ban_begun(formatted, minutes)])


def _seconds(minutes: int | None) -> float | None:
    return None if minutes is None else 60.0 * minutes
