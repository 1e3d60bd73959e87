"""HelpScreen: all keys, symbols and commands, and the netcat command."""

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
"""The headings of the panes by pane id. The keys depend on which pane has the focus."""

_PANE_KEYS: Final = {
    "composer": (
        ("Enter", "send the text"),
        ("Ctrl+J, Alt+Enter", "add a line; all lines are sent together"),
        ("Ctrl+_, Ctrl+Y", "undo and redo a change of the text"),
        ("Up, Down", "recall sent messages that begin with your text"),
        ("Tab", "complete a command, room or name; again for more"),
        (
            "PgUp, PgDn",
            "scroll the log; so does the mouse wheel. At the top: load earlier messages",
        ),
        ("Ctrl+End", "go to the newest message"),
    ),
    "log": (
        ("Up, Down", "choose a message"),
        ("C, Q", "of the chosen message: copy it; quote it above your text"),
        ("O", "of the chosen message: show where its link leads"),
        ("F, R", "of the chosen message: follow or unfollow its author; send it again"),
        ("other letters", "go to the composer; so do all while no message is chosen"),
        ("drag, Ctrl+C", "select text and copy it; a double click selects a message"),
        ("click", "on a name: follow or unfollow; on a link: show where it leads"),
        ("PgUp, PgDn", "scroll; so does the mouse wheel. At the top: load earlier messages"),
        ("End", "go to the newest message"),
        ("Esc", "go back to the composer"),
    ),
    "rooms": (
        ("Up, Down", "choose a room or conversation"),
        ("Enter, click", "go there"),
        ("Delete", "forget a room without people, or a conversation; Alt+U brings it back"),
        ("Tab", "go to the field that opens a room by name"),
        ("Shift+Left, Right", "move the edge of the list; the mouse can drag it"),
        ("F2, Esc", "fold the list; go back to the composer"),
    ),
    "people": (
        ("Up, Down", "choose a person"),
        ("Enter, click", "follow or unfollow the person"),
        ("Shift+Left, Right", "move the edge of the list; the mouse can drag it"),
        ("F3, Esc", "fold the list; go back to the composer"),
    ),
}

_KEYS: Final = (
    ("Ctrl+K", "jump", "jump to a room, a person or a command"),
    ("Alt+A", "place.unread", "go to the next unread messages, mentions first"),
    ("Alt+Up, Alt+Down", "place.above, place.below", "go to the room or conversation above, below"),
    ("F4", "private", "go to the next private conversation, unread first"),
    ("Ctrl+O", "room.open", "open or join a room by name"),
    (
        "Ctrl+F",
        "log.find",
        "find text or from:alice in the log; Up older, Down newer, Esc back, Tab stay; "
        "Enter at the oldest searches on the server",
    ),
    ("F7", "mouse", "leave the mouse to the terminal, or take it back"),
    ("F2, F3", "rooms, people", "show and focus the rooms, the people"),
    ("F5", "settings", "read the settings again: colours, keys and the rest"),
    ("F6", "wire", "show the wire log, and the last action for netcat"),
    ("F8", "people.everyone", "follow everyone, or stop following everyone"),
    (
        "Alt+U",
        "people.undo",
        "follow again the person that you stopped following last; list a forgotten place again",
    ),
    ("Alt+N", "notices", "read the latest notices again, whole"),
    ("Ctrl+T", "mute", "mute or unmute: no bell, no count in the title"),
    (DEFAULT_RESEND_KEY, "message.resend", "send an unconfirmed message again"),
    ("Ctrl+R", "connection.retry", "reconnect now, while the connection is lost"),
    ("Ctrl+P", "palette", "show all actions and themes"),
    ("Tab, Esc", "", "go to the next pane, if nothing can be completed; go to the composer"),
    ("Ctrl+L", "redraw", "draw the screen again, if another program has written over it"),
    ("Ctrl+Z", "suspend", "suspend the client; `fg` in the shell continues it"),
    ("F1, Ctrl+Q", "help, quit", "show this page; quit"),
)
"""Default keys, their actions (as the `[keys]` table names them) and descriptions."""

