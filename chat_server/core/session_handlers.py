"""The requests that start and end sessions: logins, bans, changed accounts and lost servers.

Each function decides one request at its place and applies what was decided. See `request_handlers`.
"""

from __future__ import annotations

from typing import Final

from chat_server.core import requests
from chat_server.core.applier import Applier
from chat_server.core.records import AccountCreated
from chat_server.core.requests import BanResult, Place
from chat_server.core.rooms import Session
from chat_server.core.values import (
    AccountRenamed,
    EndCause,
    EndNotice,
    LoginBan,
    ReceiverT,
    RejectReason,
    SessionEnded,
    SessionRestored,
    SessionStarted,
    UserForgotten,
)

_APPLIED_SPAN: Final = 86_400_000_000
"""For how long a server that ended is remembered, in microseconds, in case it comes back."""


def log_in(
    applier: Applier[ReceiverT],
    request: requests.LogIn,
    _: Session[ReceiverT] | None,
    place: Place,
) -> Session[ReceiverT] | LoginBan | None:
    """Start a session, and end the user's older one. None: the user may not log in."""
    state, user, host, client = applier.state, request.user, request.host, request.client
    receiver = None if client is None else client.receiver
    commands = () if client is None else client.commands
    if state.is_shut_down and not place.node:
        if client is not None:
            applier.emit((client.receiver,), EndNotice(EndCause.SHUTDOWN))
        return None
    tables = applier.tables
    if not tables.has_account(user):
        return None
    if ban := tables.ban_of(user, host, place):
        return ban
    older = state.sessions.get(user)
    if older is not None and place.generation and older.generation >= place.generation:
        # The log had lost the login, and the session was restored, or is followed by a newer.
        return older if older.generation == place.generation else None
    if _end_outdated(applier, user, place.generation):
        return None
    _end_older_sessions(applier, user, place)
    applier.apply(SessionStarted(user, receiver, commands, host, place.generation, place.node))
    session = state.sessions[user]
    if state.is_shut_down and session.is_local:
        # The others will read that this server ends all its sessions.
        applier.end_locally(session, EndNotice(EndCause.SHUTDOWN))
        return None
    return session


def log_out(
    applier: Applier[ReceiverT],
    request: requests.LogOut,
    session: Session[ReceiverT],
    place: Place,
) -> None:
    """End the session."""
    is_orderly = request.is_orderly
    if request.read_to is not None and session.newest_private > request.read_to:
        # It came after the client had closed. Private messages have no read marker.
        is_orderly = False
    notice = None if request.cause is None else EndNotice(request.cause)
    applier.apply(SessionEnded(session.user, notice, is_orderly, request.read_to, place.end))


def restore_session(
    applier: Applier[ReceiverT],
    request: requests.RestoreSession,
    _: Session[ReceiverT] | None,
    place: Place,
) -> None:
    """Let a session go on, unless the user has a newer one or may not be logged in any more."""
    state, tables = applier.state, applier.tables
    user, generation = request.user, place.generation
    older = state.sessions.get(user)
    if older is not None and older.generation >= generation:
        return
    notice = None
    if not tables.has_account(user):
        is_disabled = tables.may_be_followed(user)
        notice = EndNotice(EndCause.ACCOUNT_DISABLED if is_disabled else EndCause.ACCOUNT_REMOVED)
    elif tables.ban_of(user, request.host, place):
        notice = EndNotice(EndCause.KICKED, "banned")
    elif _end_outdated(applier, user, generation):
        return
    if notice is not None:
        own = state.clients.sessions.get((user, generation))
        if own is not None:
            applier.end_locally(own, notice)
        return
    _end_older_sessions(applier, user, place)
    applier.apply(
        SessionRestored(
            user, request.host, request.node, request.room, generation, request.follows_itself
        )
    )


def end_node(
    applier: Applier[ReceiverT],
    request: requests.EndNode,
    _: Session[ReceiverT] | None,
    place: Place,
) -> None:
    """End all sessions of a server."""
    state = applier.state
    for user in [each.user for each in state.sessions.values() if each.node == request.node]:
        applier.apply(SessionEnded(user, None, time=place.end, is_node_lost=True))
    oldest = place.stamp - _APPLIED_SPAN
    state.applied = {
        node: (number, stamp) for node, (number, stamp) in state.applied.items() if stamp > oldest
    }


def kick(
    applier: Applier[ReceiverT], request: requests.Kick, _: Session[ReceiverT] | None, place: Place
) -> list[str]:
    """End the session of a user. Return the user if it was logged in."""
    notice = EndNotice(EndCause.KICKED, request.reason)
    return applier.end_sessions([request.user], notice, place.end)


def ban_user(
    applier: Applier[ReceiverT],
    request: requests.BanUser,
    _: Session[ReceiverT] | None,
    place: Place,
) -> BanResult:
    """Ban an account and end its session."""
    bans = applier.tables.bans
    assert bans is not None
    # The ban and the end of the session are one step: no login gets in between.
    if not bans.ban_account(request.user, _seconds(request.minutes), place.seconds):
        return BanResult(RejectReason.TOO_MANY_BANS, [])
    notice = EndNotice(EndCause.ACCOUNT_BANNED, minutes=request.minutes)
    applier.end_detached([request.user], notice, place.first_stamp)
    return BanResult(None, applier.end_sessions([request.user], notice, place.end))


