"""Pages of history as lines of the protocol, rendered in the thread of the client that asked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from chat_server.history import Gap, Hole, Page, PastMessage
from chat_server.wire import (
    encode_private,
    encode_replies,
    encode_stamped_actions,
    encode_stamped_messages,
    format_stamp,
    history_replies,
)

MAX_PAGE_BYTES: Final = 64 * 1024
"""Most bytes of a page. It must fit into an outbox with everything else that waits there."""

_FRAME_BYTES: Final = 512
"""Reserved for head and foot, and a remark about messages that are no longer kept. Each of them has
at most one name of 32 characters, in UTF-8, and a stamp."""


def render_page(
    head: str, page: Page, newest: bool, *, other: str | None = None, later: str = "after"
) -> bytes:
    """Return a page as lines. If it is too large, keep the newest or the oldest of its messages.

    `newest`: as in the request. `other`: the other user of private messages; None for a room.
    `later`: the word of the command in the foot by which a page of the oldest goes on.
    """
    entries = page.entries
    earlier_than, later_than = page.earlier, page.later
    lines = [_encode_entry(entry) for entry in entries]
    if not newest:
        kept = _count_that_fit(lines)
        if kept < len(lines):
            lines, later_than = lines[:kept], entries[kept - 1].stamp
    else:
        kept = _count_that_fit(reversed(lines))
        if kept < len(lines):
            lines, earlier_than = lines[-kept:], entries[-kept].stamp
    remarks = []
    if page.pruned_before is not None and earlier_than is None:
        remarks = [history_replies.not_kept_before(format_stamp(page.pruned_before))]
    foot = history_replies.end_of_history(
        earlier=_continuation("before", earlier_than, other),
        later=_continuation(later, later_than, other),
    )
    return b"".join([encode_replies([head, *remarks]), *lines, encode_replies([foot])])


def render_search(head: str, page: Page) -> bytes:
    """Return the result of a search as lines: the newest messages if there are too many."""
    lines = [_encode_entry(entry) for entry in page.entries]
    lines = lines[len(lines) - _count_that_fit(reversed(lines)) :]
    foot = history_replies.end_of_history()
    return b"".join([encode_replies([head]), *lines, encode_replies([foot])])


def _continuation(direction: str, stamp: int | None, other: str | None) -> str | None:
    if stamp is None:
        return None
    return history_replies.continuation(direction, format_stamp(stamp), other)


def _encode_entry(entry: PastMessage | Hole | Gap) -> bytes:
    if isinstance(entry, Gap):
        return encode_replies([history_replies.not_kept_before(format_stamp(entry.before))])
    if isinstance(entry, Hole):
        return encode_replies([history_replies.not_kept(entry.count)])
    if entry.recipient:
        stamp = format_stamp(entry.stamp)
        return encode_private(stamp, entry.author, entry.recipient, entry.text)
    encode = encode_stamped_actions if entry.is_action else encode_stamped_messages
    return encode(entry.stamp, entry.author, (entry.text,))


def _count_that_fit(lines: Iterable[bytes]) -> int:
    """Return how many of the lines fit into a page, from the first one on. At least one does."""
    size = _FRAME_BYTES
    count = 0
    for line in lines:
        size += len(line)
        if size > MAX_PAGE_BYTES:
            break
        count += 1
    return count
