"""Parse what the user typed into commands and texts, and convert both back. Pure."""

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
    """A command as it goes over the wire, and its parts."""

    line: str
    word: str
    """The first word, with its slash."""
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Submission:
    """What the user sent from the composer, parsed once."""

    text: str
    """As typed. It goes back to the composer if it cannot be sent."""
    lines: tuple[CommandInput | TextLine, ...]
    recipient: str = ""
    """The only user that texts are for. Empty: texts are for the room."""

    @property
    def location(self) -> str:
        """The private conversation that the text belongs to (`@bob`). Empty for the room."""
        return f"@{self.recipient}" if self.recipient else ""

    @property
    def wire_lines(self) -> list[str]:
        """The lines that ask a server for this, without line ends."""
        return [_wire_form(line, self.recipient) for line in self.lines]

    @property
    def requested_room(self) -> str | None:
        """The room that the submission asks to join. None if it does not ask for one."""
        match self.lines:
            case [CommandInput(word="/join", arguments=(room,))]:
                return canonical_name(room)
            case [CommandInput(word="/leave", arguments=())]:
                return LOBBY
        return None


def parse_submission(text: str, recipient: str = "") -> Submission:
    """Return `text` as parsed by `parse_input`, for `recipient` alone or for the room."""
    return Submission(text, tuple(parse_input(text)), recipient)


def private_command(name: str, text: str) -> CommandInput:
    """Return the command that sends `text` to one user."""
    return make_command("/msg", name, text)


def action_command(text: str) -> CommandInput:
    """Return the command that publishes an action in the room."""
    return make_command("/me", text)


def text_after(line: CommandInput, count: int) -> str:
    """Return the text after the first `count` words of a command, in its published form."""
    parsed = parse_client_line(line.line)
    return published_form(parsed.text_after(count)) if isinstance(parsed, Command) else ""


def make_command(word: str, *arguments: str) -> CommandInput:
    """Return the command that consists of these words."""
    return CommandInput(" ".join((word, *arguments)), word, arguments)


def parse_input(text: str) -> list[CommandInput | TextLine]:
    """Return the commands and texts in `text`. The list is empty if there are none.

    A single line that begins with "/" is a command, and "//text" is the text "/text". If there are
    several lines, each is a text as typed, even if it begins with "/": a paste never runs commands.
    Texts are in their published form. Texts that would be empty in that form are left out.
    """
    lines = _LINE_END.split(text.rstrip("\r\n"))
    if len(lines) > 1:
        return [TextLine(published) for published in map(published_form, lines) if published]
    line = lines[0].rstrip()
    parsed = parse_client_line(line)
    if isinstance(parsed, Command):
        return [CommandInput(line, parsed.word, parsed.arguments)]
    published = published_form(parsed.text) if parsed else ""
    return [TextLine(published)] if published else []


def _wire_form(line: CommandInput | TextLine, recipient: str) -> str:
    if isinstance(line, CommandInput):
        return line.line
    if recipient:
        return private_command(recipient, line.text).line
    return "/" + line.text if line.text.startswith("/") else line.text


def parse_outgoing(typed: str) -> tuple[str, bool]:
    """Return the text that a saved message publishes, and whether it is an action.

    `typed` is one line as `to_composer_text` returns it, or a `/me` command. A saved line of an
    earlier session may be neither; it is returned unchanged.
    """
    match parse_input(typed):
        case [TextLine(text)]:
            return text, False
        case [CommandInput(word="/me") as line]:
            return text_after(line, 1), True
    return typed, False


def sending_problem(line: CommandInput | TextLine) -> str | None:
    """Return why the line cannot be sent to any server, or None if it can."""
    try:
        _ = encode_message(line.text) if isinstance(line, TextLine) else encode_line(line.line)
    except LineTooLongError as error:
        return f"Not sent: a {error}"
    return None


def legacy_problem(line: CommandInput | TextLine, capabilities: ServerCapabilities) -> str | None:
    """Return why the line must not be sent to a legacy server, or None.

    Legacy servers do not know "//". They trim a text and then take it for a command if it
    begins with "/", and they publish a command that they do not know.
    """
    if isinstance(line, TextLine):
        if line.text.lstrip().startswith("/"):
            return "Not sent: this server takes any text that begins with / for a command"
    elif not capabilities.supports(line.word) and line.word != "/quit":
        return f"Not sent: this server does not know {line.word} and would publish it"
    return None


def to_composer_text(texts: Sequence[str]) -> str:
    """Return what the composer must hold so that Enter sends these texts."""
    if len(texts) == 1 and texts[0].startswith("/"):
        return "/" + texts[0]
    return "\n".join(texts)


def outgoing_to_composer_text(text: str, *, is_action: bool) -> str:
    """Return what the composer must hold so that Enter sends this message again."""
    return action_command(text).line if is_action else to_composer_text([text])


def merge_into_draft(returned: str, draft: str) -> str:
    """Return what the composer should hold if `returned` comes back while it holds `draft`.

    The returned text was typed first and comes first. A command cannot be one of several lines,
    because it would be published as text. If either text is a command, the draft stays as it is,
    and the Up key finds the other text.
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
