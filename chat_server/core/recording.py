"""What history records of an event, derived from the state before the event is applied. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from chat_server.core.records import DISORDERLY_SPAN, Record, VisitEnded, VisitStarted
from chat_server.core.rooms import Session
from chat_server.core.state import HubState
from chat_server.core.values import (
    AccountRenamed,
    HubEvent,
    Joined,
    PrivateMessageSent,
    PrivateMessagesRead,
    ReceiverT,
    SessionEnded,
    SessionRestored,
    SessionStarted,
    ShutDown,
    Subscribed,
    Unsubscribed,
    UserForgotten,
)
from chat_server.wire import LOBBY


def records_of(state: HubState[ReceiverT], event: HubEvent[ReceiverT]) -> tuple[Record, ...]:
    """Return the records of an event that is about to be applied to `state`, in order.

    Published messages are recorded as they are, without this function.
    """
    make = _MAKERS.get(type(event))
    return () if make is None else make(state, event)


def _of_start(state: HubState[Any], event: SessionStarted[Any]) -> tuple[Record, ...]:
    return (VisitStarted(event.user, LOBBY, state.last_stamp),)


def _of_restoration(state: HubState[Any], event: SessionRestored) -> tuple[Record, ...]:
    return (VisitStarted(event.user, event.room, state.last_stamp, is_return=True),)


def _of_end(state: HubState[Any], event: SessionEnded) -> tuple[Record, ...]:
    session = state.sessions.get(event.user)
    if session is None:
        return ()
    if event.is_orderly:
        stamp = state.last_stamp if event.read_to is None else event.read_to
        return (VisitEnded(event.user, session.room.name, stamp, True),)
    return _disorderly_end(session, state.last_stamp, event.time)


def _disorderly_end(
    session: Session[Any], last_stamp: int, time: int | None
) -> tuple[VisitEnded, ...]:
    """Return the ends of all visits of a session whose last messages may not have arrived.

    Their stamp is that from which the read markers are set back. The markers must not be above the
    newest stamp: after the clock was set back, the next messages are right behind it.
    """
    end = last_stamp if time is None else max(last_stamp, min(time, last_stamp + DISORDERLY_SPAN))
    now = session.room.name
    left = [
        room
        for room, stamp in session.left.items()
        if room != now and stamp > end - DISORDERLY_SPAN
    ]
    return tuple(VisitEnded(session.user, room, end, False) for room in (now, *left))


def _of_move(state: HubState[Any], event: Joined) -> tuple[Record, ...]:
    session = state.sessions.get(event.user)
    if session is None:
        return ()
    return (
        VisitEnded(event.user, session.room.name, state.last_stamp, True),
        VisitStarted(event.user, event.room, state.last_stamp, event.room in session.left),
    )


def _of_subscription(state: HubState[Any], event: Subscribed) -> tuple[Record, ...]:
    """The subscription to oneself is not recorded: it ends with the session."""
    session = state.sessions.get(event.user)
    is_new = session is not None and event.publisher not in session.subscriptions
    return (event,) if is_new and event.publisher != event.user else ()


def _of_unsubscription(state: HubState[Any], event: Unsubscribed) -> tuple[Record, ...]:
    session = state.sessions.get(event.user)
    had = session is not None and event.publisher in session.subscriptions
    return (event,) if had and event.publisher != event.user else ()


def _of_shut_down(state: HubState[Any], event: ShutDown) -> tuple[Record, ...]:
    return tuple(
        ended
        for session in state.sessions.values()
        for ended in _disorderly_end(session, state.last_stamp, event.time)
    )


def _as_it_is(_: HubState[Any], event: Record) -> tuple[Record, ...]:
    return (event,)


_MAKERS: Final[dict[type, Callable[[Any, Any], tuple[Record, ...]]]] = {
    SessionStarted: _of_start,
    SessionRestored: _of_restoration,
    SessionEnded: _of_end,
    Joined: _of_move,
    Subscribed: _of_subscription,
    Unsubscribed: _of_unsubscription,
    ShutDown: _of_shut_down,
    PrivateMessageSent: _as_it_is,
    PrivateMessagesRead: _as_it_is,
    UserForgotten: _as_it_is,
    AccountRenamed: _as_it_is,
}
