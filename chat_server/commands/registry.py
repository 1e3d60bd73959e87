"""The commands, as one table: `/help`, usage errors and the list at login all come from it.

A new command is one row here and its function on the hub.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from chat_server.commands import operator as operators
from chat_server.commands.context import Asker
from chat_server.commands.passwd import change_password
from chat_server.delivery.outbox import Outbox
from chat_server.wire import replies
from chat_server.wire.protocol import LOBBY, Command, published_form

_Audience = tuple[Outbox, ...]


_Run = Callable[[Asker, tuple[str, ...]], _Audience | None]


@dataclass(frozen=True, slots=True)
class CommandRow:
    """One command: how it is written, what it does in a few words, and what runs it."""

    form: str
    help: str
    run: _Run
    """Gives back who was sent somebody's words by it, if anybody was."""
    fewest: int = 0
    """Words after the command that it needs."""
    most: int = 0
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
        return self.form.split(" ", 1)[0]

    def admits(self, arguments: tuple[str, ...]) -> bool:
        """Whether the words after the command are as its form says."""
        return (
            self.fewest <= len(arguments) <= self.most
            and all(arguments)
            and (self.choices is None or self.choices.issuperset(arguments))
        )

    def arguments_of(self, command: Command) -> tuple[str, ...]:
        """The words after the command; the last is empty where a text is and nothing is left."""
        if not self.ends_in_text or len(command.arguments) < self.most:
            return command.arguments
        text = published_form(command.text_after(self.most))
        return (*command.arguments[: self.most - 1], text)


def _help(asker: Asker, _: tuple[str, ...]) -> None:
    rows = _rows_for(asker.is_operator)
    asker.shared.hub.reply(asker.session, [replies.help_line(row.form, row.help) for row in rows])


_TABLE: Final = (
    CommandRow(
        "/join <room>",
        "move to a room; it opens if there is none of that name",
        lambda asker, words: asker.shared.hub.join(asker.session, words[0]),
        fewest=1,
        most=1,
    ),
    CommandRow(
        "/leave",
        f"go back to the {LOBBY}",
        lambda asker, words: asker.shared.hub.join(asker.session, LOBBY),
    ),
    CommandRow(
        "/rooms",
        "list the rooms and how many are in each",
        lambda asker, words: asker.shared.hub.list_rooms(asker.session),
    ),
    CommandRow(
        "/subscribe <user>",
        "hear what a user says in the room you are in; * is everyone",
        lambda asker, words: asker.shared.hub.subscribe(asker.session, words[0]),
        fewest=1,
        most=1,
    ),
    CommandRow(
        "/unsubscribe <user>",
        "hear a user no more; * ends only the subscription to everyone",
        lambda asker, words: asker.shared.hub.unsubscribe(asker.session, words[0]),
        fewest=1,
        most=1,
    ),
    CommandRow(
        "/subs",
        "list whom you are subscribed to",
        lambda asker, words: asker.shared.hub.list_subscriptions(asker.session),
    ),
    CommandRow(
        "/who [room]",
        "list who is in a room, this one if you name none",
        lambda asker, words: asker.shared.hub.list_members(asker.session, *words),
        most=1,
    ),
    CommandRow(
        "/presence on|off",
        "be told who comes and goes, or not",
        lambda asker, words: asker.shared.hub.set_presence(asker.session, words[0] == "on"),
        fewest=1,
        most=1,
        choices=frozenset({"on", "off"}),
    ),
    CommandRow(
        "/msg <user> <text>",
        "say something to one user alone, in whatever room, who is subscribed to you",
        lambda asker, words: asker.shared.hub.send_private(asker.session, words[0], words[1]),
        fewest=2,
        most=2,
        ends_in_text=True,
    ),
    CommandRow(
        "/me <text>",
        "tell what you do, as in: * alice waves",
        lambda asker, words: asker.shared.hub.publish(asker.session, words, actions=True),
        fewest=1,
        most=1,
        ends_in_text=True,
    ),
    CommandRow(
        "/passwd <old> <new>",
        "give your account another password, of 8 to 72 bytes",
        change_password,
        fewest=2,
        most=2,
    ),
    CommandRow("/help", "list the commands", _help),
    CommandRow(
        "/quit",
        "say goodbye and close the connection",
        lambda asker, words: asker.shared.hub.log_out(asker.session, replies.GOODBYE),
    ),
    CommandRow(
        "/kick <user> [reason]",
        "end a user's session",
        lambda asker, words: operators.kick(asker.session, asker.shared, *words),
        fewest=1,
        most=2,
        ends_in_text=True,
        operators_only=True,
    ),
    CommandRow(
        "/ban <user|address> [minutes]",
        "shut a user or an address out, until the server stops if you name no time",
        lambda asker, words: operators.ban(asker.session, asker.shared, *words),
        fewest=1,
        most=2,
        operators_only=True,
    ),
    CommandRow(
        "/unban <user|address>",
        "let a banned user or address in again",
        lambda asker, words: operators.unban(asker.session, asker.shared, *words),
        fewest=1,
        most=1,
        operators_only=True,
    ),
    CommandRow(
        "/announce <text>",
        "say something to everyone on the server",
        lambda asker, words: operators.announce(asker.session, asker.shared, *words),
        fewest=1,
        most=1,
        ends_in_text=True,
        operators_only=True,
    ),
)

_BY_WORD: Final = {row.word: row for row in _TABLE}


def _rows_for(operator: bool) -> list[CommandRow]:
    return [row for row in _TABLE if operator or not row.operators_only]


def greeting(operator: bool = False) -> tuple[str, ...]:
    """What a session reads before anything else; an operator's lists more commands."""
    return _GREETINGS[operator]


_GREETINGS: Final = {
    operator: (
        replies.LOGIN_SUCCESSFUL,
        *replies.available_commands(row.word for row in _rows_for(operator)),
    )
    for operator in (False, True)
}


def execute(asker: Asker, command: Command) -> _Audience | None:
    """Run one command, in the thread of who asks; bad ones are answered with an error.

    Gives back who was sent somebody's words by it, if anybody was.
    """
    row = _BY_WORD.get(command.word)
    if row is None:
        asker.shared.hub.fail(asker.session, replies.unknown_command(command.word))
        return None
    if row.operators_only and not asker.is_operator:
        asker.shared.hub.fail(asker.session, replies.for_operators(row.word))
        return None
    arguments = row.arguments_of(command)
    if not row.admits(arguments):
        asker.shared.hub.fail(asker.session, replies.usage(row.form))
        return None
    return row.run(asker, arguments)
