"""The command palette of the chat: the actions that are possible now, with their keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from chat_server.wire import EVERYONE, canonical_name
from chat_tui.input import KNOWN_COMMANDS
from chat_tui.ui.widgets import MessageLog

if TYPE_CHECKING:
    from chat_tui.model import ChatModel
    from chat_tui.ui.base_app import BaseApp
    from chat_tui.ui.notifier import Notifier
    from chat_tui.ui.screens.navigation import Navigator


class PaletteTarget(Protocol):
    """The part of the chat screen that the palette uses."""

    model: ChatModel
    notifier: Notifier
    navigator: Navigator

    def query_one(self, query_selector: type[MessageLog]) -> MessageLog:
        """Return the message log."""

    def begin_command(self, word: str) -> None:
        """Put the command into the composer."""

    def toggle_follow(self, name: str) -> None:
        """Follow `name`, or stop following."""

    def get_selected_text(self) -> str | None:
        """Return the text that is selected in the log."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return whether `action` is possible now."""

    def action_jump(self) -> None:
        """Open the palette of rooms and people."""

    def action_private(self) -> None:
        """Open the next private conversation."""

    def action_walk(self, step: int) -> None:
        """Go to the room or conversation `step` rows away."""

    def action_open_room(self) -> None:
        """Ask for the name of a room."""

    def action_side(self, which: str) -> None:
        """Focus or fold a sidebar."""

    def action_follow_everyone(self) -> None:
        """Follow everyone, or stop."""

    def action_mute(self) -> None:
        """Mute or unmute the location in view."""

    @property
    def shows_comings(self) -> bool:
        """True if the log shows that people joined and left."""

    def action_toggle_comings(self) -> None:
        """Show or hide that people joined and left."""

    def action_find(self) -> None:
        """Search the log."""

    def action_copy_text(self) -> None:
        """Copy the selected text."""

    def action_newest(self) -> None:
        """Go to the newest message."""

    def action_resend(self) -> None:
        """Send the oldest unconfirmed message again."""

    def action_dismiss_unconfirmed(self) -> None:
        """Dismiss the unconfirmed messages."""

    def action_retry(self) -> None:
        """Connect now."""

    def action_change_password(self) -> None:
        """Open the form that changes the password."""

    def action_sign_out(self) -> None:
        """Return to the form."""


class PaletteScreen(Protocol):
    """A screen that has a palette."""

    @property
    def palette_target(self) -> PaletteTarget:
        """What the palette's entries act on."""


class _PaletteEntry(NamedTuple):
    text: str
    help: str
    run: Callable[[], object]


class _PaletteProvider(Provider):
    """A provider of plain-text entries: the matcher's highlighting would read names as markup."""

    def entries(self) -> Iterator[_PaletteEntry]:
        """Yield the entries."""
        raise NotImplementedError

    @property
    def chat(self) -> PaletteTarget:
        """The chat screen below the palette."""
        return cast("PaletteScreen", self.screen).palette_target

    def key(self, action: str, default: str) -> str:
        """Return the key that runs `action`; see `BaseApp.key_of`."""
        return cast("BaseApp", self.app).key_of(action, default)

    async def discover(self) -> Hits:
        """Yield all entries, while the input is empty. Called by Textual."""
        for entry in self.entries():
            yield DiscoveryHit(Content(entry.text), entry.run, entry.text, entry.help)

    async def search(self, query: str) -> Hits:
        """Yield the matching entries. Called by Textual."""
        matcher = self.matcher(query)
        for entry in self.entries():
            score = matcher.match(entry.text)
            if score > 0:
                yield Hit(score, Content(entry.text), entry.run, entry.text, entry.help)


