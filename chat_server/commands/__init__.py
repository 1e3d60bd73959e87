"""The commands of the protocol: their table, their context and their handlers."""

from chat_server.commands.context import CommandContext

__all__ = [
    "CommandContext",
    "registry",
]
