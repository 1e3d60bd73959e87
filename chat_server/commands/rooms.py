"""Handlers of the commands about rooms: `/join`, `/leave`, `/rooms`, `/who`, `/presence`."""

from __future__ import annotations

from chat_server.commands.context import CommandContext
from chat_server.wire import LOBBY


def join(context: CommandContext, arguments: tuple[str, ...]) -> None:
    """Move to the room that the argument names."""
    (name,) = arguments
    context.hub.join(context.session, name)


def leave(context: CommandContext, _: tuple[str, ...]) -> None:
    """Move to the lobby."""
    context.hub.join(context.session, LOBBY)


def list_rooms(context: CommandContext, _: tuple[str, ...]) -> None:
    """List the rooms with their numbers of members."""
    context.hub.list_rooms(context.session)


def list_members(context: CommandContext, arguments: tuple[str, ...]) -> None:
    """List the members of a room, or of the user's own room without an argument."""
    context.hub.list_members(context.session, *arguments)


def set_presence(context: CommandContext, arguments: tuple[str, ...]) -> None:
    """Turn presence notices `on` or `off`."""
    context.hub.set_presence(context.session, arguments == ("on",))