def ban_address(
    applier: Applier[ReceiverT],
    request: requests.BanAddress,
    _: Session[ReceiverT] | None,
    place: Place,
) -> BanResult:
    """Ban an address and end the sessions from it."""
    bans = applier.tables.bans
    assert bans is not None
    if not bans.ban_address(request.address, _seconds(request.minutes), place.seconds):
        return BanResult(RejectReason.TOO_MANY_BANS, [])
    state, address = applier.state, request.address
    users = [each.user for each in state.sessions.values() if bans.covers(address, each.host)]
    detached = [
        each.user for each in state.clients.detached.values() if bans.covers(address, each.host)
    ]
    notice = EndNotice(EndCause.ADDRESS_BANNED, minutes=request.minutes)
    applier.end_detached(detached, notice, place.first_stamp)
    return BanResult(None, applier.end_sessions(users, notice, place.end))


def unban(
    applier: Applier[ReceiverT], request: requests.Unban, _: Session[ReceiverT] | None, place: Place
) -> bool:
    """End a ban. Return False if there was none."""
    bans = applier.tables.bans
    assert bans is not None
    if request.user:
        return bans.unban_account(request.user, place.seconds)
    return bans.unban_address(request.address, place.seconds)


def change_account(
    applier: Applier[ReceiverT],
    request: requests.ChangeAccount,
    _: Session[ReceiverT] | None,
    place: Place,
) -> list[str]:
    """Apply a change of an account, and end the session that may not go on."""
    table = applier.tables.accounts
    assert table is not None
    name, account = request.name, request.account
    created, was_there = table.created(name), table.exists(name)
    table.apply(request)
    is_another = account is None or (
        created is not None and account.created is not None and created != account.created
    )
    ended = _end_changed_sessions(applier, request, is_another, place)
    _forbid_older_sessions(applier, request, is_another or not was_there, place)
    is_same = was_there and account is not None and account.created == created
    if applier.record is not None and account is not None and not is_same:
        # At its place: a later account of that name is another one, also for a history that has not
        # stored what happened between.
        applier.record(AccountCreated(name, account.created))
    return ended


def _end_changed_sessions(
    applier: Applier[ReceiverT], request: requests.ChangeAccount, is_another: bool, place: Place
) -> list[str]:
    """End the session that may not go on. `is_another`: the account, or it was removed."""
    name, account, old = request.name, request.account, request.renamed_from
    if old or is_another:
        notice = EndNotice(EndCause.ACCOUNT_REMOVED)
    elif account is not None and account.is_disabled:
        notice = EndNotice(EndCause.ACCOUNT_DISABLED)
    else:
        return []
    applier.end_detached([old or name], notice, place.first_stamp)
    ended = applier.end_sessions([old or name], notice, place.end)
    if old:
        applier.apply(AccountRenamed(old, name))
    elif is_another:
        applier.apply(UserForgotten(name))
    return ended


def _forbid_older_sessions(
    applier: Applier[ReceiverT], request: requests.ChangeAccount, is_new: bool, place: Place
) -> None:
    """Remember that no older session of the account may be restored, if the change ends them.

    One that has ended for the other servers only would go on as a session of a new account.
    `is_new`: the account, or it was removed.
    """
    name, account = request.name, request.account
    ended_before = applier.state.ended_before
    ended_before.pop(request.renamed_from, None)
    if account is None:
        ended_before.pop(name, None)  # no session of a name without an account is restored
    elif is_new:
        ended_before[name] = place.first_stamp, False
    elif account.is_disabled:
        ended_before[name] = place.first_stamp, True


def _end_older_sessions(applier: Applier[ReceiverT], user: str, place: Place) -> None:
    """End the user's session because a newer one starts, also if only this server knows it."""
    notice = EndNotice(EndCause.NEW_LOGIN)
    state = applier.state
    if user in state.sessions:
        applier.apply(SessionEnded(user, notice, time=place.end))
    applier.end_detached([user], notice, place.generation)


def end_replaced(applier: Applier[ReceiverT]) -> None:
    """End the sessions whose end is known by a new state, from a snapshot, and by nothing else."""
    state = applier.state
    for session in list(state.clients.detached.values()):
        newer = state.sessions.get(session.user)
        if newer is not None and newer.generation > session.generation:
            applier.end_locally(session, EndNotice(EndCause.NEW_LOGIN))
        else:
            _end_outdated(applier, session.user, session.generation)


def _end_outdated(applier: Applier[ReceiverT], user: str, generation: int) -> bool:
    """End a session that is older than the change that ended the sessions of its account.

    Return whether it is. It had ended for the other servers before that change.
    """
    stamp, is_disabled = applier.state.ended_before.get(user, (0, False))
    if generation >= stamp:
        return False
    own = applier.state.clients.sessions.get((user, generation))
    if own is not None:
        cause = EndCause.ACCOUNT_DISABLED if is_disabled else EndCause.ACCOUNT_REMOVED
        applier.end_locally(own, EndNotice(cause))
    return True


def _seconds(minutes: int | None) -> float | None:
    return None if minutes is None else 60.0 * minutes
