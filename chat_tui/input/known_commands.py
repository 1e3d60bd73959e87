"""The commands that the client knows, with their syntax and arguments. Pure."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, NamedTuple


class ArgumentKind(Enum):
    """The kind of a command's first argument. It decides what the completion offers."""

    NONE = auto()
    ROOM = auto()
    FOLLOWED = auto()
    """A user that the user follows."""
    NOT_FOLLOWED = auto()
    PERSON = auto()
    SWITCH = auto()
    """`on` or `off`."""
    SECRET = auto()
    """Passwords. Nothing is offered."""
    TEXT = auto()


class KnownCommand(NamedTuple):
    """One command."""

    syntax: str
    description: str
    argument: ArgumentKind
    example: str


KNOWN_COMMANDS: Final = {
    "/join": KnownCommand(
        "/join ROOM", "go to a room, or create it", ArgumentKind.ROOM, "/join dev"
    ),
    "/leave": KnownCommand("/leave", "go back to the lobby", ArgumentKind.NONE, "/leave"),
    "/rooms": KnownCommand(
        "/rooms", "list the rooms with their member counts", ArgumentKind.NONE, "/rooms"
    ),
    "/subscribe": KnownCommand(
        "/subscribe NAME",
        "follow a user (* for everyone)",
        ArgumentKind.NOT_FOLLOWED,
        "/subscribe bob",
    ),
    "/unsubscribe": KnownCommand(
        "/unsubscribe NAME", "stop following a user", ArgumentKind.FOLLOWED, "/unsubscribe bob"
    ),
    "/subs": KnownCommand("/subs", "list the users you follow", ArgumentKind.NONE, "/subs"),
    "/who": KnownCommand(
        "/who [ROOM]", "list the members of a room", ArgumentKind.ROOM, "/who dev"
    ),
    "/msg": KnownCommand(
        "/msg NAME TEXT", "send a private message", ArgumentKind.PERSON, "/msg bob lunch?"
    ),
    "/me": KnownCommand(
        "/me TEXT", "describe what you do: * alice waves", ArgumentKind.TEXT, "/me waves"
    ),
    "/presence": KnownCommand(
        "/presence on|off",
        "show or hide arrivals and departures",
        ArgumentKind.SWITCH,
        "/presence off",
    ),
    "/history": KnownCommand(
        "/history [NUMBER]", "show past messages of this room", ArgumentKind.TEXT, "/history 50"
    ),
    "/search": KnownCommand(
        "/search TEXT", "search in this room's history", ArgumentKind.TEXT, "/search build"
    ),
    "/unread": KnownCommand(
        "/unread", "list rooms and people with unread messages", ArgumentKind.SWITCH, "/unread"
    ),
    "/stamps": KnownCommand(
        "/stamps on|off",
        "show or hide full times (this client needs them)",
        ArgumentKind.SWITCH,
        "/stamps on",
    ),
    "/erase": KnownCommand(
        "/erase STAMP", "erase a message of yours", ArgumentKind.TEXT, "/erase STAMP"
    ),
    "/passwd": KnownCommand(
        "/passwd", "change your password in a form", ArgumentKind.SECRET, "/passwd"
    ),
    "/help": KnownCommand("/help", "show the server's help", ArgumentKind.NONE, "/help"),
    "/quit": KnownCommand("/quit", "sign out", ArgumentKind.NONE, "/quit"),
    "/kick": KnownCommand(
        "/kick NAME [REASON]", "end a user's session", ArgumentKind.PERSON, "/kick bob flooding"
    ),
    "/ban": KnownCommand(
        "/ban NAME|ADDRESS [MINUTES]",
        "ban a user or an address",
        ArgumentKind.PERSON,
        "/ban bob 10",
    ),
    "/unban": KnownCommand("/unban NAME|ADDRESS", "lift a ban", ArgumentKind.TEXT, "/unban bob"),
    "/announce": KnownCommand(
        "/announce TEXT",
        "send a message to all users on the server",
        ArgumentKind.TEXT,
        "/announce back at noon",
    ),
}
"""In the order in which the completion offers them."""
