"""ChatPanes: what stands on the screen of the chat, and how it follows the model."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Footer

from chat_tui.events import (
    ConnectionState,
    PasswordChanged,
    PasswordChangeFailed,
    PasswordChangeUncertain,
    TextReturned,
)
from chat_tui.input import BlockedInput, check_input, holds_secret, merge_into_draft, redact
from chat_tui.model import CompletionList, Pane, complete, conversation_partner
from chat_tui.sanitize import safe_text
from chat_tui.session import Outcome
from chat_tui.ui.screens import wording
from chat_tui.ui.screens.captions import (
    connection_warning,
    empty_log_hint,
    header,
    people_activity,
    status_info,
    unread_elsewhere,
)
from chat_tui.ui.screens.change_password import ChangePasswordScreen
from chat_tui.ui.screens.chat_context import ChatContext
from chat_tui.ui.screens.draft_binding import DraftBinding
from chat_tui.ui.screens.log_pane import LogPane
from chat_tui.ui.widgets import (
    DEFAULT_RESEND_KEY,
    Caption,
    CompletionPopup,
    Composer,
    MessageLog,
    PeopleList,
    RoomList,
    StatusBar,
)


class ChatPanes(Screen[None]):
    """The panes, drawn; what is done in them is the matter of `ChatScreen`."""

    def __init__(self, context: ChatContext) -> None:
        super().__init__()
        self.session = context.session
        self.model = context.model
        self.notifier = context.notifier
        self.shell = context.shell
        self._process_updates = context.process_updates
        self._sign_out = context.sign_out
        self._drawn_actions = (ConnectionState.OFFLINE, False)
        self._drawn_activity: object = None  # what was drawn of what calls for attention
        self._draft_binding = DraftBinding(context.model)
        self._password_form: ChangePasswordScreen | None = None  # the one that was opened last
        self._input_blocked = False  # somebody pressed Enter while the connection was lost

    def compose(self) -> ComposeResult:
        """Rooms, talk, people; below them how things stand, and the keys."""
        with Horizontal(id="body"):
            yield RoomList(id="rooms")
            with Vertical(id="talk"):
                yield Caption(id="room-header")
                yield LogPane(self.model.now)
                yield CompletionPopup()
                yield Composer(
                    self.model.history, self._complete, self._blocked_input, id="composer"
                )
            yield PeopleList(id="people")
        with Container(id="bottom"):
            yield StatusBar(id="status")
            yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Draw what is known by now."""
        self.draw(set(Pane))

    # What the app tells

    def draw(self, changes: set[Pane]) -> None:
        """Draw these panes again, each once."""
        model, key_of = self.model, self.shell.key_of
        if Pane.ROOMS in changes:
            self._draw_rooms()
        if changes & {Pane.ROOMS, Pane.PEOPLE}:
            self.query_one("#room-header", Caption).update(header(model, self.notifier))
        if changes & {Pane.LOG, Pane.PEOPLE}:
            log = self.query_one(MessageLog)
            log.set_resend_key(key_of("message.resend", DEFAULT_RESEND_KEY))
            log.show(
                model.log, model.mentions.pattern, empty_log_hint(model, key_of("people", "F3"))
            )
        if Pane.PEOPLE in changes:
            self._draw_people()
        if Pane.STATUS in changes:
            self.query_one(StatusBar).show(status_info(model))
            offered = (model.connection.state, bool(model.unconfirmed))
            if offered != self._drawn_actions:  # what `check_action` looks at
                self._drawn_actions = offered
                self.refresh_bindings()
        if Pane.COMPOSER in changes:
            composer = self.query_one(Composer)
            composer.accepting = model.connection.state is ConnectionState.ONLINE
            self.switch_draft()
            composer.set_target(model.compose_target)
            if model.connection.state is ConnectionState.ONLINE:
                self._input_blocked = False
            key = key_of("connection.retry", "Ctrl+R")
            composer.show_connection_line(
                connection_warning(
                    model.connection, input_blocked=self._input_blocked, retry_key=key
                )
            )

    @property
    def at_end(self) -> bool:
        """Whether the newest of the place in view is in view."""
        return any(log.following for log in self.query(MessageLog))

    def draw_activity(self) -> None:
        """Draw what is unread, who just spoke and what waits, where one of them has changed."""
        model, attention = self.model, self.notifier
        elsewhere = unread_elsewhere(model), attention.unread, attention.muted
        news = (people_activity(model), elsewhere, status_info(model))
        if news != self._drawn_activity:
            self._drawn_activity = news
            self.refresh_bindings()
            self._draw_rooms()
            self._draw_people()
            self.query_one("#room-header", Caption).update(header(model, attention))
            self.query_one(StatusBar).show(status_info(model))

    def switch_draft(self) -> None:
        """What is in the composer is what is half written for the place that one writes to."""
        self._draft_binding.switch(self.query_one(Composer))

    def return_text(self, returned: TextReturned) -> None:
        """Put into the composer what could not be sent; say why, and where else it is."""
        self.switch_draft()
        model, place = self.model, returned.place
        words = [] if returned.is_reported else [safe_text(returned.reason)]
        if place and place != model.compose_target:
            model.drafts.put(place, merge_into_draft(returned.text, model.drafts.of(place)))
            words.append(f"It is kept in your conversation with {conversation_partner(place)}.")
        elif not self.query_one(Composer).return_text(returned.text):
            shown = safe_text(redact(returned.text))[:60]
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
                self.app.notify(
                    wording.password_changed_message(source), timeout=20 if source else None
                )
            case PasswordChangeFailed(reason) if form is not None and form.is_open:
                form.rejected(reason)
            case PasswordChangeFailed(reason) if form is not None and form.waiting:
                form.waiting = False
                self.app.notify(f"{safe_text(reason)}: nothing was changed.", severity="warning")
            case PasswordChangeUncertain() if form is not None:
                form.uncertain()

    def close_password_form(self) -> None:
        """Nobody has a use for it any more."""
        if self._password_form is not None:
            self._password_form.close_all()
            self._password_form = None

    # What the panes ask

    def _complete(self, before: str, alone: bool, asked: bool) -> CompletionList | None:
        return complete(self.model, before, is_only_line=alone, explicit=asked)

    def _blocked_input(self, text: str) -> BlockedInput | None:
        model = self.model
        return check_input(text, model.commands, model.user)

    # How it is done

    def _draw_rooms(self) -> None:
        model = self.model
        rooms = model.rooms.listed()
        people, unread = model.conversations.listed(), unread_elsewhere(model)
        rooms_list = self.query_one(RoomList)
        rooms_list.set_open_key(self.shell.key_of("room.open", "^O"))
        rooms_list.show(rooms, people, model.private_with, unread, self.notifier.muted)

    def _draw_people(self) -> None:
        model = self.model
        people = self.query_one(PeopleList)
        people.show(
            model.people,
            people_activity(model),
            everyone_offered=model.capabilities.follow_everyone,
        )
