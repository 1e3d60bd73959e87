"""The commands that the client knows: what each is for, and what it is followed by. Pure."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, NamedTuple


class Argument(Enum):
    """What stands behind a command's word."""

    NONE = auto()
    ROOM = auto()
    FOLLOWED = auto()
    """Somebody whom we follow."""
    NOT_FOLLOWED = auto()
    PERSON = auto()
    SWITCH = auto()
    """`on` or `off`."""
    WORDS = auto()


class KnownCommand(NamedTuple):
    """One command."""

    form: str
    does: str
    argument: Argument


KNOWN_COMMANDS: Final = {
    "/join": KnownCommand("/join ROOM", "go to a room; it opens if it is not there", Argument.ROOM),
    "/leave": KnownCommand("/leave", "back to the lobby", Argument.NONE),
    "/rooms": KnownCommand("/rooms", "the rooms and how many are in each", Argument.NONE),
    "/subscribe": KnownCommand(
        "/subscribe NAME", "follow somebody (* for everyone)", Argument.NOT_FOLLOWED
    ),
    "/unsubscribe": KnownCommand("/unsubscribe NAME", "follow no longer", Argument.FOLLOWED),
    "/subs": KnownCommand("/subs", "whom you follow", Argument.NONE),
    "/who": KnownCommand("/who [ROOM]", "who is in a room", Argument.ROOM),
    "/msg": KnownCommand("/msg NAME TEXT", "say something to one person alone", Argument.PERSON),
    "/me": KnownCommand("/me TEXT", "say what you do: * alice waves", Argument.WORDS),
    "/presence": KnownCommand(
        "/presence on|off", "whether to be told who comes and goes", Argument.SWITCH
    ),
    "/help": KnownCommand("/help", "what the server says about its commands", Argument.NONE),
    "/quit": KnownCommand("/quit", "sign out", Argument.NONE),
}
"""In the order in which they are offered."""
