"""What decides and applies each request at its place, by the type of the request.

A handler is `handler(applier, request, session, place)`, called under the hub's lock. It decides
from the replicated state and the request alone: no clock, no set order, no setting of this server.
Then it applies an event, or replies to the session. `session` is None if the request belongs to no
session, or if that has ended before a message which the log had lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from chat_server.core import decisions, requests, session_handlers
from chat_server.core.applier import Applier
from chat_server.core.records import MessagesErased
from chat_server.core.requests import Place
from chat_server.core.rooms import Session, is_subscribed_to
from chat_server.core.values import (
    Announced,
    PrivateMessageSent,
    PrivateMessagesRead,
    PublishedMessages,
    ReceiverT,
    WaitingMessagesGone,
)

# Messages


def _publish(
    applier: Applier[ReceiverT],
    request: requests.Publish,
    session: Session[ReceiverT] | None,
    place: Place,
) -> tuple[ReceiverT, ...]:
    room = place.room or ("" if session is None else session.room.name)
    run = PublishedMessages(
        room, place.user, request.texts, place.stamp, request.is_action, place.time
    )
    recipients = applier.apply_messages(run, session is not None and session.is_local)
    for receivers, output in applier.state.to_detached(run):
        applier.deliveries += len(request.texts)
        applier.emit(receivers, output)
    return recipients


def _send_private(
    applier: Applier[ReceiverT],
    request: requests.SendPrivate,
    session: Session[ReceiverT] | None,
    place: Place,
) -> tuple[ReceiverT, ...]:
    state = applier.state
    decision = decisions.send_private(
        state,
        place.user,
        request.name,
        request.text,
        place.stamp,
        place.time,
        lambda user: request.may_wait and applier.tables.has_account(user),
    )
    if not isinstance(decision, PrivateMessageSent):
        if session is not None:
            applier.reply(session, decision)
        return ()
    if not state.is_silent:
        applier.messages += session is not None and session.is_local
        if not decision.is_kept:
            applier.deliveries += state.sessions[decision.recipient].is_local
    return applier.apply(replace(decision, is_late=session is None))


def _read_private(
    applier: Applier[ReceiverT],
    request: requests.ReadPrivate,
    session: Session[ReceiverT],
    _: Place,
) -> None:
    if is_subscribed_to(session, request.other):
        applier.apply(PrivateMessagesRead(session.user, request.other))


def _correct_waiting(
    applier: Applier[ReceiverT],
    request: requests.CorrectWaiting,
    _: Session[ReceiverT] | None,
    __: Place,
) -> None:
    applier.apply(WaitingMessagesGone(request.user, request.numbers))


def _announce(
    applier: Applier[ReceiverT], request: requests.Announce, session: Session[ReceiverT], _: Place
) -> tuple[ReceiverT, ...]:
    return applier.apply(Announced(session.user, request.text))


def _erase(
    applier: Applier[ReceiverT], request: requests.Erase, session: Session[ReceiverT], place: Place
) -> MessagesErased | None:
    """Record the erasure: every server's history erases at this place, if the user may."""
    record = request.record(session.user)
    applier.state.erasures.append((place.stamp, record))
    if applier.record is None:
        return None
    applier.record(record)
    return record


# Rooms and subscriptions


def _join(
    applier: Applier[ReceiverT], request: requests.Join, session: Session[ReceiverT], _: Place
) -> None:
    applier.act(session, decisions.join(applier.state, session, request.name))
    applier.settle_later(session.user)


def _subscribe(
    applier: Applier[ReceiverT], request: requests.Subscribe, session: Session[ReceiverT], _: Place
) -> None:
    decision = decisions.subscribe(session, request.name, applier.tables.may_be_followed)
    applier.act(session, decision)


def _unsubscribe(
    applier: Applier[ReceiverT],
    request: requests.Unsubscribe,
    session: Session[ReceiverT],
    _: Place,
) -> None:
    applier.act(session, decisions.unsubscribe(session, request.name))


HANDLERS: Final[dict[type, Callable[[Applier[Any], Any, Any, Place], Any]]] = {
    requests.Publish: _publish,
    requests.LogIn: session_handlers.log_in,
    requests.LogOut: session_handlers.log_out,
    requests.Join: _join,
    requests.Subscribe: _subscribe,
    requests.Unsubscribe: _unsubscribe,
    requests.SendPrivate: _send_private,
    requests.ReadPrivate: _read_private,
    requests.CorrectWaiting: _correct_waiting,
    requests.Announce: _announce,
    requests.Kick: session_handlers.kick,
    requests.BanUser: session_handlers.ban_user,
    requests.BanAddress: session_handlers.ban_address,
    requests.Unban: session_handlers.unban,
    requests.Erase: _erase,
    requests.ChangeAccount: session_handlers.change_account,
    requests.RestoreSession: session_handlers.restore_session,
    requests.EndNode: session_handlers.end_node,
}
"""What decides and applies a request, by its type."""
