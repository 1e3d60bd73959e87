"""PaneRenderer: draws the panes of the chat screen from the model."""

from __future__ import annotations

from textual.screen import Screen

from chat_tui.events import ConnectionState
from chat_tui.model import Pane
from chat_tui.ui.screens.captions import (
    audience_warning,
    connection_warning,
    empty_log_hint,
    header,
    people_activity,
    servers_warning,
    status_info,
    unread_elsewhere,
)
from chat_tui.ui.screens.chat_context import ChatContext
from chat_tui.ui.screens.draft_binding import DraftBinding
from chat_tui.ui.screens.sidebar_widths import SidebarWidths
from chat_tui.ui.widgets import (
    DEFAULT_RESEND_KEY,
    Caption,
    Composer,
    MessageLog,
    NoticeBar,
    PeopleList,
    RoomList,
    StatusBar,
)


class PaneRenderer:
    """The renderer of the changed panes: it draws each once. The chat screen owns it."""

    def __init__(
        self,
        screen: Screen[None],
        context: ChatContext,
        drafts: DraftBinding,
        widths: SidebarWidths,
    ) -> None:
        self._screen = screen
        self._widths = widths
        self._model = context.model
        self._notifier = context.notifier
        self._view = context.view
        self._shell = context.shell
        self._drafts = drafts
        self._drawn_actions = (ConnectionState.OFFLINE, False, False)
        self._drawn_activity: object = None
        self._log: MessageLog | None = None
        self._input_blocked = False  # the user pressed Enter while the connection was lost

    @property
    def at_end(self) -> bool:
        """True if the newest entry of the location in view is visible."""
        if self._log is None or not self._log.is_attached:
            # Every tick asks, and a query walks all widgets: it took most of the time of a tick.
            self._log = next(iter(self._screen.query(MessageLog)), None)
        log = self._log
        return log is not None and log.following and not self.is_behind

    @property
    def is_behind(self) -> bool:
        """True if the log does not show yet all that is in the log of the location in view.

        Until it is drawn, it shows another location, whose end says nothing about this one.
        """
        is_drawn = self._log is not None and self._log.shows(self._model.log)
        return self._model.is_catching_up or not is_drawn

    def draw(self, changes: set[Pane]) -> None:
        """Draw the panes in `changes`. Raises `NoMatches` if the panes are not mounted."""
        if Pane.ROOMS in changes:
            self._draw_rooms()
        if changes & {Pane.ROOMS, Pane.PEOPLE}:
            self._draw_header()
        # The hint of an empty log depends on the people and on the connection.
        if changes & {Pane.LOG, Pane.PEOPLE} or (Pane.STATUS in changes and not self._model.log):
            self._draw_log()
        if Pane.PEOPLE in changes:
            self._draw_people()
        if Pane.STATUS in changes:
            self._draw_status()
        if Pane.COMPOSER in changes:
            self._draw_composer()

    def draw_activity(self) -> None:
        """Draw unread counts, recent speakers and pending messages if one of them changed."""
        model, notifier = self._model, self._notifier
        unread = unread_elsewhere(model), notifier.unread, notifier.muted
        status = status_info(model, notifier)
        activity = (people_activity(model), unread, status)
        if activity != self._drawn_activity:
            self._drawn_activity = activity
            self._screen.refresh_bindings()
            self._draw_rooms()
            self._draw_people()
            self._draw_header()
            self._screen.query_one(StatusBar).show(status)

    def show_input_blocked(self) -> None:
        """Say above the composer that its text stays there until the connection is back."""
        self._input_blocked = True
        self._draw_composer()

    def _draw_rooms(self) -> None:
        model, room_list = self._model, self._screen.query_one(RoomList)
        room_list.set_open_key(self._shell.key_of("room.open", "^O"))
        room_list.show(
            model.rooms.listed(),
            model.conversations.listed(),
            model.location.partner,
            unread_elsewhere(model),
            self._notifier.muted,
            shows_members=not model.rooms.keeps_visited,
        )
        self._widths.fit()

    def _draw_header(self) -> None:
        caption = self._screen.query_one("#room-header", Caption)
        caption.update(header(self._model, self._notifier))

    def _draw_log(self) -> None:
        model, key_of = self._model, self._shell.key_of
        log = self._screen.query_one(MessageLog)
        log.show_presence(self._view.comings_and_goings)
        log.set_resend_key(key_of("message.resend", DEFAULT_RESEND_KEY))
        hint = empty_log_hint(model, key_of, self._shell.second_user(model.user))
        log.show(model.log, model.mentions.finder, hint)
        self._widths.fit_names(log.longest_label)

    def _draw_people(self) -> None:
        model = self._model
        self._screen.query_one(PeopleList).show(
            model.people,
            people_activity(model),
            everyone_offered=model.capabilities.follow_everyone,
            viewed_person=model.location.partner,
        )
        self._draw_composer_state()
        self._widths.fit()

    def _draw_status(self) -> None:
        model, notifier = self._model, self._notifier
        self._screen.query_one(StatusBar).show(status_info(model, notifier))
        actions = (
            model.connection.state,
            bool(model.unconfirmed),
            notifier.unread_elsewhere > 0,
        )
        if actions != self._drawn_actions:  # the keys that the footer shows depend on them
            self._drawn_actions = actions
            self._screen.refresh_bindings()

    def _draw_composer(self) -> None:
        model, composer = self._model, self._screen.query_one(Composer)
        composer.accepting = model.connection.state is ConnectionState.ONLINE
        self._drafts.switch()
        composer.set_target(model.compose_location, model.history)
        if composer.accepting:
            self._input_blocked = False
        self._screen.query_one(NoticeBar).set_more_key(self._shell.key_of("notices", "Alt+N"))
        self._draw_composer_state()

    def _draw_composer_state(self) -> None:
        model, key_of = self._model, self._shell.key_of
        self._screen.query_one(Composer).show_lines(
            connection_warning(
                model.connection,
                input_blocked=self._input_blocked,
                retry_key=key_of("connection.retry", "Ctrl+R"),
            )
            or servers_warning(model),
            audience_warning(
                model,
                everyone_key=key_of("people.everyone", "F8"),
                people_key=key_of("people", "F3"),
            ),
        )
