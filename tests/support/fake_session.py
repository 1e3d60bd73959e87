"""A session without a server. It records its calls, and the test feeds its model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from chat_tui.account import Account, Address
from chat_tui.events import (
    ConnectionChanged,
    ConnectionState,
    Event,
    MembersListed,
    RoomsListed,
    SignedIn,
    SubscriptionsListed,
    TrustDecision,
)
from chat_tui.model.chat_model import ChatModel
from chat_tui.session.session import ChatSession

COMMANDS = ("/join", "/leave", "/rooms", "/subscribe", "/unsubscribe", "/subs", "/who", "/help")


class FakeSession(ChatSession):
    """A session that does nothing but record its calls in `calls`, in order."""

    def __init__(self, model: ChatModel, wake: Callable[[], None]) -> None:
        self.model = model
        self.calls: list[tuple[object, ...]] = []
        self.notices: list[Event] = []
        self.wake = wake
        self.connected_to = None
        self.fingerprint = ""
        self._next_id = 0
        self._account: Account | None = None
        self._address = ("", 0)

    def set_servers(self, *addresses: Address) -> None:
        """Be signed in to a chat with these servers, and use the first one."""
        (host, port), *others = addresses
        self._account = Account(host, port, "alice", "secret", others=tuple(others))
        self._address = addresses[0]

    def use_server(self, address: Address) -> None:
        self.calls.append(("use_server", address))

    def sign_in(
        self,
        host: str,
        port: int,
        user: str,
        password: str,
        *,
        room: str | None = None,
        follow_everyone: bool = False,
        follow: Iterable[str] = (),
        plaintext: bool = False,
        since: str = "",
        uses_history: bool = True,
        others: Sequence[Address] = (),
        waits_for_servers: bool = False,
    ) -> None:
        clear = (*(("plaintext",) if plaintext else ()), *(("others", *others) if others else ()))
        self.calls.append(("sign_in", host, port, user, password, room, follow_everyone, *clear))

    def trust(self, answer: TrustDecision) -> None:
        self.calls.append(("trust", answer))

    def cancel(self) -> None:
        self.calls.append(("cancel",))

    def submit(self, text: str, recipient: str = "") -> None:
        self.calls.append(("submit", text, recipient) if recipient else ("submit", text))
        self._parse_submission(text, recipient)

    def join(self, room: str) -> None:
        self.calls.append(("join", room))

    def toggle_follow(self, name: str) -> None:
        self.calls.append(("toggle_follow", name))

    def follow(self, name: str) -> None:
        self.calls.append(("follow", name))

    def retry_now(self) -> None:
        self.calls.append(("retry_now",))

    def change_password(self, old: str, new: str) -> None:
        self.calls.append(("change_password", old, new))

    def resend(self, entry_id: int) -> bool:
        self.calls.append(("resend", entry_id))
        return self.model.mark_resent(entry_id) is not None

    def request_earlier(self, location: str, before: str) -> bool:
        self.calls.append(("request_earlier", location, before))
        return True

    def request_later(self, location: str, after: str) -> bool:
        self.calls.append(("request_later", location, after))
        return True

    def request_around(self, location: str, stamp: str) -> bool:
        self.calls.append(("request_around", location, stamp))
        return True

    def search_history(self, words: str) -> bool:
        self.calls.append(("search_history", words))
        return True

    def read_private(self, partner: str) -> None:
        self.calls.append(("read_private", partner))

    def close(self) -> None:
        self.calls.append(("close",))

    def pump(self, max_events: int = 500, max_seconds: float = 0.008) -> bool:
        return False

    def tick(self) -> None:
        pass

    def take_notices(self) -> list[Event]:
        notices, self.notices = self.notices, []
        return notices

    # Events of the test

    def emit(self, *events: Event) -> None:
        """Apply events of the server or of the connection."""
        for event in events:
            self.model.apply(event)
        self.wake()

    def go_online(
        self,
        user: str = "alice",
        *,
        here: tuple[str, ...] = ("alice", "bob", "carol", "dave"),
        follows: tuple[str, ...] = (),
        rooms: tuple[tuple[str, int | None], ...] = (("lobby", 4), ("dev", 3)),
        commands: tuple[str, ...] = COMMANDS,
    ) -> None:
        """Apply the events of a successful sign-in."""
        self.model.begin("127.0.0.1:9000", user)
        self.emit(
            SignedIn(user, commands),
            ConnectionChanged(ConnectionState.ONLINE),
            RoomsListed(rooms),
            MembersListed("lobby", here),
            SubscriptionsListed(follows),
        )


def at(clock: str) -> datetime:
    """Return a time on the date of the tests."""
    return datetime.fromisoformat(f"2026-11-22T{clock}")
