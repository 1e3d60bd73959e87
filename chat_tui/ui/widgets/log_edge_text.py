"""The texts at the edges of a log: what is beyond them, and the key that loads it. Pure."""

from __future__ import annotations

from datetime import date

from chat_tui.model import EdgeState, LogEdge


def top_text(edge: LogEdge, today: date) -> str:
    """Return what the row above the oldest entry says."""
    match edge.state:
        case EdgeState.LOADING:
            return "Loading earlier messages…"
        case EdgeState.FAILED:
            return f"Not loaded: {edge.cause}. PgUp tries again"
        case EdgeState.COMPLETE if edge.kept_since is not None:
            return f"Beginning of what is kept (since {day_text(edge.kept_since, today)})"
        case EdgeState.COMPLETE:
            return "Beginning of the history"
    return "PgUp loads earlier messages"


def bottom_text(edge: LogEdge) -> str:
    """Return what the row below the newest entry says, in a log that ends before the present."""
    match edge.state:
        case EdgeState.LOADING:
            return "Loading later messages…"
        case EdgeState.FAILED:
            return f"Not loaded: {edge.cause}. PgDn tries again"
    return "PgDn loads later messages"


def day_text(day: date, today: date) -> str:
    """Return a day of the year `today`, or of another year, which is named then."""
    year = "" if day.year == today.year else f" {day.year}"
    return f"{day.day} {day:%B}{year}"
