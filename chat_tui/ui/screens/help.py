"""HelpScreen: every key, every sign, and how the same is done by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, ClassVar, Final, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import HorizontalGroup, VerticalScroll
from textual.widgets import Label, Static

from chat_tui.input import KNOWN_COMMANDS
from chat_tui.ui.screens.dialog import Dialog
from chat_tui.ui.widgets import (
    ANNOUNCEMENT_SIGN,
    CURSOR_SIGN,
    DEFAULT_RESEND_KEY,
    HERE,
    MENTION_SIGN,
    MUTED,
    RECENT_SPEAKER,
    WAITING,
)

if TYPE_CHECKING:
    from chat_tui.ui.base_app import BaseApp

PANES: Final = {
    "composer": "WRITING",
    "log": "IN THE LOG",
    "rooms": "IN THE LIST OF ROOMS",
    "people": "IN THE LIST OF PEOPLE",
}
"""The panes by their ids, as headings; what keys do depends on which of them has the focus."""

_PANE_KEYS: Final = {
    "composer": (
        ("Enter", "send what stands in the composer"),
        ("Ctrl+J", "another line, to be sent together with the first"),
        ("Up, Down", "what you sent before that begins with what you typed, and back to it"),
        ("Tab", "complete a command, a room or a name; again for the next that fits"),
        ("PgUp, PgDn", "read back; the mouse wheel does it too"),
        ("Ctrl+End", "back to the newest message"),
    ),
    "log": (
        ("Up, Down", "choose a message"),
        ("C, O", "copy the chosen message; see where its link leads, and open it"),
        ("F, R", "follow its author, or no longer; send it again, if not confirmed"),
        ("drag, Ctrl+C", "select text and copy it; a double click takes a message"),
        ("click", "on a name: follow, or no longer; on a link: see where it leads"),
        ("PgUp, PgDn", "read back; the mouse wheel does it too"),
        ("End", "back to the newest message"),
        ("Esc", "back to the composer"),
    ),
    "rooms": (
        ("Up, Down", "another room or conversation"),
        ("Enter, click", "go there"),
        ("Tab", "to the field that opens a room by its name"),
        ("F2, Esc", "fold the list; back to the composer"),
    ),
    "people": (
        ("Up, Down", "another person"),
        ("Enter, click", "follow the person, or no longer"),
        ("F3, Esc", "fold the list; back to the composer"),
    ),
}

_KEYS: Final = (
    ("Ctrl+K", "jump", "jump to a room, a person or a command by typing a part of it"),
    ("Alt+Up, Alt+Down", "place.above, place.below", "the room or conversation above, below"),
    ("F4", "private", "the next private conversation, one with something unread first"),
    ("Ctrl+O", "room.open", "open or join a room by its name"),
    (
        "Ctrl+F",
        "log.find",
        "find in the log: words, from:alice; Up older, Down newer, Esc back, Tab stay",
    ),
    ("F7", "mouse", "leave the mouse to the terminal, to select as anywhere; or take it back"),
    (
        "F2, F3",
        "rooms, people",
        "the rooms, the people: go there; where they are folded, show them",
    ),
    ("F5", "settings", "read your settings again: colours, keys and all else"),
    ("F6", "wire", "the raw lines that go over the wire, and the same for netcat"),
    ("F8", "people.everyone", "follow everyone, or only those you follow by name"),
    ("Ctrl+T", "mute", "mute the room: no bell, nothing in the title; or no longer"),
    (DEFAULT_RESEND_KEY, "message.resend", "send a message again that was not confirmed"),
    ("Ctrl+R", "connection.retry", "while the connection is lost: try now"),
    ("Ctrl+P", "palette", "all commands, themes among them"),
    ("Tab, Esc", "", "the next pane, where nothing is to complete; back to the composer"),
    ("F1, Ctrl+Q", "help, quit", "this page; quit"),
)
"""Usual keys, the actions that they do (as they are called where keys are set), what that is."""

_SIGNS: Final = (
    (HERE, "the room or the conversation in view: what you write goes there"),
    (WAITING, "the room you are in, while a conversation is in view"),
    ("●", "you follow this person by name: you hear them in every room you share"),
    ("◉", "you hear this person because you follow everyone"),
    ("○", "you do not hear this person"),
    (f"bob {RECENT_SPEAKER}", "bob spoke within the last minute"),
    ("bob 3", "three lines of bob's that you have not looked at"),
    (MUTED, "a muted room: no bell, nothing in the title"),
    ("sending…", "the server has not yet said that it took the message"),
    ("!", "not confirmed: the connection broke first, and it may have arrived"),
    (CURSOR_SIGN, "the chosen message in the log"),
    (MENTION_SIGN, "in the margin: it is addressed to you"),
    (ANNOUNCEMENT_SIGN, "an operator speaks to everyone on the server"),
    ("·", "a word of the server, or somebody came or went"),
)


@dataclass(frozen=True, slots=True)
class HelpContext:
    """What help depends on."""

    netcat_command: str
    """The command that talks to the server by hand."""

    commands: Sequence[str]
    """The commands that the server listed."""

    log_path: str
    """Where the server that was started here logs to, empty where none was."""

    pane: str = ""
    """The id of the pane that has the focus; empty: none of `PANES` has it."""


_BY_WIDTH: Final = [(0, "-narrow"), (60, "-wide")]
"""Columns from which the stylesheet's class holds: narrow puts what a key does below it."""


