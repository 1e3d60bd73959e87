"""The commands, as one table: `/help`, usage errors and the list at login all come from it.

A new command is one row here and its function on the hub.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from chat_server.commands import operator as operators
from chat_server.commands.context import CommandContext
from chat_server.commands.passwd import change_password
from chat_server.core import EndCause, EndNotice
from chat_server.delivery import Outbox
from chat_server.wire import LOBBY, Command, published_form, replies

_Recipients = tuple[Outbox, ...]


_Handler = Callable[[CommandContext, tuple[str, ...]], _Recipients | None]


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """One command: how it is written, what it does in a few words, and what runs it."""

    syntax: str
    help: str
    handler: _Handler
    """Gives back who was sent somebody's words by it, if anybody was."""
    min_arguments: int = 0
    """Words after the command that it needs."""
    max_arguments: int = 0
    """Words after the command that it takes."""
    ends_in_text: bool = False
    """Its last word is all the rest of the line, in the form in which it is published."""
    choices: frozenset[str] | None = None
    """Where given, every word after the command is one of these."""
    operators_only: bool = False
    """For anybody else it is not listed, and refused."""

    @property
    def word(self) -> str:
        """The command with its slash."""
        return self.syntax.split(" ", 1)[0]

    def accepts(self, arguments: tuple[str, ...]) -> bool:
        """Whether the words after the command are as its form says."""
        return (
            self.min_arguments <= len(arguments) <= self.max_arguments
            and all(arguments)
            and (self.choices is None or self.choices.issuperset(arguments))
        )

    def arguments_of(self, command: Command) -> tuple[str, ...]:
        """The words after the command; the last is empty where a text is and nothing is left."""
        if not self.ends_in_text or len(command.arguments) < self.max_arguments:
            return command.arguments
        text = published_form(command.text_after(self.max_arguments))
        return (*command.arguments[: self.max_arguments - 1], text)


def _help(context: CommandContext, _: tuple[str, ...]) -> None:
    rows = _specs_for(context.is_operator)
    context.services.hub.reply(
        context.session, [replies.help_line(row.syntax, row.help) for row in rows]
    )


_TABLE: Final = (
    CommandSpec(
        "/join <room>",
        "move to a room; it opens if there is none of that name",
        lambda asker, words: asker.services.hub.join(asker.session, words[0]),
        min_arguments=1,
        max_arguments=1,
    ),
    CommandSpec(
        "/leave",
        f"go back to the {LOBBY}",
        lambda asker, words: asker.services.hub.join(asker.session, LOBBY),
    ),
    CommandSpec(
        "/rooms",
        "list the rooms and how many are in each",
        lambda asker, words: asker.services.hub.list_rooms(asker.session),
    ),
    CommandSpec(
        "/subscribe <user>",
        "hear what a user says in the room you are in; * is everyone",
        lambda asker, words: asker.services.hub.subscribe(asker.session, words[0]),
        min_arguments=1,
        max_arguments=1,
    ),
    CommandSpec(
        "/unsubscribe <user>",
        "hear a user no more; * ends only the subscription to everyone",
        lambda asker, words: asker.services.hub.unsubscribe(asker.session, words[0]),
        min_arguments=1,
        max_arguments=1,
    ),
    CommandSpec(
        "/subs",
        "list your subscriptions",
        lambda asker, words: asker.services.hub.list_subscriptions(asker.session),
    ),
    CommandSpec(
        "/who [room]",
        "list who is in a room, this one if you name none",
        lambda asker, words: asker.services.hub.list_members(asker.session, *words),
        max_arguments=1,
    ),
    CommandSpec(
        "/presence on|off",
        "be told who comes and goes, or not",
        lambda asker, words: asker.services.hub.set_presence(asker.session, words[0] == "on"),
        min_arguments=1,
        max_arguments=1,
        choices=frozenset({"on", "off"}),
    ),
    CommandSpec(
        "/msg <user> <text>",
        "say something to one user alone, in whatever room, who is subscribed to you",
        lambda asker, words: asker.services.hub.send_private(asker.session, words[0], words[1]),
        min_arguments=2,
        max_arguments=2,
        ends_in_text=True,
    ),
    CommandSpec(
        "/me <text>",
        "tell what you do, as in: * alice waves",
        lambda asker, words: asker.services.hub.publish(asker.session, words, actions=True),
        min_arguments=1,
        max_arguments=1,
        ends_in_text=True,
    ),
    CommandSpec(
        "/passwd <old> <new>",
        "give your account another password, of 8 to 72 bytes",
        change_password,
        min_arguments=2,
        max_arguments=2,
    ),
    CommandSpec("/help", "list the commands", _help),
    CommandSpec(
        "/quit",
        "say goodbye and close the connection",
        lambda asker, words: asker.services.hub.log_out(asker.session, EndNotice(EndCause.QUIT)),
    ),
    CommandSpec(
        "/kick <user> [reason]",
        "end a user's session",
        lambda asker, words: operators.kick(asker.session, asker.services, *words),
        min_arguments=1,
        max_arguments=2,
        ends_in_text=True,
        operators_only=True,
    ),
    CommandSpec(
        "/ban <user|address> [minutes]",
        "shut a user or an address out, until the server stops if you name no time",
        lambda asker, words: operators.ban(asker.session, asker.services, *words),
        min_arguments=1,
        max_arguments=2,
        operators_only=True,
    ),
    CommandSpec(
        "/unban <user|address>",
        "let a banned user or address in again",
        lambda asker, words: operators.unban(asker.session, asker.services, *words),
        min_arguments=1,
        max_arguments=1,
        operators_only=True,
    ),
    CommandSpec(
        "/announce <text>",
        "say something to everyone on the server",
        lambda asker, words: operators.announce(asker.session, asker.services, *words),
        min_arguments=1,
        max_arguments=1,
        ends_in_text=True,
        operators_only=True,
    ),
)

_BY_WORD: Final = {row.word: row for row in _TABLE}


def _specs_for(operator: bool) -> list[CommandSpec]:
    return [row for row in _TABLE if operator or not row.operators_only]


def available_commands(operator: bool = False) -> tuple[str, ...]:
    """Return the commands that a user may use, each with its slash. An operator has more."""
    return _AVAILABLE[operator]


_AVAILABLE: Final = {
    operator: tuple(row.word for row in _specs_for(operator)) for operator in (False, True)
}


def execute(context: CommandContext, command: Command) -> _Recipients | None:
    """Run one command, in the thread of who asks; bad ones are answered with an error.

    Gives back who was sent somebody's words by it, if anybody was.
    """
    row = _BY_WORD.get(command.word)
    if row is None:
        context.services.hub.reply_error(context.session, replies.unknown_command(command.word))
        return None
    if row.operators_only and not context.is_operator:
        context.services.hub.reply_error(context.session, replies.operators_only(row.word))
        return None
    arguments = row.arguments_of(command)
    if not row.accepts(arguments):
        context.services.hub.reply_error(context.session, replies.usage(row.syntax))
        return None
    return row.handler(context, arguments)
