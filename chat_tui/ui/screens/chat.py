"""ChatScreen: where the panes of the chat meet, and all that can be done there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final

from textual import on
from textual.actions import SkipAction
from textual.binding import ActiveBinding, Binding, BindingType
from textual.command import CommandPalette, Provider
from textual.message import Message
from textual.selection import Selection
from textual.widget import Widget

from chat_server.wire import EVERYONE, canonical_name
from chat_tui.events import ConnectionState
from chat_tui.input import PASSWD
from chat_tui.model import Pane, conversation_partner, conversation_place
from chat_tui.sanitize import safe_text
from chat_tui.ui.screens.change_password import ChangePasswordScreen
from chat_tui.ui.screens.chat_panes import ChatPanes
from chat_tui.ui.screens.footer_keys import select_footer_keys
from chat_tui.ui.screens.help import PANES
from chat_tui.ui.screens.log_pane import LogPane
from chat_tui.ui.screens.navigation import next_conversation, next_place, unread_conversation
from chat_tui.ui.screens.palette import ChatCommands, JumpProvider, PaletteTarget
from chat_tui.ui.screens.paste_prompt import ask_about_paste
from chat_tui.ui.terminal import CopyRequested
from chat_tui.ui.widgets import CompletionPopup, Composer, MessageLog, PeopleList, RoomList

_BY_WIDTH: Final = [(0, "-narrow"), (60, "-medium"), (90, "-wide")]
"""Columns from which the stylesheet's class holds: narrow folds both sidebars, medium one."""

_BY_HEIGHT: Final = [(0, "-short"), (12, "-tall")]
"""Rows from which the stylesheet's class holds: short goes without the footer."""


