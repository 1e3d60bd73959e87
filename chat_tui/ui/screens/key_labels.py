"""Labels of the keys whose effect depends on the selected row. Derived from the model."""

from __future__ import annotations

from collections.abc import Mapping

from textual.widget import Widget

from chat_tui.model import ChatModel, EntryState
from chat_tui.ui.widgets import PEOPLE_ROWS, MessageLog, RoomList, SideList


def key_labels(model: ChatModel, focused: Widget | None) -> Mapping[str, str]:
    """Return the labels by action. An empty label: the key has no effect on the selected row."""
    if isinstance(focused, MessageLog):
        return _log_labels(model, focused.cursor)
    if isinstance(focused, SideList):
        if focused.id != PEOPLE_ROWS:
            return {"select": "Open", "forget": _forget_label(model, focused)}
        row = focused.highlighted_option
        name = None if row is None else row.id
        return {"select": _follow_label(model, name or "")}
    return {}


def _forget_label(model: ChatModel, rows: SideList) -> str:
    """Return what the key of the list of rooms does: nothing for a room with people."""
    place = next(
        (one.highlighted_place for one in rows.ancestors if isinstance(one, RoomList)), None
    )
    return "Forget" if place is not None and model.places.can_forget(place) else ""


def _log_labels(model: ChatModel, selected: int | None) -> Mapping[str, str]:
    log = model.log
    if selected is None or not log.first <= selected < log.end:  # another log is about to be drawn
        return {}
    entry = log[selected]
    is_lost = entry.state is EntryState.UNCONFIRMED
    author = "" if entry.own else entry.author
    return {
        "follow_author": _follow_label(model, author),
        "resend_message": "Send again" if is_lost else "",
        "quote_message": "Quote" if entry.author else "",
        "follow": "",  # the corner of the log names this key
    }


def _follow_label(model: ChatModel, name: str) -> str:
    """Return what toggling `name` does. Following everyone is a subscription of its own."""
    if not name or name == model.user:
        return ""
    return "Unfollow" if model.people.is_subscribed(name) else "Follow"