class ChatCommands(_PaletteProvider):
    """The actions of the chat screen."""

    def entries(self) -> Iterator[_PaletteEntry]:
        """Yield the actions that are possible now."""
        chat, key, entry = self.chat, self.key, _PaletteEntry
        log = chat.query_one(MessageLog)
        yield entry(
            "Jump to a room, a person or a command", key("jump", "Ctrl+K"), chat.action_jump
        )
        yield entry(
            "Go to the next private conversation", key("private", "F4"), chat.action_private
        )
        for title, action, default, step in (
            ("Go to the room or conversation above", "place.above", "Alt+Up", -1),
            ("Go to the room or conversation below", "place.below", "Alt+Down", 1),
        ):
            yield entry(title, key(action, default), partial(chat.action_walk, step))
        yield entry(
            "Open or join a room by name", key("room.open", "Ctrl+O"), chat.action_open_room
        )
        for title, action, default in (
            ("Show or fold the rooms", "rooms", "F2"),
            ("Show or fold the people", "people", "F3"),
        ):
            yield entry(title, key(action, default), partial(chat.action_side, action))
        if chat.model.capabilities.follow_everyone:
            title = follow_everyone_title(chat.model)
            yield entry(title, key("people.everyone", "F8"), chat.action_follow_everyone)
        location = chat.model.location
        title = f"Unmute {location}" if location in chat.notifier.muted else f"Mute {location}"
        mute = f"{key('mute', 'Ctrl+T')}: no bell, no count in the title"
        yield entry(title, mute, chat.action_mute)
        find = f"{key('log.find', 'Ctrl+F')}: text, or from:alice"
        yield entry("Find in the log", find, chat.action_find)
        if chat.get_selected_text():
            yield entry("Copy the selected text", "Ctrl+C", chat.action_copy_text)
        for title, action, default, run in (
            ("Copy the chosen message", "log.copy", "C", log.action_copy_message),
            ("Show where its link leads", "log.link", "O", log.action_open_link),
            ("Follow its author, or stop following", "log.follow", "F", log.action_follow_author),
            ("Send the chosen message again", "log.resend", "R", log.action_resend_message),
        ):
            yield entry(title, f"{key(action, default)} in the log", run)
        shown = chat.shows_comings
        title = "Hide comings and goings" if shown else "Show comings and goings"
        yield entry(title, "In the log, until the client ends", chat.action_toggle_comings)
        yield entry("Go to the newest message", key("log.newest", "End"), chat.action_newest)
        if chat.check_action("resend", ()):
            resend = key("message.resend", "Ctrl+G")
            yield entry("Send the unconfirmed message again", resend, chat.action_resend)
            yield entry(
                "Dismiss the unconfirmed messages",
                "They are not sent again",
                chat.action_dismiss_unconfirmed,
            )
        if chat.check_action("retry", ()):
            yield entry("Reconnect now", key("connection.retry", "Ctrl+R"), chat.action_retry)
        if chat.model.capabilities.password_change:
            form = "Asks for the old and the new password"
            yield entry("Change your password", form, chat.action_change_password)
        yield entry("Sign out", "Back to the login form", chat.action_sign_out)


class JumpProvider(_PaletteProvider):
    """Rooms, conversations and people; for a typed text also the commands."""

    def entries(self) -> Iterator[_PaletteEntry]:
        """Yield rooms, conversations and people. Rooms are few and used most: they come first."""
        chat, entry = self.chat, _PaletteEntry
        model, people, navigator = chat.model, chat.model.people, chat.navigator
        for room in model.rooms.listed():
            if not room.current or model.location.partner:
                about = "room" if room.members is None else f"{room.members} there"
                yield entry(room.name, about, partial(navigator.join, room.name))
        for name in model.conversations.listed():
            if name != model.location.partner:
                run = partial(navigator.open_conversation, name)
                yield entry(f"@{name}", "private conversation", run)
        if model.capabilities.follow_everyone:
            about = "only people by name" if people.everyone else "all messages in your room"
            run = partial(chat.toggle_follow, EVERYONE)
            yield entry(follow_everyone_title(model), about, run)
        others = [person for person in (*people.here(), *people.elsewhere()) if not person.own]
        for person in others:
            verb = "Unfollow" if person.followed else "Follow"
            run = partial(chat.toggle_follow, person.name)
            yield entry(f"{verb} {person.name}", "person", run)
        if model.capabilities.private_messages:
            for person in others:
                run = partial(navigator.open_conversation, person.name)
                yield entry(f"Message {person.name} privately", "person", run)

    def _commands(self) -> Iterator[_PaletteEntry]:
        for action in self.app.get_system_commands(self.screen):
            yield _PaletteEntry(action.title, action.help, action.callback)
        for command in self.chat.model.commands:
            known = KNOWN_COMMANDS.get(command)
            title, about = (command, "") if known is None else (known.syntax, known.description)
            yield _PaletteEntry(title, about, partial(self.chat.begin_command, command))

    async def search(self, query: str) -> Hits:
        """Yield the matches, commands too, and last a new room of this name. Called by Textual."""
        async for hit in super().search(query):
            yield hit
        matcher = self.matcher(query)
        for entry in (*ChatCommands(self.screen).entries(), *self._commands()):
            score = matcher.match(entry.text)
            if score > 0:
                yield Hit(score / 2, Content(entry.text), entry.run, entry.text, entry.help)
        room = canonical_name(query)
        if room is not None and room not in self.chat.model.rooms:
            run = partial(self.chat.navigator.join, room)
            yield Hit(0.01, Content(f"Open the room {room}"), run, room, "a new room")


def follow_everyone_title(model: ChatModel) -> str:
    """Return the entry that follows everyone, or stops it."""
    return "Stop following everyone" if model.people.everyone else "Follow everyone"
