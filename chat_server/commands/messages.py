"""Handlers of the commands that send a message: `/msg`, `/me`."""

from __future__ import annotations

from chat_server.commands.context import CommandContext
from chat_server.history import HistoryUnavailableError
from chat_server.wire import canonical_name


def send_private(context: CommandContext, arguments: tuple[str, ...]) -> None:
    """Send a cleaned text to one user. Arguments: the name and the text."""
    name, text = arguments
    if context.services.history is not None:
        _correct_waiting(context, name)
    context.batch.add(context.hub.send_private(context.session, name, text))


def _correct_waiting(context: CommandContext, name: str) -> None:
    """Count again the messages that wait for a user, if the limit is reached: some may be gone."""
    counted = context.hub.waiting_if_full(context.session, name)
    if not counted:
        return
    context.batch.flush()  # earlier messages must not wait for the disk
    try:
        stored = context.history.waiting_for(canonical_name(name) or "")
    except HistoryUnavailableError:
        return
    context.hub.correct_waiting(name, counted, stored)


def publish_action(context: CommandContext, arguments: tuple[str, ...]) -> None:
    """Publish a cleaned text as what the user does."""
    context.batch.add(context.hub.publish(context.session, arguments, actions=True))
