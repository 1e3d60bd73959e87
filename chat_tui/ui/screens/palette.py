"""What the command palette offers in the chat: what is possible now, with its key."""

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
        """Mute or unmute the place in view."""

    def action_find(self) -> None:
        """Search the log."""

    def action_copy_text(self) -> None:
        """Copy the selected text."""

    def action_newest(self) -> None:
        """Go to the newest message."""

    def action_resend(self) -> None:
        """Send the unconfirmed messages again."""

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
    """Shows offers as text: the matcher's own highlighting would read names as markup."""

    def entries(self) -> Iterator[_PaletteEntry]:
        """What there is to choose from."""
        raise NotImplementedError

    @property
    def chat(self) -> PaletteTarget:
        """The chat screen below the palette."""
        return cast("PaletteScreen", self.screen).palette_target

    def key(self, action: str, default: str) -> str:
        """The key that does it; see `BaseApp.key_of`."""
        return cast("BaseApp", self.app).key_of(action, default)

    async def discover(self) -> Hits:
        """All of it, while nothing is typed."""
        for offer in self.entries():
            yield DiscoveryHit(Content(offer.text), offer.run, offer.text, offer.help)

    async def search(self, query: str) -> Hits:
        """What matches."""
        matcher = self.matcher(query)
        for offer in self.entries():
            score = matcher.match(offer.text)
            if score > 0:
                yield Hit(score, Content(offer.text), offer.run, offer.text, offer.help)


class ChatCommands(_PaletteProvider):
    """The commands of the chat screen."""

    def entries(self) -> Iterator[_PaletteEntry]:
        """Only what is possible now."""
        chat, key = self.chat, self.key
        log = chat.query_one(MessageLog)
        jump = key("jump", "Ctrl+K")
        yield _PaletteEntry("Jump to a room, a person or a command", jump, chat.action_jump)
        yield _PaletteEntry(
            "The next private conversation", key("private", "F4"), chat.action_private
        )
        above, below = key("place.above", "Alt+Up"), key("place.below", "Alt+Down")
        yield _PaletteEntry("The room or conversation above", above, partial(chat.action_walk, -1))
        yield _PaletteEntry("The room or conversation below", below, partial(chat.action_walk, 1))
        opens = key("room.open", "Ctrl+O")
        yield _PaletteEntry("Open or join a room by name", opens, chat.action_open_room)
        for words, action, usual in (("Rooms", "rooms", "F2"), ("People", "people", "F3")):
            does = f"{key(action, usual)}: to the list, or fold it"
            yield _PaletteEntry(words, does, partial(chat.action_side, action))
        if chat.model.capabilities.follow_everyone:
            everyone = chat.model.people.everyone
            words = "Follow everyone no longer" if everyone else "Follow everyone"
            yield _PaletteEntry(words, key("people.everyone", "F8"), chat.action_follow_everyone)
        place = chat.model.location
        words = f"Mute {place} no longer" if place in chat.notifier.muted else f"Mute {place}"
        does = f"{key('mute', 'Ctrl+T')}: no bell, nothing in the title"
        yield _PaletteEntry(words, does, chat.action_mute)
        does = f"{key('log.find', 'Ctrl+F')}: text, or from:alice"
        yield _PaletteEntry("Find in the log", does, chat.action_find)
        if chat.get_selected_text():
            yield _PaletteEntry("Copy what is selected", "Ctrl+C", chat.action_copy_text)
        for words, action, usual, run in (
            ("Copy the chosen message", "log.copy", "C", log.action_copy_message),
            ("See where its link leads", "log.link", "O", log.action_open_link),
            ("Follow its author, or no longer", "log.follow", "F", log.action_follow_author),
            ("Send the chosen message again", "log.resend", "R", log.action_resend_message),
        ):
            yield _PaletteEntry(words, f"{key(action, usual)} in the log", run)
        yield _PaletteEntry(
            "Go to the newest message", key("log.newest", "End"), chat.action_newest
        )
        if chat.check_action("resend", ()):
            again = key("message.resend", "Ctrl+G")
            yield _PaletteEntry("Send the unconfirmed message again", again, chat.action_resend)
            yield _PaletteEntry(
                "Let go of what is not confirmed",
                "it stays as it is",
                chat.action_dismiss_unconfirmed,
            )
        if chat.check_action("retry", ()):
            retry = key("connection.retry", "Ctrl+R")
            yield _PaletteEntry("Try to connect now", retry, chat.action_retry)
        if chat.model.capabilities.password_change:
            does = "A form asks for the old and the new one"
            yield _PaletteEntry("Change your password", does, chat.action_change_password)
        yield _PaletteEntry("Sign out", "Back to the form", chat.action_sign_out)


class JumpProvider(_PaletteProvider):
    """Rooms, conversations and people; and what else can be done, once something is typed."""

    def entries(self) -> Iterator[_PaletteEntry]:
        """Rooms first: the list is short, and that is what one jumps to."""
        chat = self.chat
        model = chat.model
        for room in model.rooms.listed():
            if not room.current or model.location.partner:
                number = "" if room.members is None else f"{room.members} there"
                yield _PaletteEntry(
                    room.name, number or "room", partial(chat.navigator.join, room.name)
                )
        for name in model.conversations.listed():
            if name != model.location.partner:
                yield _PaletteEntry(
                    f"@{name}",
                    "private conversation",
                    partial(chat.navigator.open_conversation, name),
                )
        people = model.people
        if chat.model.capabilities.follow_everyone:
            words = "Follow everyone no longer" if people.everyone else "Follow everyone"
            yield _PaletteEntry(
                words, "whoever speaks where you are", partial(chat.toggle_follow, EVERYONE)
            )
        for person in [*people.here(), *people.elsewhere()]:
            if not person.own:
                words = "Unfollow" if person.followed else "Follow"
                yield _PaletteEntry(
                    f"{words} {person.name}", "person", partial(chat.toggle_follow, person.name)
                )

        if model.capabilities.private_messages:
            for person in [*people.here(), *people.elsewhere()]:
                if not person.own:
                    words = f"Message {person.name} privately"
                    yield _PaletteEntry(
                        words, "person", partial(chat.navigator.open_conversation, person.name)
                    )

    def _commands(self) -> Iterator[_PaletteEntry]:
        chat = self.chat
        for command in self.app.get_system_commands(self.screen):
            yield _PaletteEntry(command.title, command.help, command.callback)
        for word in chat.model.commands:
            known = KNOWN_COMMANDS.get(word)
            words, does = (word, "") if known is None else (known.syntax, known.description)
            yield _PaletteEntry(words, does, partial(chat.begin_command, word))

    async def search(self, query: str) -> Hits:
        """What matches, commands too, and the room of this name, which opens if there is none."""
        async for hit in super().search(query):
            yield hit
        matcher = self.matcher(query)
        for offer in (*ChatCommands(self.screen).entries(), *self._commands()):
            score = matcher.match(offer.text)
            if score > 0:
                yield Hit(score / 2, Content(offer.text), offer.run, offer.text, offer.help)
        room = canonical_name(query)
        if room is not None and room not in self.chat.model.rooms:
            run = partial(self.chat.navigator.join, room)
            yield Hit(0.01, Content(f"Open the room {room}"), run, room, "a new room")
