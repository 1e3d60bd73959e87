"""Words that users of other chats know: aliases of commands, actions of the client, hints. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal

from chat_tui.input.redaction import PASSWD, holds_secret

ALIASES: Final = {
    "/follow": "/subscribe",
    "/unfollow": "/unsubscribe",
    "/following": "/subs",
    "/j": "/join",
    "/part": "/leave",
    "/list": "/rooms",
    "/channels": "/rooms",
    "/names": "/who",
    "/users": "/who",
    "/members": "/who",
    "/query": "/msg",
    "/w": "/msg",
    "/whisper": "/msg",
    "/dm": "/msg",
    "/pm": "/msg",
    "/tell": "/msg",
    "/action": "/me",
    "/emote": "/me",
    "/q": "/quit",
    "/exit": "/quit",
    "/bye": "/quit",
    "/logout": "/quit",
    "/signout": "/quit",
    "/disconnect": "/quit",
    "/commands": "/help",
    "/?": "/help",
}
"""The words of IRC, Slack, Discord and Matrix for the commands of this protocol."""

ActionName = Literal["search", "mute", "unmute", "theme", "conversation", "keys", "forget"]

_ACTIONS: Final[dict[str, ActionName]] = {
    "/search": "search",
    "/find": "search",
    "/grep": "search",
    "/lastlog": "search",
    "/mute": "mute",
    "/unmute": "unmute",
    "/theme": "theme",
    "/forget": "forget",
    "/keys": "keys",
    "/shortcuts": "keys",
}
"""Actions of the full-screen client that have no command of the server."""

_HINTS: Final = {
    "/away": "There is no away status. /quit signs out",
    "/back": "There is no away status",
    "/status": "There is no status text. The row at the bottom shows the connection",
    "/afk": "There is no away status. /quit signs out",
    "/clear": "The log is kept. Ctrl+L redraws the screen, Ctrl+End shows the newest message",
    "/nick": "Your name is your account. /quit, then sign in as another user",
    "/topic": "Rooms have no topic. Send it as a message",
    "/ignore": "To see no messages of a person: /unfollow NAME",
    "/block": "To see no messages of a person: /unfollow NAME",
    "/unignore": "To see the messages of a person: /follow NAME",
    "/invite": "Every room is open. Send its name: /msg NAME come to ROOM",
    "/whois": "/who lists the people here, /who ROOM those in a room",
    "/create": "/join ROOM creates a room",
    "/open": "/join ROOM opens a room",
    "/server": "/quit, then sign in to another server",
    "/connect": "/quit, then sign in to another server",
    "/reconnect": "The client reconnects by itself. Ctrl+R connects at once",
    "/history": "Up recalls what you sent. This server keeps no messages",
    "/notice": "/msg NAME TEXT sends a private message",
    "/say": "Write the text without a command",
    "/mode": "There are no modes",
    "/op": "The server's operators are set in its configuration",
    "/raw": "F6 shows the raw lines",
    "/set": "F5 reads the settings again. `chat-tui config` explains the file",
    "/settings": "F5 reads the settings again. `chat-tui config` explains the file",
    "/edit": "A sent message cannot be changed",
    "/delete": "A sent message cannot be deleted",
    "/upload": "Files cannot be sent. chat-tui --send ROOM < FILE sends its lines",
    "/kick": "Only operators have /kick",
    "/ban": "Only operators have /ban",
    "/reply": "/msg NAME TEXT answers a person privately",
    "/r": "/msg NAME TEXT answers a person privately",
    "/ping": "The row at the bottom shows how long the server takes to answer",
    "/password": "/passwd changes your password",
}
"""What to do instead, for words that are neither commands nor actions."""

_NEVER_COMPLETED: Final = frozenset((PASSWD, "/kick", "/ban", "/unban", "/announce"))
"""Commands that run only if they are written in full."""

_WITH_NAME: Final = frozenset(("/subscribe", "/unsubscribe", "/msg"))
_WITH_ROOM: Final = frozenset(("/join", "/who"))


@dataclass(frozen=True, slots=True)
class ResolvedInput:
    """What a typed text means."""

    text: str
    """The text to send, with commands of the server in place of aliases."""
    hint: str = ""
    """Why nothing is sent, and what to do instead. Empty: nothing is wrong."""
    action: ActionName | None = None
    """An action of the client; then nothing is sent."""
    argument: str = ""
    """The text after the word of the action."""


def resolve_input(
    text: str, commands: Collection[str], *, room: str = "", user: str = ""
) -> ResolvedInput:
    """Return what `text` means to a server with these commands, each with its slash.

    Only a single line that begins with one slash is changed, and never one that may hold a
    password. `room`: the current room. `user`: the user's own name.
    """
    unchanged = ResolvedInput(text)
    if not text.startswith("/") or text.startswith("//") or "\n" in text or "\r" in text:
        return unchanged
    typed, _, rest = text.partition(" ")
    known = {*commands, "/quit"}
    word = typed if typed in known else typed.casefold()
    if word == "/password" and not rest.strip() and PASSWD in known:
        return ResolvedInput(PASSWD)
    if holds_secret(text, user):
        return unchanged
    rest = rest.strip()
    if word not in known:
        word = ALIASES.get(word) or _completed(word, known) or word
    if word in _ACTIONS:
        return ResolvedInput(text, action=_ACTIONS[word], argument=rest)
    if word not in known:
        if word in ALIASES.values() and typed.casefold() in ALIASES:
            return ResolvedInput(text, hint=f"This server has no {word}")
        hint = _HINTS.get(word, "")
        return ResolvedInput(text, hint=f"{typed}: {hint}") if hint else unchanged
    return _with_arguments(word, rest, text if word == typed else "", room)


def _with_arguments(word: str, rest: str, exact: str, room: str) -> ResolvedInput:
    """Return a command in the form that the server reads. `exact`: the text if it is a command."""
    first, _, more = rest.partition(" ")
    if word in _WITH_NAME and first.startswith("@") and len(first) > 1:
        first, exact = first[1:], ""
    if word in _WITH_ROOM and first.startswith("#") and len(first) > 1:
        first, exact = first[1:], ""
    if word == "/msg" and first and not more.strip():
        return ResolvedInput(f"{word} {first}", action="conversation", argument=first)
    if word == "/leave" and first:
        if first.lstrip("#") != room:
            return ResolvedInput(
                exact, hint=f"You are in {room}, not in {first}. Send /leave alone"
            )
        return ResolvedInput(word)
    if word == "/quit" or (word == "/rooms" and not exact):
        return ResolvedInput(word)
    return ResolvedInput(exact or " ".join(filter(None, (word, first, more))))


def _completed(word: str, known: Collection[str]) -> str:
    """Return the only command, alias or action that begins with `word`; "" if there are others."""
    if len(word) < 2:
        return ""
    meanings = {
        ALIASES.get(full, full)
        for full in (*known, *ALIASES, *_ACTIONS, *_HINTS)
        if full.startswith(word)
    }
    if word in _HINTS or len(meanings) != 1:
        return ""
    meaning = meanings.pop()
    return "" if meaning in _NEVER_COMPLETED or meaning in _HINTS else meaning
