"""The texts of the panes, derived from the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final

from textual.content import Content

from chat_server.wire import replies
from chat_tui.events import ConnectionChanged, ConnectionState
from chat_tui.model import ChatModel, EdgeState, UnreadNumbers, shown_count
from chat_tui.ui.notifier import Notifier
from chat_tui.ui.screens.wording import format_duration
from chat_tui.ui.widgets import PeopleActivity, StatusInfo

_SLOW_SECONDS: Final = timedelta(seconds=1)
"""Age from which the status bar counts a message as pending."""

_ONE_WAY_NOTE: Final = "private; follow back to receive replies"
"""Shown in a conversation with a person that the user does not follow."""

_LOST: Final = frozenset({ConnectionState.WAITING, ConnectionState.RETRYING})


def header(model: ChatModel, notifier: Notifier) -> Content:
    """Return the line above the log: unread count, location and members."""
    unread = f"({shown_count(notifier.unread)}) " if notifier.unread else ""
    person, members = model.location.partner, model.rooms.members_of(model.room)
    about = "" if members is None else f" · {members} here"
    if person:
        about = " · private" if model.people.follows(person) else f" · {_ONE_WAY_NOTE}"
    about += " · muted" if model.location in notifier.muted else ""
    name = person or model.room
    return Content.assemble((unread, "bold"), (name, "bold $accent"), (about, "$text-muted"))


def empty_log_hint(model: ChatModel, key_of: Callable[[str, str], str], second_user: str) -> str:
    """Return the text of an empty log: what is true, and the key that leads on.

    `key_of(action, default)` returns a key. `second_user`: an account for trying out the chat in a
    second window, empty if none is known.
    """
    jump, help_key = key_of("jump", "Ctrl+K"), key_of("help", "F1")
    keys = f"{jump} opens another room, {help_key} shows all keys."
    people = model.people
    if model.connection.state is not ConnectionState.ONLINE:
        return "There is no connection. Messages appear here when it is back."
    if name := model.location.partner:
        text = f"Only {name} receives what you write here, and only if {name} follows you."
        if model.capabilities.history:
            text += " The server keeps it until then."
        if not people.follows(name):
            text += f" You do not follow {name}, so you see no answer: send /follow {name}"
        return text
    if model.log.top.state is EdgeState.FAILED:
        return f"The messages are not loaded yet: {model.log.top.cause}. Trying again…"
    if model.log.top.state in (EdgeState.MORE, EdgeState.LOADING):
        return "The latest messages are by people that you do not follow. PgUp looks further back."
    if people.follows_none_present:
        text = "You follow no one here, so you receive no messages. "
        if model.capabilities.follow_everyone:
            text += f"{key_of('people.everyone', 'F8')} follows everyone, "
        return text + f"{key_of('people', 'F3')} chooses people."
    if not people.known and model.capabilities.supports("/who"):
        return "Waiting for the list of people…"
    if people.known and len(people.here()) == 1:
        if second_user:
            return f"You are alone here. Sign in as {second_user} in a second window. {keys}"
        if model.capabilities.history:
            return f"You are alone here. Others can read your messages when they come. {keys}"
        return f"You are alone here. People receive your messages once they join. {keys}"
    return f"No messages yet. Say hello. {keys}"


def status_info(model: ChatModel, notifier: Notifier) -> StatusInfo:
    """Return what the status bar shows."""
    return StatusInfo(
        model.connection.state,
        model.user,
        model.connection.server or model.server,
        model.room,
        model.round_trip,
        model.connection.encrypted,
        model.rooms.members_of(model.room),
        model.pending(_SLOW_SECONDS),
        len(model.unconfirmed),
        shown_count(notifier.unread_elsewhere) if model.capabilities.history else "",
    )


def people_activity(model: ChatModel) -> PeopleActivity:
    """Return unread counts by author and recent speakers, of the room and the location in view."""
    unread = Counter(model.unread.by_author(model.room))
    if model.location != model.room:
        unread.update(model.unread.by_author(model.location))
    return PeopleActivity(unread, model.people.recent_speakers(model.now()))


def unread_elsewhere(model: ChatModel) -> Mapping[str, UnreadNumbers]:
    """Return the unread numbers of the other places, without those that have none."""
    places = [place for place in model.places.unread() if place != model.location]
    return {place: model.unread.numbers(place) for place in places}


def connection_warning(
    connection: ConnectionChanged, *, input_blocked: bool, retry_key: str
) -> Sequence[str]:
    """Return the text above the composer while the connection is lost, its longest form first.

    `input_blocked`: the user pressed Enter in the meantime. `retry_key` reconnects at once.
    """
    if connection.state not in _LOST:
        return ()
    state = "your text stays here" if input_blocked else "connection lost"
    if connection.state is not ConnectionState.WAITING:
        if connection.checking_password:
            return (f"{state}, the server checks the password…", "the password is checked…")
        return (f"{state}, reconnecting…", "reconnecting…")
    seconds = format_duration(max(1, round(connection.retry_in or 0)))
    return (
        f"{state}, next try in {seconds} — {retry_key} now",
        f"{state} — {retry_key} now",
        f"{retry_key}: connect now",
    )


def servers_warning(model: ChatModel) -> Sequence[str]:
    """Return the text above the composer while the server has lost the other servers of the chat.

    Its longest form comes first.
    """
    if model.connection.state is not ConnectionState.ONLINE or model.servers_connected:
        return ()
    return (
        replies.SERVERS_DISCONNECTED,
        "Other servers disconnected; messages wait",
        "messages wait",
    )


def audience_warning(model: ChatModel, *, everyone_key: str, people_key: str) -> Sequence[str]:
    """Return the text above the composer while the user receives no messages in the room.

    Its longest form comes first. The keys follow everyone, and focus the list of people.
    """
    people = model.people
    if (
        model.connection.state is not ConnectionState.ONLINE
        or model.location.is_private
        or not (people.follows_none_present or people.follows_none)
    ):
        return ()
    where = "in this room" if people.follows_none_present else "yet"
    if not model.capabilities.follow_everyone:
        return (f"You follow no one {where}. {people_key}: choose people", "You follow no one")
    return (
        f"You follow no one {where}, so you see no messages. {everyone_key}: follow everyone",
        f"You see no messages. {everyone_key}: follow everyone",
        f"{everyone_key}: follow everyone",
    )
