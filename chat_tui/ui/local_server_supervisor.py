"""LocalServerSupervisor: starts the server of `--local` again if it has gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message_pump import MessagePump

from chat_tui.ui.screens import LocalServerChecked, check_in_thread

if TYPE_CHECKING:
    from chat_tui.local_server import LocalServer
    from chat_tui.ui.screens import LoginScreen


class LocalServerSupervisor:
    """The server of `--local`, and the sign-in that waits until it runs again.

    A server ends with the window that started it. The app's thread calls all methods. Without
    `--local` there is no server, and they do nothing.
    """

    def __init__(self, message_target: MessagePump) -> None:
        """`message_target` gets `LocalServerChecked` after each check."""
        self._message_target = message_target
        self.server: LocalServer | None = None
        """The server once it runs."""
        self.demo_accounts: tuple[str, ...] = ()
        """Its demo accounts once they are known."""
        self._is_checking = False
        self._waiting: LoginScreen.SignInRequested | None = None
        self._retried: LoginScreen.SignInRequested | None = None

    def check(self) -> None:
        """Start the server again if it has gone. A thread does so."""
        if self.server is not None and not self._is_checking:
            self._is_checking = True
            check_in_thread(self.server, self._message_target)

    def recover(self, request: LoginScreen.SignInRequested) -> bool:
        """Check the server, which was not reachable, and let `request` wait for the result.

        Return False if the request is for another server, or was repeated after a check already.
        """
        server = self.server
        is_local = server is not None and (request.host, request.port) == (server.host, server.port)
        if not is_local or request is self._retried:
            return False
        self._waiting = request
        self.check()
        return True

    def cancel(self) -> None:
        """Forget the sign-in that waits."""
        self._waiting = None

    def record(self, event: LocalServerChecked) -> tuple[LoginScreen.SignInRequested | None, bool]:
        """Record the result of a check.

        Return the sign-in that waited for it, and whether the server is another one than before.
        """
        self._is_checking = False
        request, self._waiting = self._waiting, None
        is_new = event.server not in (None, self.server)
        if event.server is not None:
            self.server = event.server
            self._retried = request or self._retried
        return request, is_new

    def second_user(self, user: str) -> str:
        """Return a demo account that is not `user`, empty if none is known."""
        others = [name for name in self.demo_accounts if name != user]
        return "bob" if "bob" in others else next(iter(others), "")
