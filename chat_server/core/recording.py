"""What history records of an event, derived from the state before the event is applied. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from chat_server.core.records import DISORDERLY_SPAN, Record, VisitEnded, VisitStarted
from chat_server.core.state import HubState
from chat_server.core.values import (
    AccountRenamed,
    HubEvent,
    Joined,
    PrivateMessageSent,
    PrivateMessagesRead,
    ReceiverT,
    SessionEnded,
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


def _of_end(state: HubState[Any], event: SessionEnded) -> tuple[Record, ...]:
    session = state.sessions.get(event.user)
    if session is None:
        return ()
    if event.is_orderly:
        stamp = state.last_stamp if event.read_to is None else event.read_to
    else:
        stamp = _disorderly_end(state.last_stamp, event.time)
    return (VisitEnded(event.user, session.room.name, stamp, event.is_orderly),)


def _disorderly_end(last_stamp: int, time: int | None) -> int:
    """Return the stamp of an end from which the read marker is set back.

    The marker must not be above the newest stamp: after the clock was set back, the next messages
    are right behind it.
    """
    return last_stamp if time is None else max(last_stamp, min(time, last_stamp + DISORDERLY_SPAN))


def _of_move(state: HubState[Any], event: Joined) -> tuple[Record, ...]:
    session = state.sessions.get(event.user)
    if session is None:
        return ()
    return (
        VisitEnded(event.user, session.room.name, state.last_stamp, True),
        VisitStarted(event.user, event.room, state.last_stamp),
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
    stamp = _disorderly_end(state.last_stamp, event.time)
    return tuple(
        VisitEnded(user, session.room.name, stamp, False)
        for user, session in state.sessions.items()
    )


def _as_it_is(_: HubState[Any], event: Record) -> tuple[Record, ...]:
    return (event,)


_MAKERS: Final[dict[type, Callable[[Any, Any], tuple[Record, ...]]]] = {
    SessionStarted: _of_start,
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
