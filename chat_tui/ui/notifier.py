"""What calls somebody who looks elsewhere: the window's title, the bell, a notification."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from chat_tui.config import Settings
from chat_tui.events import ConnectionState
from chat_tui.model import Alert, ChatModel, EntryKind
from chat_tui.storage import MuteStore
from chat_tui.ui.terminal import TerminalNotifier

_ALERT_BURST: Final = 3
"""Bells one after the other, before they are rationed."""

_SECONDS_PER_ALERT: Final = 10.0
"""After how long there is another one to spend."""


class Notifier:
    """Watches the model for one person at one terminal. The screen's thread alone calls it."""

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
        """What counts as a mention, whether to ring and whether to notify: from here on so."""
        self._settings = settings
        self._model.mentions.configure(keywords=settings.mention_words)

    @property
    def muted(self) -> frozenset[str]:
        """The places of this user at this server that call nobody."""
        return self._muted.locations(self._model.server, self._model.user)

    def toggle_mute(self) -> bool:
        """Mute the place in view, or no longer; whether it is muted now."""
        model = self._model
        return self._muted.toggle(model.server, model.user, model.location)

    @property
    def unread(self) -> int:
        """How much is unread in all places that are not muted."""
        return self._model.unread.total(excluding=self.muted)

    def update(self, *, focused: bool, at_end: bool) -> None:
        """Something may have come: clear what somebody is looking at, and call who is not there.

        `focused`: the terminal is in front; `at_end`: so is the newest of the place in view.
        """
        alerts = self._model.take_alerts()
        if focused and at_end:
            self._model.unread.clear(self._model.location)
        if focused:
            return
        muted = self.muted
        for alert in alerts:
            if alert.location not in muted and self._may_alert():
                self._alert(alert)

    def show_title(self) -> None:
        """Tell where one is and how much is unread, while one is signed in."""
        if self._model.connection.state is ConnectionState.OFFLINE:
            self._terminal.restore_title()
            return
        count = self.unread
        location = self._model.location
        self._terminal.set_title(f"({count}) {location}" if count else location)

    def restore_title(self) -> None:
        """The title is what it was before."""
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

    def _alert(self, alert: Alert) -> None:
        if self._settings.bell:
            self._terminal.ring()
        if self._settings.desktop_notification:
            self._terminal.notify(_notification_text(alert))


def _notification_text(alert: Alert) -> str:
    entry = alert.entry
    match entry.kind:
        case EntryKind.ANNOUNCEMENT:
            return entry.text
        case EntryKind.PRIVATE:
            return f"{entry.author}: {entry.text}"
    return f"{entry.author} in {alert.location}: {entry.text}"
