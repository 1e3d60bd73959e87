"""What operators do to others: kick, ban, announce.

Each function runs in the thread of the operator's client, answers the operator's session through
the hub, and logs what was done. No lock is held when the log is written.
"""

from __future__ import annotations

from chat_server.addresses import LOOPBACK, block_of, overlaps, shown_block
from chat_server.core.rooms import Session
from chat_server.delivery.outbox import Outbox
from chat_server.services import Shared
from chat_server.wire import replies
from chat_server.wire.protocol import canonical_name


def kick(operator: Session[Outbox], shared: Shared, name: str, reason: str = "") -> None:
    """End the session of the user `name`, whoever that is; `reason` is cleaned."""
    user = canonical_name(name)
    if user is None or not shared.hub.end_sessions([user], replies.kicked(reason)):
        shared.hub.fail(operator, replies.not_logged_in(user or name))
        return
    shared.log.kicked(operator.user, user, reason)
    shared.hub.reply(operator, [replies.kicked_out(user)])


def ban(operator: Session[Outbox], shared: Shared, name: str, minutes: str = "") -> None:
    """Shut out a user or an address, and end the sessions that this ends.

    A name that has an account is a user's, also where it looks like an address. `minutes` as they
    were typed; empty: until the server stops.
    """
    if minutes and not _is_so_long(minutes):
        shared.hub.fail(operator, replies.BAD_MINUTES)
        return
    so_long = int(minutes) if minutes else None
    user = canonical_name(name)
    if user is not None and shared.accounts.has(user):
        _ban_account(operator, shared, user, so_long)
    elif (block := shown_block(name)) is not None:
        _ban_address(operator, shared, block, so_long)
    else:
        shared.hub.fail(operator, replies.no_such_user(name))


def unban(operator: Session[Outbox], shared: Shared, name: str) -> None:
    """Let a user or an address in again."""
    user, block = canonical_name(name), shown_block(name)
    # The account may be gone from the users file, its ban may not.
    if user is not None and shared.bans.unban_account(user):
        what = user
    elif block is not None and shared.bans.unban_address(block.removesuffix("/64")):
        what = block
    else:
        shared.hub.fail(operator, replies.not_banned(name))
        return
    shared.log.unbanned(operator.user, what)
    shared.hub.reply(operator, [replies.ban_ended(what)])


def announce(operator: Session[Outbox], shared: Shared, text: str) -> tuple[Outbox, ...]:
    """Say `text`, which is cleaned, to everyone; returns to whom."""
    receivers = shared.hub.announce(operator, text)
    shared.log.announced(operator.user, text)
    return receivers


def _is_so_long(minutes: str) -> bool:
    """Whether it is a number of minutes that a ban may have."""
    return (
        minutes.isascii()
        and minutes.isdigit()
        and len(minutes) <= len(str(replies.LONGEST_BAN))
        and 1 <= int(minutes) <= replies.LONGEST_BAN
    )


def _ban_account(operator: Session[Outbox], shared: Shared, user: str, minutes: int | None) -> None:
    if user in shared.config.operators:
        shared.hub.fail(operator, replies.cannot_ban(user, "an operator"))
        return
    # First the ban, then the end of the session: a login that is under way comes before the one,
    # and its session is ended; or after it, and the hub refuses it.
    if not shared.bans.ban_account(user, _seconds(minutes)):
        shared.hub.fail(operator, replies.TOO_MANY_BANS)
        return
    was_there = shared.hub.end_sessions([user], _farewell("banned", minutes))
    shared.log.banned(operator.user, user, minutes, [user] if was_there else [])
    shared.hub.reply(operator, [replies.ban_begun(user, minutes)])


def _ban_address(
    operator: Session[Outbox], shared: Shared, shown: str, minutes: int | None
) -> None:
    address = shown.removesuffix("/64")
    block = block_of(address)
    why_not = None
    if block == block_of(operator.host):
        why_not = "your own address"
    elif overlaps(shown, LOOPBACK):
        why_not = "this machine"
    elif overlaps(shown, shared.config.trusted):
        why_not = "a trusted network"
    if why_not is not None:
        shared.hub.fail(operator, replies.cannot_ban(shown, why_not))
        return
    if not shared.bans.ban_address(address, _seconds(minutes)):
        shared.hub.fail(operator, replies.TOO_MANY_BANS)
        return
    farewell = _farewell("your address is banned", minutes)
    logged_out = shared.hub.end_sessions_from(lambda host: block_of(host) == block, farewell)
    shared.log.banned(operator.user, shown, minutes, logged_out)
    shared.hub.reply(operator, [replies.ban_begun(shown, minutes)])


def _farewell(what: str, minutes: int | None) -> str:
    return replies.kicked(f"{what} {replies.how_long(minutes)}")


def _seconds(minutes: int | None) -> float | None:
    return None if minutes is None else 60.0 * minutes
