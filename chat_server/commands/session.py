"""Handler of the command that ends the user's own session: `/quit`."""

from __future__ import annotations

from chat_server.commands.context import CommandContext
from chat_server.core import EndCause, EndNotice


def quit_session(context: CommandContext, _: tuple[str, ...]) -> None:
    """End the session with a goodbye. The client's thread then closes the connection."""
    context.hub.log_out(context.session, EndNotice(EndCause.QUIT), is_orderly=True)
