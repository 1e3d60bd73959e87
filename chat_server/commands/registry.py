"""The registry: every command in one table. `/help`, usage errors and the list at login use it.

A new command is a row here, a handler in a module of this package, and often a method of the hub.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import Final

from chat_server.commands import (
    history,
    messages,
    operator,
    passwd,
    rooms,
    session,
    subscriptions,
    unread,
)
from chat_server.commands.context import CommandContext, Handler
from chat_server.core import RejectReason, values
from chat_server.history import History, HistoryUnavailableError
from chat_server.wire import LOBBY, Command, published_form


class Need(Enum):
    """What a server must have so that it knows a command."""

    NOTHING = auto()
    HISTORY = auto()
    SEARCH = auto()
    """A history that can be searched."""


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """One command: its syntax, its help text, its handler and the arguments that it accepts."""

    syntax: str
    help: str
    handler: Handler
    min_arguments: int = 0
    max_arguments: int = 0
    ends_in_text: bool = False
    """The last argument is the rest of the line, in the form in which it is published."""
    choices: frozenset[str] | None = None
    """If set, every argument has to be one of these."""
    operators_only: bool = False
    """The command is rejected for all other users, and they do not see it in any list."""
    needs: Need = Need.NOTHING
    """Without it the command is unknown."""

    @property
    def word(self) -> str:
        """The command with its slash."""
        return self.syntax.split(" ", 1)[0]

    def accepts(self, arguments: tuple[str, ...]) -> bool:
        """Return True if the arguments match the syntax. An empty one never does."""
        return (
            self.min_arguments <= len(arguments) <= self.max_arguments
            and all(arguments)
            and (self.choices is None or self.choices.issuperset(arguments))
        )

    def arguments_of(self, command: Command) -> tuple[str, ...]:
        """Return the arguments. A text of which nothing is left after cleaning is empty."""
        if not self.ends_in_text or len(command.arguments) < self.max_arguments:
            return command.arguments
        text = published_form(command.text_after(self.max_arguments))
        return (*command.arguments[: self.max_arguments - 1], text)


def _help(context: CommandContext, _: tuple[str, ...]) -> None:
    """List the commands that the user may use."""
    past = context.services.history
    kept = "" if past is None else _kept(past.days)
    specs = _specs_for(context.is_operator, _abilities(past))
    context.reply(
        values.CommandHelp(tuple((spec.syntax, spec.help.replace(_KEPT, kept)) for spec in specs))
    )


_KEPT: Final = "{kept}"
"""In a help text: how long messages are kept."""


def _kept(days: int) -> str:
    if not days:
        return "kept without a time limit"
    return "kept for 1 day" if days == 1 else f"kept for {days} days"


_TABLE: Final = (
    CommandSpec(
        "/join <room>",
        "move to a room; it opens if there is none of that name",
        rooms.join,
        min_arguments=1,
        max_arguments=1,
    ),
    CommandSpec("/leave", f"go back to the {LOBBY}", rooms.leave),
    CommandSpec("/rooms", "list the rooms and how many are in each", rooms.list_rooms),
    CommandSpec(
        "/subscribe <user>",
        "hear what a user says in the room you are in; * is everyone",
        subscriptions.subscribe,
        min_arguments=1,
        max_arguments=1,
    ),
    CommandSpec(
        "/unsubscribe <user>",
        "hear a user no more; * ends only the subscription to everyone",
        subscriptions.unsubscribe,
        min_arguments=1,
        max_arguments=1,
    ),
    CommandSpec("/subs", "list your subscriptions", subscriptions.list_subscriptions),
    CommandSpec(
        "/who [room]",
        "list who is in a room, this one if you name none",
        rooms.list_members,
        max_arguments=1,
    ),
    CommandSpec(
        "/presence on|off",
        "turn notices about joining and leaving on or off",
        rooms.set_presence,
        min_arguments=1,
        max_arguments=1,
        choices=frozenset({"on", "off"}),
    ),
    CommandSpec(
        "/msg <user> <text>",
        "send a message to one user who is subscribed to you, in any room",
        messages.send_private,
        min_arguments=2,
        max_arguments=2,
        ends_in_text=True,
    ),
    CommandSpec(
        "/me <text>",
        "say what you do, as in: * alice waves",
        messages.publish_action,
        min_arguments=1,
        max_arguments=1,
        ends_in_text=True,
    ),
    CommandSpec(
        history.HISTORY_SYNTAX,
        "read past messages, {kept}; <when>: 30m, 2h, 3d, 2026-11-22T14:03",
        history.show_history,
        max_arguments=5,
        needs=Need.HISTORY,
    ),
    CommandSpec(
        "/search <words>",
        "find past messages of this room that contain all the words",
        history.search,
        min_arguments=1,
        max_arguments=1,
        ends_in_text=True,
        needs=Need.SEARCH,
    ),
    CommandSpec(
        "/unread [on|off]",
        "list what you have not read elsewhere, or turn notices about it on or off",
        unread.unread,
        max_arguments=1,
        choices=frozenset({"on", "off"}),
        needs=Need.HISTORY,
    ),
    CommandSpec(
        "/stamps on|off",
        "turn full stamps of new messages on or off",
        unread.set_stamps,
        min_arguments=1,
        max_arguments=1,
        choices=frozenset({"on", "off"}),
        needs=Need.HISTORY,
    ),
    CommandSpec(
        "/erase <stamp>",
        "erase a message of yours from the history; operators erase any, or all by a <user>",
        history.erase,
        min_arguments=1,
        max_arguments=1,
        needs=Need.HISTORY,
    ),
    CommandSpec(
        "/passwd <old> <new>",
        "give your account another password, of 8 to 72 bytes",
        passwd.change_password,
        min_arguments=2,
        max_arguments=2,
    ),
    CommandSpec("/help", "list the commands", _help),
    CommandSpec("/quit", "say goodbye and close the connection", session.quit_session),
    CommandSpec(
        "/kick <user> [reason]",
        "end a user's session",
        operator.kick,
        min_arguments=1,
        max_arguments=2,
        ends_in_text=True,
        operators_only=True,
    ),
    CommandSpec(
        "/ban <user|address> [minutes]",
        "ban a user or an address, until the server stops if you name no time",
        operator.ban,
        min_arguments=1,
        max_arguments=2,
        operators_only=True,
    ),
    CommandSpec(
        "/unban <user|address>",
        "end the ban of a user or an address",
        operator.unban,
        min_arguments=1,
        max_arguments=1,
        operators_only=True,
    ),
    CommandSpec(
        "/announce <text>",
        "say something to everyone on the server",
        operator.announce,
        min_arguments=1,
        max_arguments=1,
        ends_in_text=True,
        operators_only=True,
    ),
)

_BY_WORD: Final = {spec.word: spec for spec in _TABLE}


def _abilities(past: History | None) -> frozenset[Need]:
    """Return what a server with this history has."""
    if past is None:
        return frozenset({Need.NOTHING})
    return frozenset({Need.NOTHING, Need.HISTORY, *([Need.SEARCH] if past.has_search else [])})


def _specs_for(is_operator: bool, abilities: frozenset[Need]) -> list[CommandSpec]:
    return [
        spec
        for spec in _TABLE
        if spec.needs in abilities and (is_operator or not spec.operators_only)
    ]


@lru_cache(maxsize=8)
def _words_for(is_operator: bool, abilities: frozenset[Need]) -> tuple[str, ...]:
    return tuple(spec.word for spec in _specs_for(is_operator, abilities))


def available_commands(is_operator: bool = False, past: History | None = None) -> tuple[str, ...]:
    """Return the commands that a user may use, each with its slash. An operator has more.

    `past`: the history of the server. Without it there are fewer.
    """
    return _words_for(is_operator, _abilities(past))


def execute(context: CommandContext, command: Command) -> None:
    """Run a command, or reply with an error.

    It is unknown, not allowed or malformed, or it needs the history, which is not available now.
    """
    spec = _BY_WORD.get(command.word)
    if spec is None or not _is_known(spec, context.services.history):
        context.reject(RejectReason.UNKNOWN_COMMAND, command.word)
        return
    if spec.operators_only and not context.is_operator:
        context.reject(RejectReason.OPERATORS_ONLY, spec.word)
        return
    arguments = spec.arguments_of(command)
    if not spec.accepts(arguments):
        context.reject(RejectReason.USAGE, spec.syntax)
        return
    try:
        spec.handler(context, arguments)
    except HistoryUnavailableError:
        context.reject(RejectReason.HISTORY_UNAVAILABLE)


def _is_known(spec: CommandSpec, past: History | None) -> bool:
    return spec.needs is Need.NOTHING or spec.needs in _abilities(past)
