"""Entries that the replicated state contains already, because it came with a snapshot.

Their outputs were not emitted on this server. They are emitted now, and the state does not change.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chat_server.core import decisions, requests
from chat_server.core.applier import Applier
from chat_server.core.event_handlers import outputs_of_private
from chat_server.core.requests import Place
from chat_server.core.rooms import Session
from chat_server.core.values import (
    Joined,
    Output,
    PrivateMessageSent,
    PublishedMessages,
    ReceiverT,
)


def emit_again(
    applier: Applier[ReceiverT],
    entry: requests.Entry,
    session: Session[ReceiverT] | None,
    place: Place,
    is_silent: bool,
) -> Any:
    """Emit what an entry has caused, and return its result. `is_silent`: emit nothing."""
    request = entry.request
    if isinstance(request, requests.Publish):
        # On every server, whether it emits the entry or not.
        newest = entry.stamp + len(request.texts) - 1
        applier.state.last_stamp = max(applier.state.last_stamp, newest)
    if isinstance(request, requests.LogIn):
        is_own = session is not None and session.generation == place.generation
        return session if is_own else None
    if is_silent or session is None or session.generation != entry.generation:
        is_own = False
    else:
        is_own = session.is_local
    if isinstance(request, requests.Publish) and not is_silent:
        room = entry.room or (session.room.name if session is not None else "")
        run = PublishedMessages(
            room, entry.user, request.texts, place.stamp, request.is_action, place.time
        )
        return applier.apply_messages(run, False) if room else ()
    if isinstance(request, requests.Erase) and applier.record is not None:
        # The history of this server has not erased it yet.
        record = request.record(entry.user)
        applier.record(record)
        return record if is_own else None
    if isinstance(request, requests.SendPrivate) and not is_silent:
        return _send_private_again(applier, request, entry, place)
    if is_own and session is not None:
        _reply_again(applier, request, session)
    return None


def _send_private_again(
    applier: Applier[ReceiverT], request: requests.SendPrivate, entry: requests.Entry, place: Place
) -> tuple[ReceiverT, ...]:
    """Emit and record a private message that the state contains."""
    author, first = entry.user, entry.first_stamp or entry.stamp
    decision = decisions.send_private_again(
        applier.state, author, request.name, request.text, first, request.may_wait
    )
    session = applier.state.sessions.get(author)
    if not isinstance(decision, PrivateMessageSent):
        if session is not None and session.generation == entry.generation:
            applier.reply(session, decision)
        return ()
    sent = replace(decision, stamp=place.stamp, time=place.time)
    if applier.record is not None:
        applier.record(sent)
    deliveries = outputs_of_private(applier.state, sent)
    for receivers, output in deliveries:
        applier.emit(receivers, output)
    return deliveries[0][0] if deliveries else ()


def _reply_again(
    applier: Applier[ReceiverT], request: requests.Request, session: Session[ReceiverT]
) -> None:
    output: Output[ReceiverT]
    match request:
        case requests.Join():
            output = Joined(session.user, session.room.name)
        case requests.Subscribe():
            may_be_followed = applier.tables.may_be_followed
            output = decisions.subscribe(session, request.name, may_be_followed)
        case requests.Unsubscribe():
            output = decisions.unsubscribe(session, request.name)
        case _:
            return
    applier.emit((session.receiver,), output)
