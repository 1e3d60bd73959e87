"""What Enter in the composer gave, as what is meant by it: commands and texts."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from chat_server.wire.protocol import (
    LOBBY,
    Command,
    LineTooLong,
    Text,
    canonical_name,
    encode_line,
    encode_message,
    parse_client_line,
    published_form,
)

_LINE_END = re.compile("\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A command as it goes over the wire, and what it is made of."""

    line: str
    word: str
    """The first word, with its slash."""
    arguments: tuple[str, ...]


def private_line(name: str, text: str) -> CommandLine:
    """What says `text` to one person alone."""
    return command("/msg", name, text)


def deed_line(text: str) -> CommandLine:
    """What tells the room what one does."""
    return command("/me", text)


def text_behind(line: CommandLine, count: int) -> str:
    """The text that a command ends in, behind its first `count` words, in the server's form."""
    parsed = parse_client_line(line.line)
    return published_form(parsed.text_after(count)) if isinstance(parsed, Command) else ""


def command(word: str, *arguments: str) -> CommandLine:
    """A command made of its words."""
    return CommandLine(" ".join((word, *arguments)), word, arguments)


def typed_lines(text: str) -> list[CommandLine | Text]:
    """What `text` asks for; empty where it asks for nothing.

    A single line that begins with "/" is a command, "//text" is the text "/text". Of several lines
    each is a text as it stands, also where it begins with "/": a paste never runs commands. Texts
    come in the server's form, those that would vanish are left out.
    """
    lines = _LINE_END.split(text.rstrip("\r\n"))
    if len(lines) > 1:
        return [Text(said) for said in map(published_form, lines) if said]
    line = lines[0].rstrip()
    asked = parse_client_line(line)
    if isinstance(asked, Command):
        return [CommandLine(line, asked.word, asked.arguments)]
    said = published_form(asked.text) if asked else ""
    return [Text(said)] if said else []


def wire_form(line: CommandLine | Text, to: str = "") -> str:
    """The line that asks a server for this, without its end; a text is for `to` alone, if given."""
    if isinstance(line, CommandLine):
        return line.line
    if to:
        return private_line(to, line.text).line
    return "/" + line.text if line.text.startswith("/") else line.text


def room_asked_for(text: str) -> str | None:
    """The room into which `text`, if Enter gives it, asks to go; None where it asks for none."""
    match typed_lines(text):
        case [CommandLine(word="/join", arguments=(room,))]:
            return canonical_name(room)
        case [CommandLine(word="/leave", arguments=())]:
            return LOBBY
    return None


def said_by(typed: str) -> tuple[str, bool]:
    """The text that Enter says, given one line of `composed` or a deed; and whether it is a deed.

    For what was kept from an earlier session and is none of both: as it stands.
    """
    match typed_lines(typed):
        case [Text(text)]:
            return text, False
        case [CommandLine(word="/me") as line]:
            return text_behind(line, 1), True
    return typed, False


def sending_problem(line: CommandLine | Text) -> str | None:
    """Why no server takes this line, or None where it can be sent."""
    try:
        _ = encode_message(line.text) if isinstance(line, Text) else encode_line(line.line)
    except LineTooLong as problem:
        return f"Not sent: a {problem}"
    return None


def problem_of_old(line: CommandLine | Text, commands: Collection[str]) -> str | None:
    """Why the first servers must not be sent this line, or None: they know no "//".

    They take a text for a command once they have trimmed it, and say aloud what is no command of
    theirs.
    """
    if isinstance(line, Text):
        if line.text.lstrip().startswith("/"):
            return "Not sent: this server takes any text that begins with / for a command"
    elif line.word not in commands and line.word != "/quit":
        return f"Not sent: this server does not know {line.word} and would say it aloud"
    return None


def composed(texts: Sequence[str]) -> str:
    """What has to stand in the composer so that Enter gives these texts."""
    if len(texts) == 1 and texts[0].startswith("/"):
        return "/" + texts[0]
    return "\n".join(texts)


def put_back(returned: str, draft: str) -> str:
    """What should stand in the composer where `returned` comes back to it and `draft` is there.

    What came back was typed first and stands first. A command can't be one of several lines (it
    would be said aloud): where either is one, the draft stays as it is, and Up finds the other.
    """
    if not draft.strip():
        return returned
    if not returned.strip() or _is_command(returned) or _is_command(draft):
        return draft
    return f"{_as_one_of_several(returned)}\n{_as_one_of_several(draft)}"


def _is_command(text: str) -> bool:
    return any(isinstance(line, CommandLine) for line in typed_lines(text))


def _as_one_of_several(text: str) -> str:
    escaped = text.startswith("//") and not _LINE_END.search(text)
    return text[1:] if escaped else text
