"""ChatSession: one person at one server, from signing in to leaving, lost connections included."""

from __future__ import annotations

from collections.abc import Callable

from chat_tui.events import Event
from chat_tui.model.chat_model import ChatModel


class ChatSession:
    """Everything between the screens and the wire, without a screen.

    All methods are called by the screen's thread and return at once. What arrives is applied to
    `model`; what needs the screen (see `take_notices`) is left for it.

    The screen calls `pump` when `wake` fired, and `tick` about four times a second.
    """

    def __init__(
        self,
        model: ChatModel,
        start_reader: Callable[[Callable[[], None]], None],
        wake: Callable[[], None],
    ) -> None:
        """Nothing is connected yet.

        `start_reader` runs the function it is given in a thread and returns at once; that function
        blocks in `recv` and ends by itself soon after the connection is over. `wake` may be called
        from any thread; it asks the screen's thread to call `pump` soon, and is not called again
        before that.
        """
        self.model = model

    def sign_in(
        self,
        host: str,
        port: int,
        user: str,
        password: str,
        *,
        room: str | None = None,
        follow_everyone: bool = False,
    ) -> None:
        """Look up, dial and log in; whatever was connected before is left.

        The outcome is a `SignedIn` or a `SignInRefused` in `take_notices`. `room`: go there at
        once. `follow_everyone`: subscribe to "*". The model is emptied unless the same user comes
        back to the same server.
        """
        raise NotImplementedError

    def cancel(self) -> None:
        """Give up what is under way, or sign out: offline at once. `sign_in` may follow.

        No notice comes of it.
        """
        raise NotImplementedError

    def submit(self, text: str) -> None:
        """What Enter in the composer gave: one line or several. Kept in `model.history`.

        A single line that begins with "/" is a command ("//" a text with one "/"); of several
        lines each is sent as text. What can't be sent now comes back as `TextReturned`.
        """
        raise NotImplementedError

    def join(self, room: str) -> None:
        """Go to `room`. What is typed from here on waits for the answer."""
        raise NotImplementedError

    def toggle_follow(self, name: str) -> None:
        """Follow `name` ("*": everyone), or no longer. Nothing happens for our own name."""
        raise NotImplementedError

    def retry_now(self) -> None:
        """While a connection is lost: try at once instead of when the pause is over."""
        raise NotImplementedError

    def resend(self, entry_id: int) -> bool:
        """Send an unconfirmed message of the current room again, as a new entry.

        False, and nothing changes, where it is not unconfirmed or we are not connected.
        """
        raise NotImplementedError

    def resend_all(self) -> int:
        """Send all unconfirmed messages of the current room again, in their order; how many."""
        raise NotImplementedError

    def close(self) -> None:
        """Leave for good: every thread ends soon, none is waited for. May be called twice."""
        raise NotImplementedError

    def pump(self, max_events: int = 500, max_seconds: float = 0.008) -> bool:
        """Take in what arrived, at most so much; True where more is waiting: call again soon.

        While it returned True, `wake` does not fire.
        """
        raise NotImplementedError

    def tick(self) -> None:
        """Time has passed: heartbeats, retries, the countdown. About four times a second."""
        raise NotImplementedError

    def take_notices(self) -> list[Event]:
        """What the screen has to act upon since the last call, in order.

        `SignedIn`: the chat may be shown. `SignInRefused`: back to the form with the reason (also
        when the server refuses the password during a reconnect). `SignedOut`: it will not be
        retried; say why and offer to sign in again. `TextReturned`: put it back into the composer.
        """
        raise NotImplementedError
