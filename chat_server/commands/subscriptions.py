"""Handlers of the commands about subscriptions: `/subscribe`, `/unsubscribe`, `/subs`."""

from __future__ import annotations

from chat_server.commands.context import CommandContext


def subscribe(context: CommandContext, arguments: tuple[str, ...]) -> None:
    """Subscribe to the user that the argument names, or to all others for `*`."""
    (name,) = arguments
    context.hub.subscribe(context.session, name)


def unsubscribe(context: CommandContext, arguments: tuple[str, ...]) -> None:
    """Unsubscribe from the user that the argument names; `*` ends only the `*`."""
    (name,) = arguments
    context.hub.unsubscribe(context.session, name)


def list_subscriptions(context: CommandContext, _: tuple[str, ...]) -> None:
    """List the user's subscriptions."""
    context.hub.list_subscriptions(context.session)
