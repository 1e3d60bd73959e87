"""Handlers of the commands that send a message: `/msg`, `/me`."""

from __future__ import annotations

from chat_server.commands.context import CommandContext


def send_private(context: CommandContext, arguments: tuple[str, ...]) -> None:
    """Send a cleaned text to one user. Arguments: the name and the text."""
    name, text = arguments
    context.batch.add(context.hub.send_private(context.session, name, text))


def publish_action(context: CommandContext, arguments: tuple[str, ...]) -> None:
    """Publish a cleaned text as what the user does."""
    context.batch.add(context.hub.publish(context.session, arguments, actions=True))
