"""ChatContext: what the chat screen and its parts use, as one object."""

from __future__ import annotations

from typing import Protocol

from chat_tui.model import ChatModel
from chat_tui.session import ChatSession
from chat_tui.ui.app_shell import AppShell
from chat_tui.ui.notifier import Notifier
from chat_tui.ui.view_options import ViewOptions


class ChatContext(Protocol):
    """The interface of the controller. `ChatController` implements it."""

    @property
    def shell(self) -> AppShell:
        """The app."""

    @property
    def session(self) -> ChatSession:
        """The session. It receives the user's actions."""

    @property
    def model(self) -> ChatModel:
        """The model. The panes show its data."""

    @property
    def notifier(self) -> Notifier:
        """Unread counts and muted locations."""

    @property
    def view(self) -> ViewOptions:
        """How the chat screen looks."""

    def process_updates(self) -> None:
        """Draw what changed. Call it after every call of the session or of the model."""

    def sign_out(self) -> None:
        """Leave the server and show the login form."""
