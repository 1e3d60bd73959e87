"""The entries of the palettes: rooms, people, and the actions that are possible now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from chat_server.wire import EVERYONE, canonical_name
from chat_tui.account import Address, server_text
from chat_tui.input import KNOWN_COMMANDS
from chat_tui.model import ChatModel, Location, shown_count
from chat_tui.ui.palette_entry import PaletteEntry
from chat_tui.ui.screens.palette_screen import PaletteScreen
from chat_tui.ui.widgets import MessageLog

if TYPE_CHECKING:
    from chat_tui.ui.app_shell import AppShell
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

    def action_next_unread(self) -> None:
        """Go to the next place with unread messages."""

    def action_open_room(self) -> None:
        """Ask for the name of a room."""

    def action_side(self, which: str) -> None:
        """Focus or fold a sidebar."""

    def action_follow_everyone(self) -> None:
        """Follow everyone, or stop."""

    def forget_place(self, place: str) -> None:
        """Remove an empty room or a conversation from the list."""

    def action_bring_back(self) -> None:
        """List the place again that the user has forgotten last."""

    def action_undo_unfollow(self) -> None:
        """Follow the person again that the user stopped following last."""

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

    def other_servers(self) -> list[Address]:
        """Return the servers of this chat that are not in use."""

    def use_server(self, address: Address) -> None:
        """Reconnect through this server."""

    def action_change_password(self) -> None:
        """Open the form that changes the password."""

    def action_sign_out(self) -> None:
        """Return to the form."""


KeyOf = Callable[[str, str], str]
"""`BaseApp.key_of`."""


def action_entries(chat: PaletteTarget, key: KeyOf) -> Iterator[PaletteEntry]:
    """Yield the actions of the chat that are possible now, group by group."""
    model = chat.model
    for title, action, default, step in (
        ("Go to the room or conversation above", "place.above", "Alt+Up", -1),
        ("Go to the room or conversation below", "place.below", "Alt+Down", 1),
    ):
        yield PaletteEntry("room", title, key(action, default), partial(chat.action_walk, step))
    unread = f"{key('place.unread', 'Alt+A')}: mentions first"
    yield PaletteEntry("room", "Go to the next unread messages", unread, chat.action_next_unread)
    yield open_room_entry(chat, key)
    location = model.location
    title = f"Unmute {location}" if location in chat.notifier.muted else f"Mute {location}"
    mute = f"{key('mute', 'Ctrl+T')}: no bell, no count in the title"
    yield PaletteEntry("room", title, mute, chat.action_mute)
    yield PaletteEntry(
        "person",
        "Go to the next private conversation",
        key("private", "F4"),
        chat.action_private,
    )
    yield from _forgetting(chat, key)
    yield from _following(chat, key)
    yield PaletteEntry(
        "view", "Jump to a room, a person or a command", key("jump", "Ctrl+K"), chat.action_jump
    )
    for title, action, default in (
        ("Show or fold the rooms", "rooms", "F2"),
        ("Show or fold the people", "people", "F3"),
    ):
        yield PaletteEntry("view", title, key(action, default), partial(chat.action_side, action))
    find = f"{key('log.find', 'Ctrl+F')}: text, or from:alice"
    yield PaletteEntry("view", "Find in the log", find, chat.action_find)
    newest = key("log.newest", "End")
    yield PaletteEntry("view", "Go to the newest message", newest, chat.action_newest)
    title = "Hide comings and goings" if chat.shows_comings else "Show comings and goings"
    about = "In the log, until the client ends"
    yield PaletteEntry("view", title, about, chat.action_toggle_comings)
    yield from _message_entries(chat, key)
    if chat.check_action("retry", ()):
        retry = key("connection.retry", "Ctrl+R")
        yield PaletteEntry("account", "Reconnect now", retry, chat.action_retry)
    for address in chat.other_servers():
        yield PaletteEntry(
            "account",
            f"Connect through {server_text(address)}",
            "Another server of this chat",
            partial(chat.use_server, address),
        )
    if model.capabilities.password_change:
        form = "Asks for the old and the new password"
        yield PaletteEntry("account", "Change your password", form, chat.action_change_password)
    yield PaletteEntry("account", "Sign out", "Back to the login form", chat.action_sign_out)


def place_entries(chat: PaletteTarget, key: KeyOf) -> Iterator[PaletteEntry]:
    """Yield rooms, conversations and people. Each name opens its place.

    What follows or unfollows is listed only if something is typed.
    """
    model, navigator = chat.model, chat.navigator
    partners = model.conversations.listed()
    entries: dict[str, PaletteEntry] = {}
    for room in model.rooms.listed():
        if not room.current or model.location.partner:
            about = "" if room.members is None else f"{room.members} there"
            entries[room.name] = PaletteEntry(
                "room",
                room.name,
                _with_unread(model, room.name, "empty" if room.is_empty else about),
                partial(navigator.join, room.name),
            )
    for name in partners:
        if name != model.location.partner:
            place = Location.private(name)
            entries[place] = PaletteEntry(
                "person",
                name,
                _with_unread(model, place, "private conversation"),
                partial(navigator.open_conversation, name),
            )
    if model.rooms.keeps_visited:
        for place in model.places.unread(chat.notifier.muted):
            if place in entries:
                yield entries.pop(place)
    yield from entries.values()
    people = model.people
    others = [person for person in (*people.here(), *people.elsewhere()) if not person.own]
    if model.capabilities.private_messages:
        for person in others:
            if person.name not in partners:
                run = partial(navigator.open_conversation, person.name)
                yield PaletteEntry("person", person.name, "write privately", run)
    yield open_room_entry(chat, key)
    for person in others:
        verb = "Unfollow" if person.followed else "Follow"
        yield PaletteEntry(
            "person",
            f"{verb} {person.name}",
            "",
            partial(chat.toggle_follow, person.name),
            only_typed=True,
        )


def _with_unread(model: ChatModel, place: str, about: str) -> str:
    """Return the description of a place, with the numbers of its unread messages in front."""
    numbers = model.unread.numbers(place)
    if not numbers.messages or not model.rooms.keeps_visited:
        return about
    mentions = f", @{shown_count(numbers.mentions)}" if numbers.mentions else ""
    return " · ".join(filter(None, (f"{shown_count(numbers.messages)} unread{mentions}", about)))


def command_entries(chat: PaletteTarget) -> Iterator[PaletteEntry]:
    """Yield the commands of the server. A choice puts the command into the composer."""
    for command in chat.model.commands:
        known = KNOWN_COMMANDS.get(command)
        syntax, about = (command, "") if known is None else (known.syntax, known.description)
        yield PaletteEntry("command", syntax, about, partial(chat.begin_command, command))


def jump_palette(chat: PaletteTarget, shell: AppShell) -> PaletteScreen:
    """Return the palette of rooms and people. For a typed text it has all actions, too."""
    places = place_entries(chat, shell.key_of)
    actions = [
        *action_entries(chat, shell.key_of),
        *shell.app_entries(),
        *command_entries(chat),
    ]
    return PaletteScreen(
        [*places, *(replace(entry, only_typed=True) for entry in actions)],
        "A room, a person, a command…",
        other=partial(new_room_entry, chat),
        end_preview=shell.end_theme_preview,
    )


def new_room_entry(chat: PaletteTarget, typed: str) -> PaletteEntry | None:
    """Return the entry that opens a room called `typed`, None if it is not a new room's name.

    A `#` or `room:` in front of the name is not a part of it.
    """
    group, colon, name = typed.partition(":")
    is_grouped = bool(colon) and group.strip().casefold() == "room"
    room = canonical_name(name.strip() if is_grouped else typed.removeprefix("#"))
    if room is None or room in chat.model.rooms:
        return None
    return PaletteEntry(
        "room", f"Open the room {room}", "a new room", partial(chat.navigator.join, room)
    )


def open_room_entry(chat: PaletteTarget, key: KeyOf) -> PaletteEntry:
    """Return the entry that asks for the name of a room."""
    return PaletteEntry(
        "room", "Open or join a room by name", key("room.open", "Ctrl+O"), chat.action_open_room
    )


def _forgetting(chat: PaletteTarget, key: KeyOf) -> Iterator[PaletteEntry]:
    places = chat.model.places
    if (last := places.last_forgotten) is not None:
        title = f"Bring {last.partner or last} back"
        group = "person" if last.is_private else "room"
        undo = key("people.undo", "Alt+U")
        yield PaletteEntry(group, title, f"{undo}: list it again", chat.action_bring_back)
    if not chat.model.rooms.keeps_visited:
        return
    for place in places.listed():
        if places.can_forget(place):
            group, title = "room", f"Forget room {place}"
            if place.is_private:
                group, title = "person", f"Forget the conversation with {place.partner}"
            about = f"{key('rooms.forget', 'Delete')} in the list"
            run = partial(chat.forget_place, place)
            is_here = place == chat.model.location
            yield PaletteEntry(group, title, about, run, only_typed=not is_here)


def _following(chat: PaletteTarget, key: KeyOf) -> Iterator[PaletteEntry]:
    people = chat.model.people
    if (name := people.last_unfollowed) is not None:
        who = "everyone" if name == EVERYONE else name
        undo = key("people.undo", "Alt+U")
        yield PaletteEntry("person", f"Follow {who} again", undo, chat.action_undo_unfollow)
    if chat.model.capabilities.follow_everyone:
        title = "Stop following everyone" if people.everyone else "Follow everyone"
        everyone = key("people.everyone", "F8")
        yield PaletteEntry("person", title, everyone, chat.action_follow_everyone)


def _message_entries(chat: PaletteTarget, key: KeyOf) -> Iterator[PaletteEntry]:
    log = chat.query_one(MessageLog)
    if chat.get_selected_text():
        yield PaletteEntry("message", "Copy the selected text", "Ctrl+C", chat.action_copy_text)
    for title, action, default, run in (
        ("Copy the chosen message", "log.copy", "C", log.action_copy_message),
        ("Quote the chosen message", "log.quote", "Q", log.action_quote_message),
        ("Show where its link leads", "log.link", "O", log.action_open_link),
        ("Follow its author, or stop following", "log.follow", "F", log.action_follow_author),
        ("Send the chosen message again", "log.resend", "R", log.action_resend_message),
    ):
        yield PaletteEntry("message", title, f"{key(action, default)} in the log", run)
    if chat.check_action("resend", ()):
        again = key("message.resend", "Ctrl+G")
        yield PaletteEntry(
            "message", "Send the unconfirmed message again", again, chat.action_resend
        )
        yield PaletteEntry(
            "message",
            "Dismiss the unconfirmed messages",
            "They are not sent again",
            chat.action_dismiss_unconfirmed,
        )
