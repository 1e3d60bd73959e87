"""What calls somebody who looks elsewhere: the window's title, the bell, a notification."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from chat_tui.config.settings import Settings
from chat_tui.events import ConnectionState
from chat_tui.model.alerts import Call
from chat_tui.model.chat_model import ChatModel
from chat_tui.model.entries import EntryKind
from chat_tui.storage.muted_store import Muted
from chat_tui.ui.terminal.notifications import TerminalCalls

_CALLS_AT_ONCE: Final = 3
"""Bells one after the other, before they are rationed."""

_SECONDS_A_CALL: Final = 10.0
"""After how long there is another one to spend."""


class Attention:
    """Watches the model for one person at one terminal. The screen's thread alone calls it."""

    def __init__(
        self,
        model: ChatModel,
        muted: Muted,
        terminal: TerminalCalls,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = Settings()
        self._model = model
        self._muted = muted
        self._terminal = terminal
        self._clock = clock
        self._left = float(_CALLS_AT_ONCE)
        self._counted_at = clock()

    def use(self, settings: Settings) -> None:
        """What counts as a mention, whether to ring and whether to notify: from here on so."""
        self._settings = settings
        self._model.mentions.look_for(words=settings.mention_words)

    @property
    def muted(self) -> frozenset[str]:
        """The places of this user at this server that call nobody."""
        return self._muted.places(self._model.server, self._model.user)

    def turn_muted(self) -> bool:
        """Mute the place in view, or no longer; whether it is muted now."""
        model = self._model
        return self._muted.turn(model.server, model.user, model.place)

    @property
    def unread(self) -> int:
        """How much is unread in all places that are not muted."""
        return self._model.unread.total(without=self.muted)

    def attend(self, *, focused: bool, at_end: bool) -> None:
        """Something may have come: clear what somebody is looking at, and call who is not there.

        `focused`: the terminal is in front; `at_end`: so is the newest of the place in view.
        """
        calls = self._model.take_calls()
        if focused and at_end:
            self._model.unread.clear(self._model.place)
        if focused:
            return
        muted = self.muted
        for call in calls:
            if call.place not in muted and self._may_call():
                self._call(call)

    def show_title(self) -> None:
        """Tell where one is and how much is unread, while one is signed in."""
        if self._model.connection.state is ConnectionState.OFFLINE:
            self._terminal.bring_back()
            return
        count = self.unread
        self._terminal.title(f"({count}) {self._model.place}" if count else self._model.place)

    def bring_back_title(self) -> None:
        """The title is what it was before."""
        self._terminal.bring_back()

    def _may_call(self) -> bool:
        if not (self._settings.bell or self._settings.desktop_notification):
            return False
        now = self._clock()
        gained = (now - self._counted_at) / _SECONDS_A_CALL
        self._left = min(float(_CALLS_AT_ONCE), self._left + gained)
        self._counted_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def _call(self, call: Call) -> None:
        if self._settings.bell:
            self._terminal.ring()
        if self._settings.desktop_notification:
            self._terminal.notify(_words(call))


def _words(call: Call) -> str:
    entry = call.entry
    match entry.kind:
        case EntryKind.ANNOUNCEMENT:
            return entry.text
        case EntryKind.PRIVATE:
            return f"{entry.author}: {entry.text}"
    return f"{entry.author} in {call.place}: {entry.text}"