class ChatScreen(ChatPanes):
    """Panes post messages up to here; from here they are told what to show."""

    AUTO_FOCUS = "Composer"
    HORIZONTAL_BREAKPOINTS = _BY_WIDTH
    VERTICAL_BREAKPOINTS = _BY_HEIGHT
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {ChatCommands}

    # With priority: what is typed right after a key belongs to where the key leads. Without it,
    # the composer would already have it.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "app.help", "Help", priority=True, id="help"),
        Binding("f2", "side('rooms')", "Rooms", show=False, priority=True, id="rooms"),
        Binding("f3", "side('people')", "People", show=False, priority=True, id="people"),
        Binding("f4", "private", "Private", show=False, priority=True, id="private"),
        Binding("alt+up", "walk(-1)", "Room above", show=False, priority=True, id="place.above"),
        Binding("alt+down", "walk(1)", "Room below", show=False, priority=True, id="place.below"),
        Binding("ctrl+k", "jump", "Jump", priority=True, id="jump"),
        Binding("ctrl+f", "find", "Find", priority=True, id="log.find"),
        Binding("ctrl+o", "open_room", "Open a room", show=False, priority=True, id="room.open"),
        Binding("ctrl+g", "resend", "Again", id="message.resend"),
        Binding("ctrl+r", "retry", "Retry", id="connection.retry"),
        Binding("f8", "follow_everyone", "Follow everyone", show=False, id="people.everyone"),
        Binding("ctrl+t", "mute", "Mute", show=False, priority=True, id="mute"),
        Binding("escape", "back_to_composer", "Write", show=False, id="composer"),
    ]

    @dataclass
    class RoomSwitchRequested(Message):
        """Somebody walks to another room; what is typed is meant for there already."""

        room: str

    @property
    def palette_target(self) -> PaletteTarget:
        """The screen as the command palette sees it."""
        return self

    @property
    def focused_pane(self) -> str:
        """The id of the pane that has the focus; empty where none has it."""
        chain = [] if self.focused is None else self.focused.ancestors_with_self
        return next((node.id for node in chain if node.id in PANES), None) or ""

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """All that can be done now; the footer shows five of it."""
        urgent = [key for key in ("retry", "resend") if self.check_action(key, ())]
        if self.focused_pane not in ("", "composer"):
            urgent.append("back_to_composer")
        if unread_conversation(self.model):
            urgent.append("private")
        around = [] if self.focused is None else self.focused.ancestors_with_self
        pane = [node for node in around if node not in (self, self.app)]
        return select_footer_keys(
            super().active_bindings, urgent, pane, folded=not self.has_class("-wide")
        )

    def validate_selections(self, selections: dict[Widget, Selection]) -> dict[Widget, Selection]:
        """A drag that ends beside the log selects nothing there. Called by Textual."""
        return {widget: kept for widget, kept in selections.items() if widget.allow_select}

    # What the panes say

    @on(Composer.Changed, "#composer")
    def _keep_draft(self) -> None:
        self._draft_binding.save(self.query_one(Composer))

    @on(Composer.Submitted)
    def _submitted(self, event: Composer.Submitted) -> None:
        if event.text.strip() == PASSWD and self.model.capabilities.password_change:
            self.action_change_password()
            return
        # It may be that another place is in view by now.
        self.session.submit(event.text, conversation_partner(event.place))
        self.query_one(MessageLog).action_follow()
        self._process_updates()

    @on(Composer.SubmitBlocked)
    def _submit_blocked(self) -> None:
        self._input_blocked = True
        self.draw({Pane.COMPOSER})

    @on(Composer.PasteNeedsConfirmation)
    def _paste_needs_confirmation(self, event: Composer.PasteNeedsConfirmation) -> None:
        ask_about_paste(self.app, event, self.query_one(Composer))

    @on(Composer.CompletionsChanged)
    def _list_choices(self, event: Composer.CompletionsChanged) -> None:
        room = self.query_one(MessageLog).size.height
        self.query_one(CompletionPopup).show(event.completions, event.chosen, room)

    @on(CompletionPopup.Clicked)
    def _choice_clicked(self, event: CompletionPopup.Clicked) -> None:
        self.query_one(Composer).insert_completion(event.index)

    @on(Composer.ScrollLog)
    def _scroll_log(self, event: Composer.ScrollLog) -> None:
        log = self.query_one(MessageLog)
        match event.to:
            case "page_up":
                log.scroll_page_up(animate=False)
            case "page_down":
                log.scroll_page_down(animate=False)
            case "end":
                log.action_follow()

    @on(MessageLog.ResendRequested)
    def _resend_requested(self, event: MessageLog.ResendRequested) -> None:
        self._resend(event.entry_id)

    @on(RoomList.RoomChosen)
    def _room_chosen(self, event: RoomList.RoomChosen) -> None:
        self.join(event.room)

    @on(RoomList.ConversationChosen)
    def _conversation_chosen(self, event: RoomList.ConversationChosen) -> None:
        self.open_conversation(event.person)

    @on(RoomList.RoomNameEntered)
    def _room_name_entered(self, event: RoomList.RoomNameEntered) -> None:
        if canonical_name(event.name) is None:
            self.app.notify(
                f"{safe_text(event.name)} can't be a room: a name has up to 32 letters, digits, "
                "_ - or . and no spaces.",
                severity="warning",
            )
            return
        self.query_one(RoomList).clear_field()
        self.join(event.name)

    @on(PeopleList.Toggled)
    @on(MessageLog.AuthorChosen)
    def _toggled(self, event: PeopleList.Toggled | MessageLog.AuthorChosen) -> None:
        self.toggle_follow(event.name)

    # What can be done here, by a pane, a key or the palette

    def join(self, room: str) -> None:
        """Go to a room; what is typed from here on waits for the answer."""
        name, model = canonical_name(room.strip()) or room, self.model
        if name == model.room and model.private_with and model.compose_target == model.place:
            model.view(name)
        else:
            model.room_requested(name)
            self.session.join(name)
        self.action_back_to_composer()
        self._process_updates()

    def open_conversation(self, person: str) -> None:
        """Show the private conversation with somebody, and write there."""
        if not self.model.capabilities.private_messages:
            self.app.notify("This server knows no private messages.", severity="warning")
            return
        self.model.view(conversation_place(person))
        self.action_back_to_composer()
        self._process_updates()

    def begin_command(self, word: str) -> None:
        """Put a command into the composer, to be gone on with; a draft there stays as it is."""
        if word == PASSWD:
            self.action_change_password()
            return
        self.action_back_to_composer()
        if not self.query_one(Composer).return_text(f"{word} "):
            self.app.notify(f"Something is half written here: {word} has to wait.")

    def action_change_password(self) -> None:
        """Ask for the old and the new password."""
        model = self.model
        if not model.capabilities.password_change:
            self.app.notify("This server lets nobody change a password.", severity="warning")
        elif model.connection.state is not ConnectionState.ONLINE:
            self.app.notify("Not connected: try it again once you are back.", severity="warning")
        else:
            self._password_form = ChangePasswordScreen(model.user, self._ask_for_password)
            self.app.push_screen(self._password_form)

    def _ask_for_password(self, old: str, new: str) -> None:
        self.session.change_password(old, new)
        self._process_updates()

    def action_private(self) -> None:
        """Go to the next private conversation; where something is unread, there first."""
        # After the keys that were pressed before: they are meant for where one is.
        self.query_one(Composer).call_later(self._open_next_conversation)

    def _open_next_conversation(self) -> None:
        person = next_conversation(self.model)
        if person:
            self.open_conversation(person)
        else:
            key = self.shell.key_of("jump", "Ctrl+K")
            self.app.notify(f"No private conversation yet: {key} and a name begins one.")

    def action_walk(self, step: int) -> None:
        """Go to the place above or below."""
        self.query_one(Composer).call_later(self._walk, step)

    def _walk(self, step: int) -> None:
        model = self.model
        place = next_place(model, step)
        if conversation_partner(place):
            self.open_conversation(conversation_partner(place))
        elif place == model.room and model.compose_target == model.place:
            model.view(place)
            self._process_updates()
        else:
            # What is typed from here on is meant for there; what was sent before may still wait.
            model.room_requested(place)
            self._process_updates()
            # By the way that it takes: so it cannot be overtaken.
            self.query_one(Composer).post_message(self.RoomSwitchRequested(place))

    @on(RoomSwitchRequested)
    def _room_switch_requested(self, event: RoomSwitchRequested) -> None:
        self.session.join(event.room)
        self._process_updates()

    def toggle_follow(self, name: str) -> None:
        """Follow somebody ("*": everyone), or no longer."""
        if self.model.connection.state is not ConnectionState.ONLINE:
            self.app.notify("Not connected: try it again once you are back.", severity="warning")
            return
        self.session.toggle_follow(name)
        self._process_updates()

    def action_resend(self) -> None:
        """Send the oldest unconfirmed message again."""
        unconfirmed = self.model.unconfirmed
        if unconfirmed:
            self._resend(unconfirmed[0].id)

    def _resend(self, entry_id: int) -> None:
        if not self.session.resend(entry_id):
            self.app.notify("It can be sent again once you are connected.", severity="warning")
        self._process_updates()

    def action_follow_everyone(self) -> None:
        """Hear whoever speaks where one is, or only whom one follows by name."""
        if self.model.capabilities.follow_everyone:
            self.toggle_follow(EVERYONE)
        else:
            self.app.notify("This server lets you follow people by name only.", severity="warning")

    def action_mute(self) -> None:
        """Let the place in view call nobody: no bell, no count in the title; or let it again."""
        place = self.model.place
        if self.notifier.toggle_mute():
            key = self.shell.key_of("mute", "Ctrl+T")
            self.app.notify(f"{place} is muted: no bell, nothing in the title. {key} ends that.")
        else:
            self.app.notify(f"{place} is no longer muted.")
        self.draw_activity()

    def action_let_go(self) -> None:
        """Send no message of this place again that was not confirmed."""
        self.model.dismiss_unconfirmed()
        self._process_updates()

    def action_retry(self) -> None:
        """Try to come back now."""
        self.session.retry_now()
        self._process_updates()

    def action_newest(self) -> None:
        """Go to the end of the log."""
        self.query_one(MessageLog).action_follow()

    def action_sign_out(self) -> None:
        """Leave the server."""
        self._sign_out()

    def action_jump(self) -> None:
        """Type a part of a name to go to a room or to follow a person."""
        self.app.push_screen(
            CommandPalette([JumpProvider], placeholder="A room, a person, a command…")
        )

    def action_open_room(self) -> None:
        """Type the name of a room."""
        self._open(self.query_one(RoomList))
        self.query_one(RoomList).focus_field()

    def action_side(self, which: str) -> None:
        """Go to a sidebar, showing it if need be; from within it: away with it."""
        rooms, people = self.query_one(RoomList), self.query_one(PeopleList)
        side: RoomList | PeopleList = rooms if which == "rooms" else people
        if side.display and side.has_pseudo_class("focus-within"):
            self._close(side)
            self.query_one(Composer).focus()
            return
        self._open(side)
        side.focus_list()

    def action_copy_text(self) -> None:
        """Copy what is selected, and promise no more than can be known."""
        if (text := self.get_selected_text()) is None:
            raise SkipAction
        self.post_message(CopyRequested(text))

    def action_find(self) -> None:
        """Search in the log."""
        self.query_one(LogPane).find()

    def action_back_to_composer(self) -> None:
        """Write; what was unfolded over the log folds again."""
        for side in (self.query_one(RoomList), self.query_one(PeopleList)):
            side.remove_class("-open")
        self.query_one(LogPane).stop_searching()
        self.query_one(Composer).focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what is possible now."""
        if action == "resend":
            return bool(self.model.unconfirmed)
        if action == "retry":
            return self.model.connection.state is ConnectionState.WAITING
        return True

    # How it is done

    def _open(self, side: Widget) -> None:
        side.remove_class("-closed")
        side.add_class("-open")

    def _close(self, side: Widget) -> None:
        side.remove_class("-open")
        side.add_class("-closed")
