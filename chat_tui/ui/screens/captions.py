"""What the panes of the chat are to say, read off the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from textual.content import Content

from chat_tui.events import ConnectionChanged, ConnectionState
from chat_tui.model import ChatModel, Location
from chat_tui.ui.notifier import Notifier
from chat_tui.ui.screens.wording import format_duration
from chat_tui.ui.widgets import PeopleActivity, StatusInfo

_SLOW_SECONDS: Final = timedelta(seconds=1)
"""After how long a message that the server has not taken yet is worth a word in the status bar."""

_ONE_WAY_NOTE: Final = "private; follow back to hear the answer"
"""What is true of a conversation with somebody whom we do not follow."""

_LOST: Final = frozenset({ConnectionState.WAITING, ConnectionState.RETRYING})


def header(model: ChatModel, notifier: Notifier) -> Content:
    """The line above the log: how much is unread, where one is, and with how many."""
    unread = f"({notifier.unread}) " if notifier.unread else ""
    person, members = model.location.partner, model.rooms.members_of(model.room)
    about = "" if members is None else f" · {members} here"
    if person:
        about = " · private" if model.people.follows(person) else f" · {_ONE_WAY_NOTE}"
    about += " · muted" if model.location in notifier.muted else ""
    where = person or model.room
    return Content.assemble((unread, "bold"), (where, "bold $accent"), (about, "$foreground 60%"))


def empty_log_hint(model: ChatModel, people_key: str) -> str:
    """What stands in an empty log. `people_key`: what leads to the list of people."""
    if person := model.location.partner:
        return f"What you write here reaches {person} alone, who has to follow you."
    people = model.people
    if people.follows_nobody_here:
        press = f"Click on a name, or press {people_key}."
        return f"You follow no one here, so you hear no one. {press}"
    if people.known and len(people.here()) == 1:
        return "You are alone here. What you say is heard by those who come and follow you."
    follow = f"Say hello, or follow someone on the right ({people_key})."
    return f"No one has spoken since you came. {follow}"


def status_info(model: ChatModel) -> StatusInfo:
    """How things stand with the server."""
    return StatusInfo(
        model.connection.state,
        model.user,
        model.server,
        model.room,
        model.round_trip,
        model.connection.encrypted,
        model.rooms.members_of(model.room),
        model.pending(_SLOW_SECONDS),
        len(model.unconfirmed),
    )


def people_activity(model: ChatModel) -> PeopleActivity:
    """What is new about the people of the room, and of the conversation if one is in view."""
    unread = Counter(model.unread.by_author(model.room))
    if model.location != model.room:
        unread.update(model.unread.by_author(model.location))
    return PeopleActivity(unread, model.people.recent_speakers(model.now()))


def unread_elsewhere(model: ChatModel) -> Mapping[str, int]:
    """How much is unread in each place that is not in view; those without are left out."""
    places = [room.name for room in model.rooms.listed()]
    places += [Location.private(person) for person in model.conversations.listed()]
    counts = {place: model.unread.count(place) for place in places}
    return {name: count for name, count in counts.items() if count and name != model.location}


def connection_warning(
    connection: ConnectionChanged, *, input_blocked: bool, retry_key: str
) -> Content | None:
    """What stands above the composer while the connection is lost; None: it is not.

    `check_input`: somebody pressed Enter meanwhile. `retry_key`: what tries at once.
    """
    if connection.state not in _LOST:
        return None
    what = "your text stays here" if input_blocked else "connection lost"
    if connection.state is not ConnectionState.WAITING:
        return Content(f"{what}, trying to come back…")
    seconds = max(1, round(connection.retry_in or 0))
    return Content(f"{what}, next try in {format_duration(seconds)} — {retry_key} now")
