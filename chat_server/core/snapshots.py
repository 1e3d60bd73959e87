"""The replicated state as plain values that JSON can hold, and back. Pure.

Settings and positions that concern only the client of a session are not part of it: presence
notices, stamps, unread notices, the trail. They stay in the `Session` of the client's own server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from chat_server.core.records import MessagesErased
from chat_server.core.rooms import Session
from chat_server.core.state import HubState
from chat_server.core.values import ReceiverT
from chat_server.wire import LOBBY


def export_state(state: HubState[ReceiverT]) -> dict[str, Any]:
    """Return the replicated state. Equal states export the same, with the same order."""
    return {
        "last_stamp": state.last_stamp,
        "sessions": [
            [
                each.user,
                each.generation,
                each.node,
                each.host,
                each.user in each.subscriptions,
                each.newest_private,
                list(each.left.items()),
            ]
            for each in state.sessions.values()
        ],
        "rooms": [[name, list(room.members)] for name, room in state.rooms.items()],
        "subscriptions": {
            user: sorted(names - {user})
            for user, names in sorted(state.subscriptions.items())
            if names - {user}
        },
        "waiting": [
            [recipient, author, count, stamp]
            for recipient, by_author in sorted(state.waiting.snapshot().items())
            for author, (count, stamp) in sorted(by_author.items())
        ],
        "erasures": [
            [stamp, each.stamp, each.author, each.user, each.is_operator]
            for stamp, each in state.erasures
        ],
        "applied": [[node, *numbers] for node, numbers in sorted(state.applied.items())],
        "ended_before": [[user, *ended] for user, ended in sorted(state.ended_before.items())],
    }


def load_state(
    exported: Mapping[str, Any], before: HubState[ReceiverT], presence_burst: int
) -> HubState[ReceiverT]:
    """Return the state of a snapshot, with the sessions of the clients that are connected here.

    `before`: the state that it replaces. What watchers know is taken over from it.
    """
    clients = before.clients
    clients.detached.clear()
    state: HubState[ReceiverT] = HubState(presence_burst, clients=clients, watched=before)
    state.is_shut_down = before.is_shut_down
    state.last_stamp = exported["last_stamp"]
    state.applied = {node: (number, stamp) for node, number, stamp in exported["applied"]}
    for stamp, erased, author, user, is_operator in exported["erasures"]:
        state.erasures.append((stamp, MessagesErased(erased, author, user, is_operator)))
    for user, stamp, is_disabled in exported["ended_before"]:
        state.ended_before[user] = stamp, is_disabled
    for user, names in exported["subscriptions"].items():
        state.subscriptions[user] = set(names)
    for recipient, author, count, stamp in exported["waiting"]:
        state.waiting.load(recipient, author, count, stamp)
    sessions: dict[str, Session[ReceiverT]] = {}
    for user, generation, node, host, follows_itself, newest_private, left in exported["sessions"]:
        session = clients.sessions.get((user, generation))
        subscriptions = state.subscriptions.setdefault(user, set())
        if follows_itself:
            subscriptions.add(user)
        if session is None:
            # None: a client of another server, which is never a recipient.
            session = Session(
                user, cast(ReceiverT, None), state.lobby, subscriptions, host, state.last_stamp
            )
            session.generation = generation
        session.node = node
        session.subscriptions = subscriptions
        session.newest_private = newest_private
        session.left = dict(left)
        sessions[user] = session
        state.attach(session)
    for name, members in exported["rooms"]:
        room = state.lobby if name == LOBBY else state.room(name)
        for user in members:
            room.members[user] = sessions[user]
            sessions[user].room = room
    for session in clients.sessions.values():
        if state.sessions.get(session.user) is not session:
            clients.detach(session)
            if session.presence:
                state.watchers[session.user] = session
    return state
