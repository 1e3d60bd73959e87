"""The commands that the client knows: what each is for, and what it is followed by. Pure."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, NamedTuple


class ArgumentKind(Enum):
    """What stands behind a command's word."""

    NONE = auto()
    ROOM = auto()
    FOLLOWED = auto()
    """Somebody whom we follow."""
    NOT_FOLLOWED = auto()
    PERSON = auto()
    SWITCH = auto()
    """`on` or `off`."""
    SECRET = auto()
    """Passwords: nothing is offered for one."""
    TEXT = auto()


class KnownCommand(NamedTuple):
    """One command."""

    syntax: str
    description: str
    argument: ArgumentKind
    example: str


KNOWN_COMMANDS: Final = {
    "/join": KnownCommand(
        "/join ROOM", "go to a room; it opens if it is not there", ArgumentKind.ROOM, "/join dev"
    ),
    "/leave": KnownCommand("/leave", "back to the lobby", ArgumentKind.NONE, "/leave"),
    "/rooms": KnownCommand(
        "/rooms", "the rooms and how many are in each", ArgumentKind.NONE, "/rooms"
    ),
    "/subscribe": KnownCommand(
        "/subscribe NAME",
        "follow somebody (* for everyone)",
        ArgumentKind.NOT_FOLLOWED,
        "/subscribe bob",
    ),
    "/unsubscribe": KnownCommand(
        "/unsubscribe NAME", "follow no longer", ArgumentKind.FOLLOWED, "/unsubscribe bob"
    ),
    "/subs": KnownCommand("/subs", "whom you follow", ArgumentKind.NONE, "/subs"),
    "/who": KnownCommand("/who [ROOM]", "who is in a room", ArgumentKind.ROOM, "/who dev"),
    "/msg": KnownCommand(
        "/msg NAME TEXT",
        "say something to one person alone",
        ArgumentKind.PERSON,
        "/msg bob lunch?",
    ),
    "/me": KnownCommand(
        "/me TEXT", "tell what you do: * alice waves", ArgumentKind.TEXT, "/me waves"
    ),
    "/presence": KnownCommand(
        "/presence on|off",
        "whether to be told who comes and goes",
        ArgumentKind.SWITCH,
        "/presence off",
    ),
    "/passwd": KnownCommand(
        "/passwd", "change your password: a form asks for it", ArgumentKind.SECRET, "/passwd"
    ),
    "/help": KnownCommand(
        "/help", "what the server says about its commands", ArgumentKind.NONE, "/help"
    ),
    "/quit": KnownCommand("/quit", "sign out", ArgumentKind.NONE, "/quit"),
    "/kick": KnownCommand(
        "/kick NAME [REASON]", "end somebody's session", ArgumentKind.PERSON, "/kick bob flooding"
    ),
    "/ban": KnownCommand(
        "/ban NAME|ADDRESS [MINUTES]", "shut somebody out", ArgumentKind.PERSON, "/ban bob 10"
    ),
    "/unban": KnownCommand(
        "/unban NAME|ADDRESS", "let somebody in again", ArgumentKind.TEXT, "/unban bob"
    ),
    "/announce": KnownCommand(
        "/announce TEXT",
        "say something to everyone on the server",
        ArgumentKind.TEXT,
        "/announce back at noon",
    ),
}
"""In the order in which they are offered."""
