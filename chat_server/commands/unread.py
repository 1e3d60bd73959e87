"""Handlers of the commands about unread numbers and stamps: `/unread`, `/stamps`."""

from __future__ import annotations

from chat_server.commands.context import CommandContext
from chat_server.commands.history import reader_of
from chat_server.core import values
from chat_server.history import History, Reader
from chat_server.wire import LOBBY, history_replies


def unread(context: CommandContext, arguments: tuple[str, ...]) -> None:
    """List the unread numbers, or turn notices about them `on` or `off`."""
    if arguments:
        context.hub.set_unread_notices(context.session, arguments == ("on",))
        if arguments == ("on",):
            context.services.notify_unread_on()
        return
    position = context.hub.reading_position(context.session)
    if position is None:
        return
    context.batch.flush()
    history, reader = context.history, reader_of(context, position)
    places = unread_places(history, reader)
    context.reply(values.UnreadList(tuple(places), history.gap_in_unread(reader.user)))


def set_stamps(context: CommandContext, arguments: tuple[str, ...]) -> None:
    """Turn the stamps of live messages `on` or `off`."""
    context.hub.set_stamps(context.session, arguments == ("on",))


def unread_places(history: History, reader: Reader) -> list[history_replies.UnreadPlace]:
    """Return the places with unread messages: the lobby first, then rooms and users by name.

    Raises `HistoryUnavailableError`.
    """
    rooms = [room for room in history.visited_rooms(reader.user) if room != reader.room]
    places = []
    for room in sorted(rooms, key=lambda name: (name != LOBBY, name)):
        unread = history.unread_in(reader, room)
        if unread.count:
            places.append(history_replies.UnreadPlace(room, unread.count, unread.mentions))
    for author, count in sorted(history.unread_private(reader).items()):
        places.append(history_replies.UnreadPlace(author, count, is_private=True))
    return places
