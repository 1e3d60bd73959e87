"""Notifier: unread counts, the window title, the bell and desktop notifications."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from chat_tui.config import Settings
from chat_tui.events import ConnectionState
from chat_tui.model import ChatModel, Entry, EntryKind, Location, shown_count
from chat_tui.storage import MuteStore
from chat_tui.ui.terminal import TerminalNotifier

_ALERT_BURST: Final = 3
"""Alerts in a row before the rate limit."""

_SECONDS_PER_ALERT: Final = 10.0
"""Seconds after which the rate limit allows one more alert."""


class Notifier:
    """The notifications of one user at one terminal. Only the screen's thread calls it."""

    def __init__(
        self,
        model: ChatModel,
        muted: MuteStore,
        terminal: TerminalNotifier,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = Settings()
        self._model = model
        self._muted = muted
        self._terminal = terminal
        self._clock = clock
        self._tokens = float(_ALERT_BURST)
        self._refilled_at = clock()

    def apply_settings(self, settings: Settings) -> None:
        """Use these mention words, and ring and notify as these settings say."""
        self._settings = settings
        self._model.mentions.configure(keywords=settings.mention_words)

    @property
    def muted(self) -> frozenset[str]:
        """The muted locations of the user at the server."""
        return self._muted.locations(self._model.server, self._model.user)

    def toggle_mute(self) -> bool:
        """Mute or unmute the location in view. Return True if it is muted now."""
        model = self._model
        return self._muted.toggle(model.server, model.user, model.location)

    @property
    def unread(self) -> int:
        """The number of unread messages in all places of the list that are not muted."""
        return self._model.places.unread_total(self.muted)

    @property
    def unread_elsewhere(self) -> int:
        """The same number without the location in view."""
        return self._model.places.unread_total(self.muted | {self._model.location})

    def update(self, *, focused: bool, at_end: bool, watched: bool | None = None) -> None:
        """Mark the location in view as read if the user sees it; otherwise send the new alerts.

        `focused`: the terminal has the focus, or does not report it. `at_end`: the newest entry of
        the location in view is visible. Alerts that arrive while the terminal is `watched` are
        dropped; None means that it is watched while it has the focus.
        """
        alerts = self._model.take_alerts()
        if focused and at_end:
            self._model.unread.clear(self._model.location)
        if focused if watched is None else watched:
            return
        muted = self.muted
        alerts = [alert for alert in alerts if alert.location not in muted]
        texts = [
            _notification_text(alert.location, alert.entry)
            for alert in alerts
            if alert.entry is not None
        ]
        if reported := [alert.location for alert in alerts if alert.entry is None]:
            texts.append(_reported_text(reported))  # one alert, however many places there are
        for text in texts:
            if self._may_alert():
                self._alert(text)

    def show_title(self) -> None:
        """Show the location and the number of unread messages in the title while signed in."""
        if self._model.connection.state is ConnectionState.OFFLINE:
            self._terminal.restore_title()
            return
        count = shown_count(self.unread)
        location = self._model.location
        self._terminal.set_title(f"({count}) {location}" if count else location)

    def restore_title(self) -> None:
        """Give the window the title back that it had before."""
        self._terminal.restore_title()

    def _may_alert(self) -> bool:
        if not (self._settings.bell or self._settings.desktop_notification):
            return False
        now = self._clock()
        gained = (now - self._refilled_at) / _SECONDS_PER_ALERT
        self._tokens = min(float(_ALERT_BURST), self._tokens + gained)
        self._refilled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _alert(self, text: str) -> None:
        if self._settings.bell:
            self._terminal.ring()
        if self._settings.desktop_notification:
            self._terminal.notify(text)


def _notification_text(location: str, entry: Entry) -> str:
    match entry.kind:
        case EntryKind.ANNOUNCEMENT:
            return entry.text
        case EntryKind.PRIVATE:
            return f"{entry.author}: {entry.text}"
    return f"{entry.author} in {location}: {entry.text}"


def _reported_text(places: Sequence[str]) -> str:
    """Return where unread messages wait that are addressed to the user."""
    rooms = [place for place in map(Location, places) if not place.is_private]
    people = [place.partner for place in map(Location, places) if place.is_private]
    parts = [f"mentioned in {', '.join(rooms)}"] if rooms else []
    parts += [f"private messages from {', '.join(people)}"] if people else []
    return f"Unread: {'; '.join(parts)}"
