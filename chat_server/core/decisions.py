"""The decisions of the hub: from a request and the state to an event or a reply.

A reply means that the request changes nothing. The functions are pure. The hub calls them
under its lock and applies the event before it releases the lock, so a decision still holds when it
is applied.
"""

from __future__ import annotations

from collections.abc import Callable

from chat_server.confusables import has_visible_character
from chat_server.core.rooms import Session, is_subscribed_to
from chat_server.core.state import HubState
from chat_server.core.values import (
    AlreadyInRoom,
    Joined,
    MemberList,
    PrivateMessageSent,
    ReceiverT,
    Rejected,
    RejectReason,
    RoomList,
    Subscribed,
    SubscriptionList,
    Unsubscribed,
)
from chat_server.wire import EVERYONE, LOBBY, canonical_name


def join(
    state: HubState[ReceiverT], session: Session[ReceiverT], name: str
) -> Joined | AlreadyInRoom | Rejected:
    """Decide whether the user moves to the room `name`, which is as it was typed.

    A room that is open can always be joined. A new one must not look like one of these.
    """
    room = canonical_name(name)
    if room is None or not has_visible_character(room):
        return Rejected(RejectReason.INVALID_ROOM_NAME, name)
    if room == session.room.name:
        return AlreadyInRoom(room)
    similar = None if room in state.rooms else state.looks.similar_room(room)
    if similar is not None:
        return Rejected(RejectReason.SIMILAR_ROOM, room, other=similar)
    return Joined(session.user, room)


def subscribe(
    session: Session[ReceiverT], name: str, has_account: Callable[[str], bool]
) -> Subscribed | Rejected:
    """Decide whether the user subscribes to `name`, which is as it was typed, or `*`."""
    publisher = name if name == EVERYONE else canonical_name(name)
    if publisher is None or not (publisher == EVERYONE or has_account(publisher)):
        return Rejected(RejectReason.NO_SUCH_USER, name)
    return Subscribed(session.user, publisher)


def unsubscribe(session: Session[ReceiverT], name: str) -> Unsubscribed:
    """Decide that the user unsubscribes from `name`. Never rejected."""
    return Unsubscribed(session.user, canonical_name(name) or name)


def send_private(
    state: HubState[ReceiverT],
    author: str,
    name: str,
    text: str,
    stamp: int,
    time: int | None,
    may_wait: Callable[[str], bool],
) -> PrivateMessageSent | Rejected:
    """Decide whether a private message reaches `name`, now or later.

    It does now if the recipient is online and subscribed to the author. Else it is kept, if
    `may_wait(recipient)`.
    """
    user = canonical_name(name) or ""
    recipient = state.sessions.get(user)
    if user == author or not user:
        return Rejected(RejectReason.NOT_DELIVERED, user or name)
    if recipient is not None and is_subscribed_to(recipient, author):
        return PrivateMessageSent(author, user, text, stamp, time)
    if not may_wait(user):
        return Rejected(RejectReason.NOT_DELIVERED, user)
    if not state.waiting.has_room(user, author):
        return Rejected(RejectReason.TOO_MANY_WAITING, user)
    return PrivateMessageSent(author, user, text, stamp, time, is_kept=True)


def send_private_again(
    state: HubState[ReceiverT], author: str, name: str, text: str, stamp: int, may_wait: bool
) -> PrivateMessageSent | Rejected:
    """Return what became of a private message, as far as a state that contains it says.

    `stamp` is the one that it had when it was decided.
    """
    user = canonical_name(name) or ""
    recipient = state.sessions.get(user)
    is_newest_kept = state.waiting.newest(user, author) >= stamp
    if recipient is not None and recipient.newest_private >= stamp and not is_newest_kept:
        return PrivateMessageSent(author, user, text, stamp, stamp)
    if not user or user == author or not may_wait:
        return Rejected(RejectReason.NOT_DELIVERED, user or name)
    if not is_newest_kept and not state.waiting.has_room(user, author):
        return Rejected(RejectReason.TOO_MANY_WAITING, user)
    return PrivateMessageSent(author, user, text, stamp, stamp, is_kept=True)


def waiting_if_full(
    state: HubState[ReceiverT], session: Session[ReceiverT], name: str
) -> dict[str, int]:
    """Return how many messages wait for `name`, by author, if `send_private` rejects one more.

    Empty: it does not, or for another reason.
    """
    user = canonical_name(name) or ""
    recipient = state.sessions.get(user)
    if recipient is not None and is_subscribed_to(recipient, session.user):
        return {}
    return {} if state.waiting.has_room(user, session.user) else state.waiting.numbers(user)


def list_rooms(state: HubState[ReceiverT]) -> RoomList:
    """List the rooms: the lobby first and always, then by name."""
    names = [LOBBY, *sorted(name for name in state.rooms if name != LOBBY)]
    return RoomList(tuple((name, len(state.rooms[name].members)) for name in names))


def list_members(
    state: HubState[ReceiverT], session: Session[ReceiverT], name: str | None
) -> MemberList | Rejected:
    """List the members of a room by name: the user's own room if `name` is None."""
    room = session.room if name is None else state.rooms.get(canonical_name(name) or "")
    if room is None:
        return Rejected(RejectReason.NO_SUCH_ROOM, name or "")
    return MemberList(room.name, tuple(sorted(room.members)))


def list_subscriptions(session: Session[ReceiverT]) -> SubscriptionList:
    """List the publishers: `*` first, then by name."""
    names = sorted(session.subscriptions, key=lambda name: (name != EVERYONE, name))
    return SubscriptionList(tuple(names))