class HelpScreen(Dialog[None]):
    """One page that scrolls."""

    HORIZONTAL_BREAKPOINTS = _BY_WIDTH

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,q", "dismiss", "Close"),
        Binding("up", "scroll('up')", show=False),
        Binding("down", "scroll('down')", show=False),
        Binding("pageup", "scroll('page_up')", show=False),
        Binding("pagedown,space", "scroll('page_down')", show=False),
    ]

    def __init__(self, context: HelpContext) -> None:
        super().__init__()
        self._help_context = context

    def compose(self) -> ComposeResult:
        """The page."""
        page = VerticalScroll(id="help-page")
        page.border_title = "Help"
        page.border_subtitle = "Esc closes"
        with page:
            for title, rows in self._sections():
                yield Label(title, classes="heading")
                for left, right in rows:
                    with HorizontalGroup():
                        yield Static(left, markup=False, classes="what" if right else "whole")
                        if right:
                            yield Static(right, markup=False, classes="why")

    def on_click(self) -> None:
        """A click beside the page closes it."""
        if not self.query_one("#help-page").is_mouse_over:
            self.dismiss()

    def action_scroll(self, how: str) -> None:
        """Scroll by a row or a page."""
        page = self.query_one("#help-page", VerticalScroll)
        getattr(page, f"scroll_{how}")(animate=False)

    def _sections(self) -> Iterator[tuple[str, Sequence[tuple[str, str]]]]:
        situation = self._help_context
        here = situation.pane if situation.pane in PANES else "composer"
        for pane in (here, *(other for other in PANES if other != here)):
            yield PANES[pane], _PANE_KEYS[pane]
            if pane == here:
                yield "EVERYWHERE", [(self._key_names(*row[:2]), row[2]) for row in _KEYS]
        yield "SIGNS", _SIGNS
        if situation.commands:
            known = KNOWN_COMMANDS
            listed = [
                (known[word].syntax, f"{known[word].description} — {known[word].example}")
                if word in known
                else (word, "")
                for word in situation.commands
            ]
            yield "TO TYPE", [*listed, ("//text", "a message that begins with one /")]
        yield "THE SAME BY HAND", [(situation.netcat_command, "")]
        if situation.log_path:
            yield "THE LOG OF THE SERVER", [(situation.log_path, "")]

    def _key_names(self, default: str, actions: str) -> str:
        key_of = cast("BaseApp", self.app).key_of
        pairs = zip_longest(default.split(", "), actions.split(", "), fillvalue="")
        return ", ".join(key_of(action, key) for key, action in pairs)
