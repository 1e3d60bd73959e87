"""Where the input history keeps a text, so that private text stays in its conversation. Pure."""

from __future__ import annotations

from typing import Final

from chat_server.wire import canonical_name
from chat_tui.input.known_commands import KNOWN_COMMANDS, ArgumentKind
from chat_tui.input.parser import CommandInput, parse_input, text_after, to_composer_text

_PRIVATE: Final = "/msg"

_HARMLESS: Final = frozenset(
    {
        ArgumentKind.NONE,
        ArgumentKind.ROOM,
        ArgumentKind.FOLLOWED,
        ArgumentKind.NOT_FOLLOWED,
        ArgumentKind.SWITCH,
    }
)
"""Arguments that are names or switches, not text that the user wrote to other users."""


def history_place(text: str, location: str) -> tuple[str, str] | None:
    """Return the location whose history keeps a text, and the text in the form for that location.

    `location` is where the user sent it. A private message belongs to its conversation, in
    whatever location it was typed. Return None for a command that may hold private text for an
    unknown recipient: an invalid name, or a command that the client does not know.
    """
    match parse_input(text):
        case [CommandInput(word=word, arguments=arguments) as command]:
            pass
        case _:
            return location, text
    if word == _PRIVATE:
        if len(arguments) < 2:
            return location, text
        name = canonical_name(arguments[0])
        return None if name is None else (f"@{name}", to_composer_text([text_after(command, 2)]))
    if word not in KNOWN_COMMANDS and arguments:
        return None
    return location, text


def holds_no_text(text: str) -> bool:
    """Return True for a command that the client knows and whose arguments are names only."""
    match parse_input(text):
        case [CommandInput(word=word)] if word in KNOWN_COMMANDS:
            return KNOWN_COMMANDS[word].argument in _HARMLESS
    return False
