"""ChatScreen: composes the panes, routes their messages and holds the key bindings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from textual import on
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.selection import Selection
from textual.widget import Widget

from chat_server.wire import EVERYONE, canonical_name
from chat_tui.account import Address
from chat_tui.events import ConnectionState
from chat_tui.input import PASSWD, BlockedInput
from chat_tui.model import CompletionList, Location, Pane, complete
from chat_tui.sanitize import safe_text
from chat_tui.ui.palette_entry import PaletteEntry
from chat_tui.ui.screens.chat_context import ChatContext
from chat_tui.ui.screens.draft_binding import DraftBinding
from chat_tui.ui.screens.footer_keys import select_footer_keys
from chat_tui.ui.screens.fresh_screen import FreshScreen
from chat_tui.ui.screens.history import load_page, show_message
from chat_tui.ui.screens.history_search import HistorySearcher
from chat_tui.ui.screens.key_labels import key_labels
from chat_tui.ui.screens.log_pane import LogPane
from chat_tui.ui.screens.navigation import (
    Navigator,
    RoomSwitchRequested,
    has_unread_conversation,
)
from chat_tui.ui.screens.palette import action_entries, jump_palette
from chat_tui.ui.screens.pane_focus import PaneFocus
from chat_tui.ui.screens.pane_renderer import PaneRenderer
from chat_tui.ui.screens.password_change import PasswordChange
from chat_tui.ui.screens.paste_prompt import ask_about_paste
from chat_tui.ui.screens.sidebar_widths import MEDIUM_COLUMNS, WIDE_COLUMNS, SidebarWidths
from chat_tui.ui.screens.submission import Submitter
from chat_tui.ui.screens.type_ahead import TypeAhead
from chat_tui.ui.terminal import CopyRequested
from chat_tui.ui.widgets import (
    Caption,
    CompletionPopup,
    Composer,
    KeyFooter,
    MessageLog,
    NoticeBar,
    PeopleList,
    RoomList,
    Sidebar,
    SideList,
    StatusBar,
)

_WIDTH_CLASSES: Final = [(0, "-narrow"), (MEDIUM_COLUMNS, "-medium"), (WIDE_COLUMNS, "-wide")]
"""Minimum columns of the stylesheet's classes: narrow folds both sidebars, medium folds one."""

_HEIGHT_CLASSES: Final = [(0, "-short"), (12, "-tall")]
"""Minimum rows of the stylesheet's classes: short hides the footer."""


