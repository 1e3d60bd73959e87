"""What Enter in the composer asks of a server: what its lines mean there, and why they can't go."""

from __future__ import annotations

from chat_server.wire import TextLine, canonical_name
from chat_tui.input import CommandInput, Submission, legacy_problem, sending_problem, text_after
from chat_tui.protocol.intent_queue import ActionIntent
from chat_tui.protocol.private_messages import PrivateIntent
from chat_tui.protocol.send_queue import SendQueue

Line = CommandInput | TextLine | ActionIntent | PrivateIntent


def resolve_submission(submission: Submission, sender: SendQueue) -> tuple[list[Line], str | None]:
    """The lines of `text`, and why none of them is to be sent, if so.

    `to`: whom alone they are for; empty: they are for the room.
    """
    recipient = submission.recipient
    lines = [_resolve_intent(line, recipient, sender) for line in submission.lines]
    return lines, next(
        filter(None, (_send_problem(line, recipient, sender) for line in lines)), None
    )


def _resolve_intent(line: CommandInput | TextLine, recipient: str, sender: SendQueue) -> Line:
    """A typed line as what it is: also what ends in a text is said by us and may get lost."""
    if isinstance(line, TextLine):
        return PrivateIntent(recipient, line.text.lstrip(" "), typed=False) if recipient else line
    if not sender.capabilities.supports(line.word):
        return line
    if line.word == "/me" and (action := text_after(line, 1)):
        return ActionIntent(action)
    if line.word == "/msg" and (said := text_after(line, 2)):
        name = canonical_name(line.arguments[0])
        return line if name is None else PrivateIntent(name, said, typed=True)
    return line


def _send_problem(line: Line, recipient: str, sender: SendQueue) -> str | None:
    if isinstance(line, ActionIntent) and recipient:
        return f"Not sent: /me tells the whole room, and here only {recipient} reads you"
    if isinstance(line, PrivateIntent) and not sender.capabilities.private_messages:
        return "Not sent: this server knows no private messages"
    if isinstance(line, ActionIntent | PrivateIntent):
        line = line.command
    capabilities = sender.capabilities
    if not capabilities.pipelining and (problem := legacy_problem(line, capabilities)):
        return problem
    return sending_problem(line)
