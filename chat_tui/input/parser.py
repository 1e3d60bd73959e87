"""What Enter in the composer gave, as what is meant by it: commands and texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from chat_server.wire import (
    LOBBY,
    Command,
    LineTooLongError,
    TextLine,
    canonical_name,
    encode_line,
    encode_message,
    parse_client_line,
    published_form,
)
from chat_tui.input.capabilities import ServerCapabilities

_LINE_END = re.compile("\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class CommandInput:
    """A command as it goes over the wire, and what it is made of."""

    line: str
    word: str
    """The first word, with its slash."""
    arguments: tuple[str, ...]


def private_command(name: str, text: str) -> CommandInput:
    """What says `text` to one person alone."""
    return make_command("/msg", name, text)


def action_command(text: str) -> CommandInput:
    """What tells the room what one does."""
    return make_command("/me", text)


def text_after(line: CommandInput, count: int) -> str:
    """The text that a command ends in, behind its first `count` words, in the server's form."""
    parsed = parse_client_line(line.line)
    return published_form(parsed.text_after(count)) if isinstance(parsed, Command) else ""


def make_command(word: str, *arguments: str) -> CommandInput:
    """A command made of its words."""
    return CommandInput(" ".join((word, *arguments)), word, arguments)


def parse_input(text: str) -> list[CommandInput | TextLine]:
    """What `text` asks for; empty where it asks for nothing.

    A single line that begins with "/" is a command, "//text" is the text "/text". Of several lines
    each is a text as it stands, also where it begins with "/": a paste never runs commands. Texts
    come in the server's form, those that would vanish are left out.
    """
    lines = _LINE_END.split(text.rstrip("\r\n"))
    if len(lines) > 1:
        return [TextLine(said) for said in map(published_form, lines) if said]
    line = lines[0].rstrip()
    parsed = parse_client_line(line)
    if isinstance(parsed, Command):
        return [CommandInput(line, parsed.word, parsed.arguments)]
    said = published_form(parsed.text) if parsed else ""
    return [TextLine(said)] if said else []


def wire_form(line: CommandInput | TextLine, recipient: str = "") -> str:
    """The line that asks a server for this, without its end; a text is for `to` alone, if given."""
    if isinstance(line, CommandInput):
        return line.line
    if recipient:
        return private_command(recipient, line.text).line
    return "/" + line.text if line.text.startswith("/") else line.text


def requested_room(text: str) -> str | None:
    """The room into which `text`, if Enter gives it, asks to go; None where it asks for none."""
    match parse_input(text):
        case [CommandInput(word="/join", arguments=(room,))]:
            return canonical_name(room)
        case [CommandInput(word="/leave", arguments=())]:
            return LOBBY
    return None


def parse_outgoing(typed: str) -> tuple[str, bool]:
    """The text that Enter says, given one line of `to_composer_text` or a deed; and whether it is
    a deed.

    For what was kept from an earlier session and is none of both: as it stands.
    """
    match parse_input(typed):
        case [TextLine(text)]:
            return text, False
        case [CommandInput(word="/me") as line]:
            return text_after(line, 1), True
    return typed, False


def sending_problem(line: CommandInput | TextLine) -> str | None:
    """Why no server takes this line, or None where it can be sent."""
    try:
        _ = encode_message(line.text) if isinstance(line, TextLine) else encode_line(line.line)
    except LineTooLongError as problem:
        return f"Not sent: a {problem}"
    return None


def legacy_problem(line: CommandInput | TextLine, capabilities: ServerCapabilities) -> str | None:
    """Why the first servers must not be sent this line, or None: they know no "//".

    They take a text for a command once they have trimmed it, and say aloud what is no command of
    theirs.
    """
    if isinstance(line, TextLine):
        if line.text.lstrip().startswith("/"):
            return "Not sent: this server takes any text that begins with / for a command"
    elif not capabilities.supports(line.word) and line.word != "/quit":
        return f"Not sent: this server does not know {line.word} and would say it aloud"
    return None


def to_composer_text(texts: Sequence[str]) -> str:
    """What has to stand in the composer so that Enter gives these texts."""
    if len(texts) == 1 and texts[0].startswith("/"):
        return "/" + texts[0]
    return "\n".join(texts)


def merge_into_draft(returned: str, draft: str) -> str:
    """What should stand in the composer where `returned` comes back to it and `draft` is there.

    What came back was typed first and stands first. A command can't be one of several lines (it
    would be said aloud): where either is one, the draft stays as it is, and Up finds the other.
    """
    if not draft.strip():
        return returned
    if not returned.strip() or _is_command(returned) or _is_command(draft):
        return draft
    return f"{_escape_in_multiline(returned)}\n{_escape_in_multiline(draft)}"


def _is_command(text: str) -> bool:
    return any(isinstance(line, CommandInput) for line in parse_input(text))


def _escape_in_multiline(text: str) -> str:
    escaped = text.startswith("//") and not _LINE_END.search(text)
    return text[1:] if escaped else text