class ChatScreen(FreshScreen):
    """The chat. Panes post messages to it; its parts act on them and draw the panes."""

    AUTO_FOCUS = "Composer"
    HORIZONTAL_BREAKPOINTS = _WIDTH_CLASSES
    VERTICAL_BREAKPOINTS = _HEIGHT_CLASSES

    # With priority: text that is typed right after the key belongs to the location that the key
    # opens. Without priority the composer would get that text first.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "app.help", "Help", priority=True, id="help"),
        Binding("f2", "side('rooms')", "Rooms", show=False, priority=True, id="rooms"),
        Binding("f3", "side('people')", "People", show=False, priority=True, id="people"),
        Binding("f4", "private", "Private", show=False, priority=True, id="private"),
        Binding("alt+up", "walk(-1)", "Room above", show=False, priority=True, id="place.above"),
        Binding("alt+down", "walk(1)", "Room below", show=False, priority=True, id="place.below"),
        Binding(
            "alt+a", "next_unread", "Next unread", show=False, priority=True, id="place.unread"
        ),
        Binding("ctrl+k", "jump", "Jump", priority=True, id="jump"),
        Binding("ctrl+f", "find", "Find", priority=True, id="log.find"),
        Binding("ctrl+o", "open_room", "Open a room", show=False, priority=True, id="room.open"),
        Binding("ctrl+g", "resend", "Again", id="message.resend"),
        Binding("ctrl+r", "retry", "Retry", id="connection.retry"),
        Binding("f8", "follow_everyone", "Follow everyone", show=False, id="people.everyone"),
        Binding(
            "alt+u", "undo_unfollow", "Follow again", show=False, priority=True, id="people.undo"
        ),
        Binding("ctrl+t", "mute", "Mute", show=False, priority=True, id="mute"),
        Binding("escape", "back_to_composer", "Write", show=False, id="composer"),
    ]

    def __init__(self, context: ChatContext) -> None:
        super().__init__()
        self._chat = context
        self.model = context.model
        self.notifier = context.notifier
        self.focus_control = PaneFocus(self)
        self.type_ahead = TypeAhead(self, self.focus_control)
        self.drafts = DraftBinding(self, context)
        self.widths = SidebarWidths(self, context.view)
        self.panes = PaneRenderer(self, context, self.drafts, self.widths)
        self.navigator = Navigator(self, context, self.focus_control)
        self.password_change = PasswordChange(context)
        self.history_search = HistorySearcher(context, self.show_message)
        self.submitter = Submitter(context, self)

    def compose(self) -> ComposeResult:
        """Yield rooms, log and people side by side, and the status bar and the keys below them."""
        model = self.model
        with Horizontal(id="body"):
            yield RoomList(id="rooms")
            with Vertical(id="talk"):
                yield Caption(id="room-header")
                search = self.history_search
                yield LogPane(model.now, search.is_offered, search.needs_word)
                yield CompletionPopup()
                yield NoticeBar(self._chat.shell.notices)
                yield Composer(self._complete, self._check_input, id="composer")
            yield PeopleList(id="people")
        with Container(id="bottom"):
            yield StatusBar(id="status")
            yield KeyFooter()

    def on_mount(self) -> None:
        """Draw all panes."""
        # Textual sets these classes after the first frame, which would have no sidebars.
        size = self.app.size
        for cells, classes in ((size.width, _WIDTH_CLASSES), (size.height, _HEIGHT_CLASSES)):
            self.add_class(max(entry for entry in classes if entry[0] <= cells)[1])
        self.panes.draw(set(Pane))

    def palette_entries(self) -> Iterator[PaletteEntry]:
        """Yield the actions of the chat that are possible now, for the palette."""
        return action_entries(self, self._chat.shell.key_of)

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The bindings that work now. The footer shows those that matter most and fit."""
        urgent = [key for key in ("retry", "resend") if self.check_action(key, ())]
        if self.focus_control.focused_pane not in ("", "composer"):
            urgent.append("back_to_composer")
        if self.model.rooms.keeps_visited:  # then Alt+A leads to the conversations, too
            if self.notifier.unread_elsewhere:
                urgent.append("next_unread")
        elif has_unread_conversation(self.model):
            urgent.append("private")
        labels = key_labels(self.model, self.focused)
        if labels.get("resend_message"):
            urgent.append("resend_message")
        ancestors = [] if self.focused is None else self.focused.ancestors_with_self
        return select_footer_keys(
            super().active_bindings,
            urgent,
            [node for node in ancestors if node not in (self, self.app)],
            labels,
            folded=not self.has_class("-wide"),
            width=self.app.size.width,
            key_display=self.app.get_key_display,
        )

    @on(SideList.OptionHighlighted)
    @on(MessageLog.CursorMoved)
    def _selection_moved(self) -> None:
        self.refresh_bindings()  # what Enter and the letters do depends on the selected row

    def on_resize(self) -> None:
        """Choose the keys of the footer and the widths of the sidebars again."""
        self.refresh_bindings()
        self.widths.fit()

    @on(Sidebar.WidthChosen)
    def _width_chosen(self, event: Sidebar.WidthChosen) -> None:
        self.widths.choose(event.sidebar, event.width)

    def validate_selections(self, selections: dict[Widget, Selection]) -> dict[Widget, Selection]:
        """Drop what a drag selects outside the log. Called by Textual."""
        return {widget: kept for widget, kept in selections.items() if widget.allow_select}

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for an action that is not possible now. Called by Textual."""
        if action == "resend":
            return bool(self.model.unconfirmed)
        if action == "retry":
            return self.model.connection.state is ConnectionState.WAITING
        return True

    # Messages of the panes

    @on(Composer.Changed, "#composer")
    def _save_draft(self) -> None:
        self.drafts.save()

    @on(Composer.Submitted)
    def _submitted(self, event: Composer.Submitted) -> None:
        # Another location may be in view by now.
        self.submitter.submit(event.text, event.location)
        self.query_one(MessageLog).action_follow()
        self._chat.process_updates()

    @on(Composer.SubmitBlocked)
    def _submit_blocked(self) -> None:
        self.panes.show_input_blocked()

    @on(Composer.StateChanged)
    def _composer_state_changed(self, event: Composer.StateChanged) -> None:
        self.query_one(NoticeBar).show_state(*event.forms, is_error=event.is_error)
        if event.is_blocked:  # the bar may be too short for the reason
            self._chat.shell.notices.record(event.forms[0], "error")

    @on(Composer.PasteNeedsConfirmation)
    def _paste_needs_confirmation(self, event: Composer.PasteNeedsConfirmation) -> None:
        ask_about_paste(self._chat.shell, event, self.query_one(Composer))

    @on(Composer.CompletionsChanged)
    def _completions_changed(self, event: Composer.CompletionsChanged) -> None:
        max_rows = self.query_one(MessageLog).size.height
        self.query_one(CompletionPopup).show(event.completions, event.chosen, max_rows)

    @on(CompletionPopup.Clicked)
    def _completion_clicked(self, event: CompletionPopup.Clicked) -> None:
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

    @on(MessageLog.PageWanted)
    def _page_wanted(self, event: MessageLog.PageWanted) -> None:
        load_page(self._chat, event.kind)

    @on(MessageLog.PresentWanted)
    def _present_wanted(self) -> None:
        self.model.return_to_present()
        self._chat.process_updates()

    @on(LogPane.HistoryWanted)
    def _history_wanted(self, event: LogPane.HistoryWanted) -> None:
        self.history_search.search(event.text, self.query_one(LogPane).stay_at_hit)

    def show_message(self, stamp: str) -> None:
        """Show the message of the location in view that has this stamp, and what is around it."""
        show_message(self._chat, stamp)

    @on(MessageLog.ResendRequested)
    def _resend_requested(self, event: MessageLog.ResendRequested) -> None:
        self._resend(event.entry_id)

    @on(MessageLog.QuoteRequested)
    def _quote_requested(self, event: MessageLog.QuoteRequested) -> None:
        if self.model.compose_location != self.model.location:
            # The composer is for a room that the user is entering: another place's text stays out.
            self._chat.shell.notify("Wait until the room is open, then quote.", severity="warning")
        elif self.query_one(Composer).insert_quote(event.quote):
            self.focus_control.focus_composer()
        else:
            self._chat.shell.notify("Send or clear your command first, then quote.")

    @on(RoomList.RoomChosen)
    def _room_chosen(self, event: RoomList.RoomChosen) -> None:
        self.navigator.join(event.room)

    @on(RoomList.ConversationChosen)
    def _conversation_chosen(self, event: RoomList.ConversationChosen) -> None:
        self.navigator.open_conversation(event.person)

    @on(RoomList.RoomNameEntered)
    def _room_name_entered(self, event: RoomList.RoomNameEntered) -> None:
        if canonical_name(event.name) is None:
            self._chat.shell.notify(
                f"{safe_text(event.name)} is not a room name: use up to 32 letters, digits, "
                "_ - or . and no spaces.",
                severity="warning",
            )
            return
        self.query_one(RoomList).clear_field()
        self.navigator.join(event.name)

    @on(RoomList.ForgetRequested)
    def _forget_requested(self, event: RoomList.ForgetRequested) -> None:
        self.forget_place(event.place)

    @on(RoomSwitchRequested)
    def _room_switch_requested(self, event: RoomSwitchRequested) -> None:
        self.navigator.switch_room(event)

    @on(PeopleList.Toggled)
    @on(MessageLog.AuthorChosen)
    def _toggled(self, event: PeopleList.Toggled | MessageLog.AuthorChosen) -> None:
        self.toggle_follow(event.name)

    # Calls of the composer

    def _complete(self, before: str, alone: bool, explicit: bool) -> CompletionList | None:
        return complete(self.model, before, is_only_line=alone, explicit=explicit)

    def _check_input(self, text: str) -> BlockedInput | None:
        return self.submitter.check(text)

    # Actions: of a pane, a key or the palette

    def begin_command(self, command: str) -> None:
        """Put a command into an empty composer, for the user to complete."""
        if command == PASSWD:
            self.password_change.open_form()
            return
        self.focus_control.focus_composer()
        if not self.query_one(Composer).return_text(f"{command} "):
            self._chat.shell.notify(f"Send or clear your text first, then use {command}.")

    def toggle_follow(self, name: str) -> None:
        """Follow the person `name` (`EVERYONE`: everyone), or stop following."""
        if self._is_online():
            self._chat.session.toggle_follow(name)
            self._chat.process_updates()

    def _is_online(self) -> bool:
        """Return True while there is a connection; otherwise notify the user."""
        if self.model.connection.state is ConnectionState.ONLINE:
            return True
        self._chat.shell.notify(
            "Not connected: try again when the connection is back.", severity="warning"
        )
        return False

    def action_change_password(self) -> None:
        """Ask for the old and the new password."""
        self.password_change.open_form()

    def action_private(self) -> None:
        """Go to the next private conversation, one with unread messages first."""
        self.navigator.open_next_conversation()

    def action_next_unread(self) -> None:
        """Go to the next place with unread messages, one with a mention first."""
        self.navigator.open_next_unread()

    def action_walk(self, step: int) -> None:
        """Go to the location above or below."""
        self.navigator.walk(step)

    def action_resend(self) -> None:
        """Send the oldest unconfirmed message again."""
        unconfirmed = self.model.unconfirmed
        if unconfirmed:
            self._resend(unconfirmed[0].id)

    def _resend(self, entry_id: int) -> None:
        if not self._chat.session.resend(entry_id):
            self._chat.shell.notify(
                "Not connected: it can be sent again when the connection is back.",
                severity="warning",
            )
        self._chat.process_updates()

    def action_follow_everyone(self) -> None:
        """Follow everyone in the room, or only the people that the user follows by name."""
        if self.model.capabilities.follow_everyone:
            self.toggle_follow(EVERYONE)
        else:
            self._chat.shell.notify(
                "This server lets you follow people by name only.", severity="warning"
            )

    def forget_place(self, place: str) -> None:
        """Remove an empty room (`old`) or a conversation (`@bob`) from the list."""
        self.navigator.forget(Location(place))

    def action_bring_back(self) -> None:
        """List the place again that the user has forgotten last."""
        self.navigator.bring_back()

    def action_undo_unfollow(self) -> None:
        """Follow the person again that the user stopped following last.

        If the user has forgotten a place since, list that again.
        """
        name = self.model.people.last_unfollowed
        if self.navigator.forgot_last:
            self.action_bring_back()
        elif name is None:
            self._chat.shell.notify("There is nothing to undo: you stopped following no one.")
        elif self._is_online():
            self._chat.session.follow(name)
            self._chat.process_updates()

    def action_mute(self) -> None:
        """Mute or unmute the location in view: no bell, no count in the title."""
        location, shell = self.model.location, self._chat.shell
        if self.notifier.toggle_mute():
            key = shell.key_of("mute", "Ctrl+T")
            shell.notify(f"{location} is muted: no bell, no count in the title. {key} unmutes it.")
        else:
            shell.notify(f"{location} is not muted any more.")
        self.panes.draw_activity()

    @property
    def shows_comings(self) -> bool:
        """True if the log shows that people joined and left."""
        return self._chat.view.comings_and_goings

    def action_toggle_comings(self) -> None:
        """Show or hide in the log that people joined and left."""
        view = self._chat.view
        view.comings_and_goings = not view.comings_and_goings
        self.panes.draw({Pane.LOG})

    def action_dismiss_unconfirmed(self) -> None:
        """Never send the unconfirmed messages of the location in view again."""
        self.model.dismiss_unconfirmed()
        self._chat.process_updates()

    def action_retry(self) -> None:
        """Reconnect now."""
        self._chat.session.retry_now()
        self._chat.process_updates()

    def other_servers(self) -> list[Address]:
        """Return the servers of this chat that are not in use."""
        session = self._chat.session
        return [address for address in session.servers if address != session.address]

    def use_server(self, address: Address) -> None:
        """Reconnect through this server, and come back to the room."""
        self._chat.session.use_server(address)
        self._chat.process_updates()

    def action_newest(self) -> None:
        """Go to the end of the log."""
        self.query_one(MessageLog).action_follow()

    def action_sign_out(self) -> None:
        """Leave the server."""
        self._chat.sign_out()

    def action_jump(self) -> None:
        """Open the palette of rooms, people and commands."""
        self.app.push_screen(jump_palette(self, self._chat.shell))

    def action_open_room(self) -> None:
        """Ask for the name of a room."""
        self.focus_control.focus_room_field()

    def action_side(self, name: str) -> None:
        """Focus a sidebar ("rooms" or "people"), or fold it if it has the focus."""
        self.focus_control.toggle_sidebar(name)

    def action_copy_text(self) -> None:
        """Copy the selected text."""
        if (text := self.get_selected_text()) is None:
            raise SkipAction
        self.post_message(CopyRequested(text))

    def open_conversation(self, person: str) -> None:
        """Show the private conversation with `person`."""
        self.navigator.open_conversation(person)

    def search_log(self, text: str) -> None:
        """Search the log for `text`; empty: only open the search."""
        self.query_one(LogPane).find(text)

    def action_find(self) -> None:
        """Search the log."""
        self.query_one(LogPane).find()

    def action_back_to_composer(self) -> None:
        """Focus the composer and fold the sidebars that lie over the log."""
        self.focus_control.focus_composer()
