"""Resolve what the user requests: what it means on this server, and why it cannot be sent."""

from __future__ import annotations

from chat_server.wire import TextLine, canonical_name, published_form, replies, split_words
from chat_tui.input import (
    CommandInput,
    ServerCapabilities,
    Submission,
    legacy_problem,
    sending_problem,
    text_after,
)
from chat_tui.protocol.intent_queue import ActionIntent, JoinIntent
from chat_tui.protocol.private_messages import PrivateIntent

SubmittedIntent = CommandInput | TextLine | ActionIntent | PrivateIntent


def resolve_submission(
    submission: Submission, capabilities: ServerCapabilities
) -> tuple[list[SubmittedIntent], str | None]:
    """Return the intents of a submission, and why it must not be sent, or None.

    If one line cannot be sent, none is.
    """
    recipient = submission.recipient
    intents = [_resolve(line, recipient, capabilities) for line in submission.lines]
    problems = (_problem(intent, recipient, capabilities) for intent in intents)
    return intents, next(filter(None, problems), None)


def resolve_join(room: str, capabilities: ServerCapabilities) -> JoinIntent | str:
    """Return the intent to join a room that the user chose, or why it cannot be joined."""
    name = canonical_name(room.strip())
    if name is None and not capabilities.pipelining and split_words(room) == [published_form(room)]:
        name = room  # legacy servers have no rule for names
    if name is None:
        return replies.invalid_room(room)
    return JoinIntent(name) if capabilities.rooms else "This server has one room only"


def _resolve(
    line: CommandInput | TextLine, recipient: str, capabilities: ServerCapabilities
) -> SubmittedIntent:
    """Return what a line means. Text commands need confirmation, like messages."""
    if isinstance(line, TextLine):
        return PrivateIntent(recipient, line.text.lstrip(" "), typed=False) if recipient else line
    if not capabilities.supports(line.word):
        return line
    if line.word == "/me" and (action := text_after(line, 1)):
        return ActionIntent(action)
    if line.word == "/msg" and (text := text_after(line, 2)):
        name = canonical_name(line.arguments[0])
        return line if name is None else PrivateIntent(name, text, typed=True)
    return line


def _problem(
    intent: SubmittedIntent, recipient: str, capabilities: ServerCapabilities
) -> str | None:
    if isinstance(intent, ActionIntent) and recipient:
        return f"Not sent: /me is for the whole room, and only {recipient} reads this conversation"
    if isinstance(intent, PrivateIntent) and not capabilities.private_messages:
        return "Not sent: this server has no private messages"
    line = intent.command if isinstance(intent, ActionIntent | PrivateIntent) else intent
    if not capabilities.pipelining and (problem := legacy_problem(line, capabilities)):
        return problem
    return sending_problem(line)
