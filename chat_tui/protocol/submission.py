"""What Enter in the composer asks of a server: what its lines mean there, and why they can't go."""

from __future__ import annotations

from chat_server.wire.protocol import Text, canonical_name
from chat_tui.input.parser import (
    CommandLine,
    problem_of_old,
    sending_problem,
    text_behind,
    typed_lines,
)
from chat_tui.protocol.intent_queue import Deed
from chat_tui.protocol.private_messages import Privately
from chat_tui.protocol.send_queue import Outbound

Line = CommandLine | Text | Deed | Privately


def lines_of(text: str, to: str, out: Outbound) -> tuple[list[Line], str | None]:
    """The lines of `text`, and why none of them is to be sent, if so.

    `to`: whom alone they are for; empty: they are for the room.
    """
    lines = [_meant(line, to, out) for line in typed_lines(text)]
    return lines, next(filter(None, (_problem_of(line, to, out) for line in lines)), None)


def _meant(line: CommandLine | Text, to: str, out: Outbound) -> Line:
    """A typed line as what it is: also what ends in a text is said by us and may get lost."""
    if isinstance(line, Text):
        return Privately(to, line.text.lstrip(" "), typed=False) if to else line
    if line.word not in out.commands:
        return line
    if line.word == "/me" and (deed := text_behind(line, 1)):
        return Deed(deed)
    if line.word == "/msg" and (said := text_behind(line, 2)):
        name = canonical_name(line.arguments[0])
        return line if name is None else Privately(name, said, typed=True)
    return line


def _problem_of(line: Line, to: str, out: Outbound) -> str | None:
    if isinstance(line, Deed) and to:
        return f"Not sent: /me tells the whole room, and here only {to} reads you"
    if isinstance(line, Privately) and "/msg" not in out.commands:
        return "Not sent: this server knows no private messages"
    if isinstance(line, Deed | Privately):
        line = line.command
    if out.one_at_a_time and (problem := problem_of_old(line, out.commands)):
        return problem
    return sending_problem(line)
