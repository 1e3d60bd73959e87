"""What each event changes in the state, and what is sent because of it.

A handler is `handler(state, event)`, called under the hub's lock. It uses the event and the state
and nothing else: no clock, no accounts, no set order. So two states that apply the same events are
equal, and send the same outputs to the same recipients in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from chat_server.core.deliveries import Delivery, addressed, addressed_to
from chat_server.core.rooms import Room, Session
from chat_server.core.state import HubState
from chat_server.core.values import (
    AccountRenamed,
    Announced,
    DeliveryReceipt,
    EndCause,
    EndNotice,
    HubEvent,
    Joined,
    KeptReceipt,
    MemberJoined,
    PresenceQueried,
    PresenceSet,
    PresenceSettled,
    PrivateMessageSent,
    PrivateMessagesRead,
    PublishedMessages,
    ReceiverT,
    SessionEnded,
    SessionRestored,
    SessionStarted,
    ShutDown,
    Stamped,
    StampsSet,
    Subscribed,
    UnreadNoticesSet,
    Unsubscribed,
    UserForgotten,
    WaitingMessagesGone,
)
from chat_server.wire import LOBBY


def apply_event(
    state: HubState[ReceiverT], event: HubEvent[ReceiverT]
) -> list[Delivery[ReceiverT]]:
    """Change the state and return what is to be sent, in order.

    An event about a missing user or room changes nothing but `last_stamp`.
    """
    return HANDLERS[type(event)](state, event)


def _publish(state: HubState[ReceiverT], run: PublishedMessages) -> list[Delivery[ReceiverT]]:
    recipients = state.apply_messages(run)
    return state.split_by_stamps(run) if state.stamp_readers else addressed(recipients, run)


def _start_session(
    state: HubState[ReceiverT], event: SessionStarted[ReceiverT]
) -> list[Delivery[ReceiverT]]:
    user = event.user
    session = state.session_for(user, event.generation, event.node, event.host, event.receiver)
    _add_session(state, session, state.lobby)
    deliveries = addressed_to(session, event)
    if state.watchers and not state.is_silent:
        deliveries += state.notices.to_watchers_in(state.lobby, session, MemberJoined(user, LOBBY))
    return deliveries


def _restore_session(
    state: HubState[ReceiverT], event: SessionRestored
) -> list[Delivery[ReceiverT]]:
    session = state.session_for(event.user, event.generation, event.node, event.host, None)
    if event.follows_itself:
        session.subscriptions.add(event.user)
    _add_session(state, session, state.room(event.room))
    if not state.watchers or state.is_silent:
        return []
    return state.notices.of_arrival(session)


def _end_session(state: HubState[ReceiverT], event: SessionEnded) -> list[Delivery[ReceiverT]]:
    session = state.sessions.pop(event.user, None)
    if session is None:
        return []
    user, room = session.user, session.room
    state.leave_room(session)
    state.stamp_readers.pop(user, None)
    is_detached = event.is_node_lost and session.is_local
    if not is_detached:
        state.stop_watching(session)
    state.waiting.end_session(user)
    # Drop the self-subscription, or the user's next netcat session would receive its own
    # messages (protocol section 4).
    shared, session.subscriptions = session.subscriptions, set(session.subscriptions)
    shared.discard(user)
    if is_detached:
        # Its client has not gone, and waits until the session is restored.
        state.clients.detach(session)
        return []
    session.ended.set()
    state.clients.forget(session)
    deliveries: list[Delivery[ReceiverT]] = []
    if event.notice is not None:
        deliveries += addressed_to(session, event.notice)
    if state.watchers and not state.is_silent:
        held = state.presence.end_session(user)
        deliveries += state.notices.of_move(session, room.name, None, held)
    return deliveries


def _forget_user(state: HubState[ReceiverT], event: UserForgotten) -> list[Delivery[ReceiverT]]:
    state.subscriptions.pop(event.user, None)
    state.waiting.forget(event.user)
    return []


def _rename_account(state: HubState[ReceiverT], event: AccountRenamed) -> list[Delivery[ReceiverT]]:
    """Give all that belongs to an offline user to the new name."""
    old, new = event.old, event.new
    if old in state.subscriptions:
        state.subscriptions.setdefault(new, set()).update(state.subscriptions.pop(old))
    for publishers in state.subscriptions.values():
        if old in publishers:
            publishers.discard(old)
            publishers.add(new)
    if new in state.subscriptions:
        # It was subscribed to a former account with its new name.
        state.subscriptions[new].discard(new)
    state.waiting.rename(old, new)
    for room in state.rooms.values():
        room.forget_recipients()
    return []


def _join(state: HubState[ReceiverT], event: Joined) -> list[Delivery[ReceiverT]]:
    """Return the reply, and the notices if they are not held."""
    session = state.sessions.get(event.user)
    if session is None:
        return []
    old = session.room
    session.moves += 1
    session.trail.append(old.name)
    session.note_left(state.last_stamp)
    state.leave_room(session)
    room = state.room(event.room)
    state.enter_room(session, room)
    deliveries = addressed_to(session, event)
    if not state.watchers or state.is_silent:
        return deliveries
    if state.presence.announces_move(session.user):
        deliveries += state.notices.of_move(session, old.name, room)
    else:
        state.presence.hold_move(session.user, old.name, room.name, state.rooms)
    return deliveries


def _settle_presence(
    state: HubState[ReceiverT], event: PresenceSettled
) -> list[Delivery[ReceiverT]]:
    session = state.local_session(event.user)
    held = state.presence.settle(event.user)
    if session is None or held is None:
        return []
    return state.notices.of_move(session, session.room.name, session.room, held)


def _record_question(
    state: HubState[ReceiverT], event: PresenceQueried
) -> list[Delivery[ReceiverT]]:
    state.presence.record_question(event.user)
    return []


def _subscribe(state: HubState[ReceiverT], event: Subscribed) -> list[Delivery[ReceiverT]]:
    session = state.sessions.get(event.user)
    if session is None:
        return []
    session.subscriptions.add(event.publisher)
    session.room.forget_recipients()
    return addressed_to(session, event)


def _unsubscribe(state: HubState[ReceiverT], event: Unsubscribed) -> list[Delivery[ReceiverT]]:
    session = state.sessions.get(event.user)
    if session is None:
        return []
    session.subscriptions.discard(event.publisher)
    session.room.forget_recipients()
    return addressed_to(session, event)


def _set_presence(state: HubState[ReceiverT], event: PresenceSet) -> list[Delivery[ReceiverT]]:
    session = state.local_session(event.user)
    if session is None:
        return []
    session.presence = event.on
    if event.on:
        if not state.watchers:
            state.presence.start(state.rooms)
        state.watchers[session.user] = session
    else:
        state.stop_watching(session)
    return addressed_to(session, event)


def _set_stamps(state: HubState[ReceiverT], event: StampsSet) -> list[Delivery[ReceiverT]]:
    session = state.local_session(event.user)
    if session is None:
        return []
    if event.on and not session.stamps:
        # From here on the client can see by itself which messages it has.
        session.entered = session.started = state.last_stamp
        if event.user in state.sessions:
            state.stamp_readers[session.user] = session
    elif not event.on:
        state.stamp_readers.pop(session.user, None)
    session.stamps = event.on
    session.room.forget_recipients()
    return addressed_to(session, event)


def _set_unread_notices(
    state: HubState[ReceiverT], event: UnreadNoticesSet
) -> list[Delivery[ReceiverT]]:
    session = state.local_session(event.user)
    if session is None:
        return []
    if event.on and not session.unread_notices:
        session.unread_since = state.last_stamp
    session.unread_notices = event.on
    return addressed_to(session, event)


def _read_private(
    state: HubState[ReceiverT], event: PrivateMessagesRead
) -> list[Delivery[ReceiverT]]:
    state.waiting.clear(event.user, event.other)
    return []


def _count_gone(
    state: HubState[ReceiverT], event: WaitingMessagesGone
) -> list[Delivery[ReceiverT]]:
    state.waiting.remove(event.user, event.numbers)
    return []


def _send_private(
    state: HubState[ReceiverT], event: PrivateMessageSent
) -> list[Delivery[ReceiverT]]:
    state.last_stamp = max(state.last_stamp, event.stamp)
    recipient = state.sessions.get(event.recipient)
    if event.is_kept:
        state.waiting.add(event.recipient, event.author, event.stamp)
    elif recipient is not None:
        recipient.newest_private = event.stamp
    return outputs_of_private(state, event)


def outputs_of_private(
    state: HubState[ReceiverT], event: PrivateMessageSent
) -> list[Delivery[ReceiverT]]:
    """Return what is to be sent for a private message: the message, and the receipt."""
    deliveries: list[Delivery[ReceiverT]] = []
    recipient = state.sessions.get(event.recipient)
    author = None if event.is_late else state.sessions.get(event.author)
    if event.is_kept:
        return [] if author is None else addressed_to(author, KeptReceipt(event.recipient))
    if recipient is not None:
        deliveries += addressed_to(recipient, Stamped(event) if recipient.stamps else event)
    if author is not None:
        deliveries += addressed_to(author, DeliveryReceipt(event.recipient))
    return deliveries


def _announce(state: HubState[ReceiverT], event: Announced) -> list[Delivery[ReceiverT]]:
    sessions = (*state.sessions.values(), *state.clients.detached.values())
    return addressed(tuple(each.receiver for each in sessions if each.is_local), event)


def _shut_down(state: HubState[ReceiverT], _: ShutDown) -> list[Delivery[ReceiverT]]:
    state.is_shut_down = True
    sessions = tuple(state.sessions.values())
    state.clear()
    receivers = tuple(each.receiver for each in sessions if each.is_local)
    return addressed(receivers, EndNotice(EndCause.SHUTDOWN))


def _add_session(
    state: HubState[ReceiverT], session: Session[ReceiverT], room: Room[ReceiverT]
) -> None:
    state.attach(session)
    state.enter_room(session, room)


HANDLERS: Final[dict[type, Callable[[HubState[Any], Any], list[Any]]]] = {
    PublishedMessages: _publish,
    SessionStarted: _start_session,
    SessionRestored: _restore_session,
    SessionEnded: _end_session,
    UserForgotten: _forget_user,
    AccountRenamed: _rename_account,
    Joined: _join,
    PresenceSettled: _settle_presence,
    PresenceQueried: _record_question,
    Subscribed: _subscribe,
    Unsubscribed: _unsubscribe,
    PresenceSet: _set_presence,
    PrivateMessageSent: _send_private,
    PrivateMessagesRead: _read_private,
    WaitingMessagesGone: _count_gone,
    StampsSet: _set_stamps,
    UnreadNoticesSet: _set_unread_notices,
    Announced: _announce,
    ShutDown: _shut_down,
}
"""What applies an event, by its type. One look-up instead of a `match` with a case for each."""