_SYMBOLS: Final = (
    (HERE, "the room or conversation in view: your messages go there"),
    (WAITING, "the room you are in, while a conversation is in view"),
    ("●", "you follow this person by name, in every room you share"),
    ("◉", "you receive this person's messages because you follow everyone"),
    ("○", "you do not receive this person's messages"),
    (f"bob {RECENT_SPEAKER}", "bob wrote within the last minute"),
    ("bob 3", "three unread messages from bob"),
    ("dev 3 @1", "three unread messages in dev; one of them mentions you"),
    ("a dimmed room", "it is empty, and stays in the list because you were there"),
    (MUTED, "a muted room: no bell, no count in the title"),
    (
        "sending…",
        "the server has not confirmed the message yet. While it is disconnected from the other "
        "servers of the chat, the message waits there",
    ),
    ("kept until …", "a private message that the server keeps while the person is away"),
    ("!", "not confirmed: the connection was lost, and it may have arrived"),
    (CURSOR_SIGN, "the chosen message in the log"),
    (MENTION_SIGN, "in the margin: the message is addressed to you"),
    (ANNOUNCEMENT_SIGN, "an announcement of an operator to everyone"),
    ("+, -", "people joined or left"),
    ("·", "a reply of the server"),
)


@dataclass(frozen=True, slots=True)
class HelpContext:
    """What the help page depends on."""

    netcat_command: str
    """The command that connects netcat to the server."""

    commands: Sequence[str]
    """The commands that the server listed."""

    log_path: str
    """The log of the local server, empty if there is none."""

    pane: str = ""
    """The id of the focused pane, empty if none of `PANES` has the focus."""


_WIDTH_CLASSES: Final = [(0, "-narrow"), (60, "-wide")]
"""Minimum columns of the stylesheet's classes: narrow puts descriptions below their keys."""


class HelpScreen(Dialog[None]):
    """One page that scrolls."""

    HORIZONTAL_BREAKPOINTS = _WIDTH_CLASSES

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
        """Yield the page."""
        page = VerticalScroll(id="help-page")
        page.border_title = "Help"
        page.border_subtitle = "PgDn More · Esc Close"
        with page:
            for title, rows in self._sections():
                yield Label(title, classes="heading")
                for left, right in rows:
                    with HorizontalGroup():
                        yield Static(left, markup=False, classes="label" if right else "full-row")
                        if right:
                            yield Static(right, markup=False, classes="description")

    def on_click(self) -> None:
        """Close the help after a click outside the page."""
        if not self.query_one("#help-page").is_mouse_over:
            self.dismiss()

    def action_scroll(self, how: str) -> None:
        """Scroll by a row or a page."""
        page = self.query_one("#help-page", VerticalScroll)
        getattr(page, f"scroll_{how}")(animate=False)

    def _sections(self) -> Iterator[tuple[str, Sequence[tuple[str, str]]]]:
        context = self._help_context
        first = context.pane if context.pane in PANES else "composer"
        for pane in (first, *(other for other in PANES if other != first)):
            yield PANES[pane], _PANE_KEYS[pane]
            if pane == first:
                yield "EVERYWHERE", [(self._key_names(*row[:2]), row[2]) for row in _KEYS]
        yield "SYMBOLS", _SYMBOLS
        if context.commands:
            known = KNOWN_COMMANDS
            listed = [
                (known[name].syntax, f"{known[name].description} — {known[name].example}")
                if name in known
                else (name, "")
                for name in context.commands
            ]
            yield "COMMANDS", [*listed, ("//text", "send a message that begins with one /")]
        yield "CONNECT WITH NETCAT", [(context.netcat_command, "")]
        if context.log_path:
            yield "SERVER LOG", [(context.log_path, "")]

    def _key_names(self, default: str, actions: str) -> str:
        key_of = cast("BaseApp", self.app).key_of
        pairs = zip_longest(default.split(", "), actions.split(", "), fillvalue="")
        return ", ".join(key_of(action, key) for key, action in pairs)
