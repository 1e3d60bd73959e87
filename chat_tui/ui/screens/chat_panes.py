"""ChatPanes: what stands on the screen of the chat, and how it follows the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Footer

from chat_tui.events import (
    ConnectionState,
    PasswordChanged,
    PasswordRefused,
    PasswordUnknown,
    TextReturned,
)
from chat_tui.input.command_guard import HeldBack, held_back
from chat_tui.input.parser import put_back
from chat_tui.input.redaction import holds_secret, masked
from chat_tui.model.chat_model import Pane
from chat_tui.model.completion import Offer, offer
from chat_tui.model.conversations import person_of
from chat_tui.sanitize import safe_text
from chat_tui.session.credentials import Outcome
from chat_tui.session.session import ChatSession
from chat_tui.ui.notifier import Attention
from chat_tui.ui.screens import wording
from chat_tui.ui.screens.captions import (
    header,
    newly,
    silence,
    standing,
    trouble,
    unread_elsewhere,
)
from chat_tui.ui.screens.change_password import ChangePasswordScreen
from chat_tui.ui.screens.draft_binding import HalfWritten
from chat_tui.ui.screens.log_pane import LogPane
from chat_tui.ui.widgets.caption import Caption
from chat_tui.ui.widgets.completion_popup import CompletionPopup
from chat_tui.ui.widgets.composer import Composer
from chat_tui.ui.widgets.log_reader import TalkLog
from chat_tui.ui.widgets.log_rows import RESEND_KEY
from chat_tui.ui.widgets.people_list import Subscriptions
from chat_tui.ui.widgets.room_list import RoomList
from chat_tui.ui.widgets.status_bar import StatusBar

if TYPE_CHECKING:
    from chat_tui.ui.base_app import HouseStyle


class ChatPanes(Screen[None]):
    """The panes, drawn; what is done in them is the matter of `ChatScreen`."""

    def __init__(
        self,
        session: ChatSession,
        attention: Attention,
        caught_up: Callable[[], None],
        sign_out: Callable[[], None],
    ) -> None:
        """`caught_up` is called after the session was told to do something: draw what changed.

        `sign_out`: somebody wants to leave the server and see the form.
        """
        super().__init__()
        self.session = session
        self.attention = attention
        self._caught_up = caught_up
        self._sign_out = sign_out
        self._offered = (ConnectionState.OFFLINE, False)
        self._news: object = None  # what was drawn of what calls for attention
        self._half_written = HalfWritten(session.model)
        self._password_form: ChangePasswordScreen | None = None  # the one that was opened last
        self._held_back = False  # somebody pressed Enter while the connection was lost

    def compose(self) -> ComposeResult:
        """Rooms, talk, people; below them how things stand, and the keys."""
        with Horizontal(id="body"):
            yield RoomList(id="rooms")
            with Vertical(id="talk"):
                yield Caption(id="room-header")
                yield LogPane(self.session.model.now)
                yield CompletionPopup()
                yield Composer(
                    self.session.model.history, self._offers, self._why_not, id="composer"
                )
            yield Subscriptions(id="people")
        with Container(id="bottom"):
            yield StatusBar(id="status")
            yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Draw what is known by now."""
        self.draw(set(Pane))

    @property
    def modern(self) -> bool:
        """Whether the server is more than the first servers were, and knows to follow everyone."""
        return "/help" in self.session.model.commands

    # What the app tells

    def draw(self, changes: set[Pane]) -> None:
        """Draw these panes again, each once."""
        model, key_of = self.session.model, cast("HouseStyle", self.app).key_of
        if Pane.ROOMS in changes:
            self._draw_rooms()
        if changes & {Pane.ROOMS, Pane.PEOPLE}:
            self.query_one("#room-header", Caption).update(header(model, self.attention))
        if changes & {Pane.LOG, Pane.PEOPLE}:
            log = self.query_one(TalkLog)
            log.name_resend_key(key_of("message.resend", RESEND_KEY))
            log.show(model.log, model.mentions.pattern, silence(model, key_of("people", "F3")))
        if Pane.PEOPLE in changes:
            self._draw_people()
        if Pane.STATUS in changes:
            self.query_one(StatusBar).show(standing(model))
            offered = (model.connection.state, bool(model.unconfirmed))
            if offered != self._offered:  # what `check_action` looks at
                self._offered = offered
                self.refresh_bindings()
        if Pane.COMPOSER in changes:
            composer = self.query_one(Composer)
            composer.accepting = model.connection.state is ConnectionState.ONLINE
            self.turn_to_draft()
            composer.speak_to(model.writing_to)
            if model.connection.state is ConnectionState.ONLINE:
                self._held_back = False
            key = key_of("connection.retry", "Ctrl+R")
            composer.say(trouble(model.connection, held_back=self._held_back, retry_key=key))

    @property
    def at_end(self) -> bool:
        """Whether the newest of the place in view is in view."""
        return any(log.following for log in self.query(TalkLog))

    def draw_attention(self) -> None:
        """Draw what is unread, who just spoke and what waits, where one of them has changed."""
        model, attention = self.session.model, self.attention
        elsewhere = unread_elsewhere(model), attention.unread, attention.muted
        news = (newly(model), elsewhere, standing(model))
        if news != self._news:
            self._news = news
            self.refresh_bindings()
            self._draw_rooms()
            self._draw_people()
            self.query_one("#room-header", Caption).update(header(model, attention))
            self.query_one(StatusBar).show(standing(model))

    def turn_to_draft(self) -> None:
        """What is in the composer is what is half written for the place that one writes to."""
        self._half_written.turn(self.query_one(Composer))

    def take_back(self, returned: TextReturned) -> None:
        """Put into the composer what could not be sent; say why, and where else it is."""
        self.turn_to_draft()
        model, place = self.session.model, returned.place
        words = [] if returned.is_told else [safe_text(returned.reason)]
        if place and place != model.writing_to:
            model.drafts.put(place, put_back(returned.text, model.drafts.of(place)))
            words.append(f"It is kept in your conversation with {person_of(place)}.")
        elif not self.query_one(Composer).give_back(returned.text):
            shown = safe_text(masked(returned.text))[:60]
            kept = not holds_secret(returned.text)
            words.append(f"Press Up for it: {shown}" if kept else f"Type it again: {shown}")
        if words:
            self.app.notify("\n".join(words), severity="warning")

    def password_answered(self, outcome: Outcome, source: str) -> None:
        """Tell what became of a change of the password, also of one that was typed.

        `source`: from where the profile takes the password; empty: somebody types it.
        """
        form = self._password_form
        match outcome:
            case PasswordChanged():
                self.close_password_form()
                self.app.notify(wording.password_changed(source), timeout=20 if source else None)
            case PasswordRefused(reason) if form is not None and form.is_open:
                form.refused(reason)
            case PasswordRefused(reason) if form is not None and form.waits:
                form.waits = False
                self.app.notify(f"{safe_text(reason)}: nothing was changed.", severity="warning")
            case PasswordUnknown() if form is not None:
                form.unknown()

    def close_password_form(self) -> None:
        """Nobody has a use for it any more."""
        if self._password_form is not None:
            self._password_form.end()
            self._password_form = None

    # What the panes ask

    def _offers(self, before: str, alone: bool, asked: bool) -> Offer | None:
        return offer(self.session.model, before, alone=alone, asked=asked)

    def _why_not(self, text: str) -> HeldBack | None:
        model = self.session.model
        return held_back(text, model.commands, model.user)

    # How it is done

    def _draw_rooms(self) -> None:
        model = self.session.model
        rooms = model.rooms.listed()
        people, unread = model.conversations.listed(), unread_elsewhere(model)
        rooms_list = self.query_one(RoomList)
        rooms_list.name_open_key(cast("HouseStyle", self.app).key_of("room.open", "^O"))
        rooms_list.show(rooms, people, model.private_with, unread, self.attention.muted)

    def _draw_people(self) -> None:
        model = self.session.model
        people = self.query_one(Subscriptions)
        people.show(model.people, newly(model), everyone_offered=self.modern)
