"""Requests for past messages, which the user makes by scrolling or from a search."""

from __future__ import annotations

from datetime import datetime, timedelta

from chat_tui.events import HistoryRequestFailed, PageKind
from chat_tui.ui.screens.chat_context import ChatContext

_NOT_NOW = "there is no connection to this room"


def load_page(context: ChatContext, kind: PageKind) -> None:
    """Request the page EARLIER or LATER of the log in view, unless it is on its way."""
    model, session = context.model, context.session
    location, log = model.location, model.log
    if not model.request_page(kind):
        return
    if kind is PageKind.EARLIER:
        # Without any stamp the first page has failed: above everything is what is newest.
        future = datetime.now().astimezone() + timedelta(days=1)
        newest = future.isoformat(timespec="microseconds")
        before = log.top.go_on or log.oldest_stamp or newest
        sent = session.request_earlier(location, before)
    else:
        sent = session.request_later(location, log.bottom.go_on or log.newest_stamp or "")
    if not sent:
        model.apply(HistoryRequestFailed(location, kind, _NOT_NOW))
    context.process_updates()


def show_message(context: ChatContext, stamp: str) -> None:
    """Show a message of the location in view by its stamp, with its surroundings."""
    model = context.model
    location = model.location
    if model.request_message(stamp) and not context.session.request_around(location, stamp):
        model.apply(HistoryRequestFailed(location, PageKind.AROUND, _NOT_NOW))
    context.process_updates()
