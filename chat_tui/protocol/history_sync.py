"""HistorySync: keep the logs complete with the server's history, on one connection.

Only pages of the room that the user is in can be requested, so a request goes out only while no
room change is on its way. A page names its room, and it is right even if the user has moved since.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from chat_server.wire import (
    PrivateMessage,
    ServerLine,
    canonical_name,
    format_stamp,
    history_replies,
    parse_stamp,
)
from chat_tui import events
from chat_tui.events import Event, HistoryPage, HistoryRequestFailed, PageKind
from chat_tui.protocol.catch_up import CatchUp, Step
from chat_tui.protocol.echo_matcher import OutgoingMessage
from chat_tui.protocol.page_reader import Page, PageReader, PastMessage
from chat_tui.protocol.page_requests import Around, PageRequest, PageRequests
from chat_tui.protocol.pending_requests import Request, RequestKind, RequestOrigin
from chat_tui.protocol.send_queue import SendQueue
from chat_tui.protocol.timelines import Timelines, Unconfirmed

PAGE_MESSAGES: Final = 100
"""Messages that a page above or below the log has at most."""

AROUND_MESSAGES: Final = 50
"""Messages before and after a hit of a search, each."""

MAX_UNREAD_PLACES: Final = 1000
"""Most places of a list of unread numbers that are kept: a hostile server may invent names."""


class HistorySync:
    """The history on one connection. On servers without history it passes everything on."""

    def __init__(
        self,
        own_name: str,
        sender: SendQueue,
        timelines: Timelines,
        resend: Callable[[Unconfirmed, float], None],
        emit: Callable[[Event], None],
        *,
        is_wanted: bool = True,
    ) -> None:
        """`resend` sends a message again that has not arrived: to its room, which the user is in,
        or to its conversation."""
        self._own_name = own_name
        self._sender = sender
        self._timelines = timelines
        self._resend = resend
        self._emit = emit
        self.is_active = is_wanted and sender.capabilities.history
        """True if live messages have stamps and logs are kept complete."""
        self.waits_for_subscriptions = False
        """True while a page would lack messages of users that are still to be followed."""
        self.starts: dict[str, str] = {}
        """Where the log of a room begins if it is empty: a time as the server reads it."""
        self._reader = PageReader()
        self._requests = PageRequests(sender)
        self._room: CatchUp | None = None
        self._conversations: dict[str, CatchUp] = {}
        self._unread: dict[str, int] = {}  # of the server, by conversation
        self._unread_lines: list[tuple[str, int, int]] = []  # of a reply that continues
        self._lists_all = False  # the reply to our `/unread` is on its way
        self._first_id: int | None = None
        timelines.connected(has_history=self.is_active)

    # Start and room changes

    def begin(self, room: str, *, stays: bool, now: float) -> None:
        """Turn on stamps and notices; catch up in `room`.

        `stays`: the user stays there. Otherwise only if the client has been there before.
        """
        if not self.is_active:
            return
        self._sender.request("/stamps", "on", now=now)
        self._sender.request("/unread", "on", now=now)
        timeline = self._timelines.of(room)
        if stays:
            return  # `entered` follows
        if timeline.newest is not None or timeline.read is not None:
            self.entered(room, now)

    def list_unread(self, now: float) -> None:
        """Request all unread numbers, and catch up in the conversations of this run."""
        if not self.is_active:
            return
        self._lists_all = self._sender.request("/unread", now=now) is not None
        for place in self._timelines.conversations():
            self._catch_up_with(place, now)

    def entered(self, room: str, now: float) -> None:
        """Catch up in the room that the user is in now."""
        if not self.is_active or (
            self._room is not None and self._room.place == room and not self._room.is_done
        ):
            return
        self._room = self._new_catch_up(room, now)
        self.advance(now)

    @property
    def holds_texts(self) -> bool:
        """True while texts to the room wait until the log is complete, for some seconds at most."""
        return self.is_active and self._room is not None and self._room.is_holding

    def holds_private(self, place: str, now: float) -> bool:
        """Return True while texts to a conversation wait until its log is complete.

        Otherwise the history could not say later if they have arrived.
        """
        if not self.is_active:
            return False
        catch_up = self._catch_up_with(place, now)
        self.advance(now)
        return catch_up.is_holding

    # Own messages

    def own_sent(self, own_id: int) -> None:
        """Record that an own message was sent on this connection."""
        if self._first_id is None:
            self._first_id = own_id

    def echoed(self, message: OutgoingMessage, time: str) -> None:
        """Record the echo of an own message."""
        stamp = parse_stamp(time)
        if stamp is None or not self.is_active:
            return
        if not message.has_proof:
            self._timelines.of(message.room).uncounted.add(stamp)
        if self._room is not None and self._room.place == message.room:
            self._room.echo(stamp)

    # Input

    def receive(self, line: ServerLine) -> Page | bool:
        """Return the page that this line completes, else True if it is a part of a page."""
        return self._reader.receive(line) if self.is_active else False

    def live(self, room: str, message: PastMessage, now: float) -> None:
        """Pass on a live message that is not an echo, now or later."""
        place = room
        if isinstance(message, PrivateMessage):
            is_own = message.author == self._own_name
            place = f"@{message.recipient if is_own else message.author}"
        if not self.is_active:
            self._emit(events.MessageArrived(room, message))
            return
        stamp = parse_stamp(message.time)
        if isinstance(message, PrivateMessage):
            catch_up: CatchUp | None = self._catch_up_with(place, now)
        else:
            catch_up = self._room if self._room is not None and self._room.place == room else None
        # Without a stamp, it was sent before `Stamps on`: it will be in the page. Without a
        # catch-up, the user only passes through: the page of the next visit will have it.
        if catch_up is not None and stamp is not None:
            catch_up.live(message, stamp)

    def page_received(self, request: Request | None, page: Page, now: float) -> bool:
        """Take a page. Return False if no request of the client itself is answered."""
        asked = self._requests.take(request)
        if asked is None:
            return False
        if asked.place != page.place:
            self._failed(asked, "The server sent another page", now)
        elif asked.catch_up is not None and asked.step is not None:
            self._page_of_catch_up(asked.catch_up, asked.step, page, now)
        elif asked.around is not None:
            self._page_around(asked, asked.around, page)
        else:
            self._emit(
                HistoryPage(page.place, asked.kind, tuple(page.entries), page.earlier, page.later)
            )
        return True

    def request_failed(self, request: Request, reason: str, now: float) -> None:
        """Handle a request that was rejected or not answered."""
        if request.kind is RequestKind.STAMPS and request.origin is RequestOrigin.INTERNAL:
            self._give_up()
        asked = self._requests.take(request)
        if asked is not None:
            self._failed(asked, reason, now)

    def unread_listed(self, places: list[history_replies.UnreadPlace], *, more: bool) -> None:
        """Take a line with unread numbers: of the reply to `/unread`, or a notice."""
        for place in places[: MAX_UNREAD_PLACES - len(self._unread_lines)]:
            name = f"@{place.name}" if place.is_private else place.name
            self._unread_lines.append((name, place.count, place.mentions))
            if place.is_private and (name in self._unread or len(self._unread) < MAX_UNREAD_PLACES):
                self._unread[name] = place.count
        if more:
            return
        listed, self._unread_lines = self._unread_lines, []
        is_complete, self._lists_all = self._lists_all, False
        self._emit(events.UnreadListed(tuple(listed), is_complete))

    def stamps_changed(self, *, on: bool, now: float) -> None:
        """Turn stamps on again if the user's command has turned them off."""
        if self.is_active and not on:
            self._sender.request("/stamps", "on", now=now)
            if self._room is not None and self._room.is_done:
                self._room = self._new_catch_up(self._room.place, now)

    def tick(self, now: float) -> None:
        """Handle what is due."""
        if not self.is_active:
            return
        unconfirmed = self._timelines.unconfirmed()
        places = {message.place for message in unconfirmed}
        for catch_up in self._catch_ups():
            catch_up.tick(now)
            if catch_up.place in places:
                self._resend_missing(catch_up, now)
                catch_up.resolve_more()
        for message in unconfirmed:
            if message.place.startswith("@") and self._is_of_earlier(message):
                self._catch_up_with(message.place, now)

    def advance(self, now: float) -> None:
        """Request all pages that may be requested now."""
        if not self.is_active:
            return
        for catch_up in self._catch_ups():
            if catch_up is self._room and (
                self.waits_for_subscriptions or self._sender.requested_rooms()
            ):
                continue
            for step in catch_up.due_steps(now):
                step.is_asked = self._requests.ask(
                    catch_up.place, step.kind, *step.words, now=now, catch_up=catch_up, step=step
                )

    # Requests of the user

    def request_page(
        self, room: str, location: str, kind: PageKind, subject: str, now: float
    ) -> bool:
        """Request a page for the screen. `room`: the room that the user is in."""
        is_elsewhere = location != room or self._sender.requested_rooms()
        if not self.is_active or (not location.startswith("@") and is_elsewhere):
            return False
        count = str(PAGE_MESSAGES)
        match kind:
            case PageKind.EARLIER:
                return self._requests.ask(location, kind, "before", subject, count, now=now)
            case PageKind.LATER:
                return self._requests.ask(location, kind, "after", subject, count, now=now)
            case PageKind.FOUND if not location.startswith("@"):
                return self._requests.search(location, subject, now)
            case PageKind.AROUND if (stamp := parse_stamp(subject)) is not None:
                around, count = Around(), str(AROUND_MESSAGES)
                words = "before", format_stamp(stamp), count
                is_sent = self._requests.ask(location, kind, *words, now=now, around=around)
                words = "after", format_stamp(stamp - 1), count
                return is_sent and self._requests.ask(
                    location, kind, *words, now=now, around=around, is_second=True
                )
        return False

    def read_private(self, partner: str, now: float) -> None:
        """The user reads a conversation: see `ChatSession.read_private`."""
        name = canonical_name(partner)
        if not self.is_active or name is None:
            return
        place = f"@{name}"
        known = self._conversations.get(place)
        catch_up = self._catch_up_with(place, now)
        unread = self._unread.get(place, 0)
        if known is catch_up and catch_up.is_done and unread:
            # They were kept while the user did not follow the partner: older than the newest.
            self._conversations[place] = self._new_catch_up(place, now, recent=True)
        if unread:
            self._emit(events.UnreadListed(((place, 0, 0),), is_complete=False))
        self.advance(now)

    # Internals

    def _new_catch_up(self, place: str, now: float, *, recent: bool = False) -> CatchUp:
        return CatchUp(
            place,
            self._own_name,
            self._timelines,
            lambda: self._first_id,
            self._emit,
            now,
            recent=recent,
            start=self.starts.get(place, ""),
        )

    def _catch_up_with(self, place: str, now: float) -> CatchUp:
        if (catch_up := self._conversations.get(place)) is None:
            catch_up = self._conversations[place] = self._new_catch_up(place, now)
        return catch_up

    def _catch_ups(self) -> list[CatchUp]:
        room = [] if self._room is None else [self._room]
        return [*room, *self._conversations.values()]

    def _is_of_earlier(self, message: Unconfirmed) -> bool:
        return self._first_id is None or message.id < self._first_id

    def _page_of_catch_up(self, catch_up: CatchUp, step: Step, page: Page, now: float) -> None:
        catch_up.page(step, page, self._unread.pop(catch_up.place, 0))
        self._resend_missing(catch_up, now)

    def _resend_missing(self, catch_up: CatchUp, now: float) -> None:
        """Send again what has certainly not arrived, if it would go to the right place."""
        is_here = catch_up is self._room and not self._sender.requested_rooms()
        if not catch_up.is_done or not (is_here or catch_up.place.startswith("@")):
            return
        for message in catch_up.resolution.take_missing():
            self._emit(events.MessageResent(message.id))
            catch_up.timeline.withdrawn(message.id)
            self._resend(message, now)

    def _page_around(self, asked: PageRequest, around: Around, page: Page) -> None:
        around.entries += page.entries
        if not asked.is_second:
            around.earlier = page.earlier
        elif not around.is_failed:
            self._emit(
                HistoryPage(
                    asked.place, asked.kind, tuple(around.entries), around.earlier, page.later
                )
            )

    def _failed(self, asked: PageRequest, reason: str, now: float) -> None:
        if asked.catch_up is not None and asked.step is not None:
            asked.catch_up.failed(asked.step, reason, now)
            return
        if asked.around is not None:
            if asked.around.is_failed:
                return
            asked.around.is_failed = True
        self._emit(HistoryRequestFailed(asked.place, asked.kind, reason))

    def _give_up(self) -> None:
        """Go on as on a server without history: it has rejected the stamps."""
        for catch_up in self._catch_ups():
            catch_up.tick(float("inf"))
        self.is_active = False
