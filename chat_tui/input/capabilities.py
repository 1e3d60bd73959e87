"""What the connected server can do, derived once from the commands that it lists. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerCapabilities:
    """The abilities of a server. The default is a server that has listed nothing yet.

    A server lists its commands after the login (section 3 of docs/protocol.md). Legacy servers
    list six commands only and differ in more than the missing ones (section 6).
    """

    commands: tuple[str, ...] = ()
    """The listed commands, each with its slash, in the server's order."""
    pipelining: bool = False
    """The server splits its input into lines. Without it, one `recv` is one line: the client sends
    a line only after the reply to the line before."""
    follow_everyone: bool = False
    """`/subscribe *` follows everyone."""
    rooms: bool = False
    """The server has more rooms than the lobby."""
    private_messages: bool = False
    password_change: bool = False
    ordered_quit: bool = False
    """The server replies to `/quit` after it has handled all earlier lines."""
    history: bool = False
    """The server keeps past messages: `/history` and what belongs to it."""
    history_search: bool = False
    """The server can search in them: `/search`."""

    @classmethod
    def from_commands(cls, commands: Iterable[str]) -> ServerCapabilities:
        """Return the capabilities of a server that listed these commands."""
        listed = tuple(commands)
        has_help = "/help" in listed  # every server except legacy servers has it
        return cls(
            commands=listed,
            pipelining=has_help,
            follow_everyone=has_help,
            rooms="/join" in listed,
            private_messages="/msg" in listed,
            password_change="/passwd" in listed,
            ordered_quit="/quit" in listed,
            history={"/history", "/stamps"} <= set(listed),
            history_search="/search" in listed,
        )

    def supports(self, command: str) -> bool:
        """Return True if the server listed this command, given with its slash."""
        return command in self.commands
