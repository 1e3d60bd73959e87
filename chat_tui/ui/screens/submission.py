"""Submitter: what Enter in the composer does, from an alias to the text that is sent."""

from __future__ import annotations

from typing import Protocol

from chat_server.wire import canonical_name
from chat_tui.input import PASSWD, BlockedInput, ResolvedInput, check_input, resolve_input
from chat_tui.model import ChatModel, Location
from chat_tui.ui.screens.chat_context import ChatContext


class SubmissionActions(Protocol):
    """The part of the chat screen that typed actions use."""

    def action_change_password(self) -> None:
        """Open the form that changes the password."""

    def action_mute(self) -> None:
        """Mute or unmute the location in view."""

    def open_conversation(self, person: str) -> None:
        """Show the private conversation with `person`."""

    def forget_place(self, place: str) -> None:
        """Remove an empty room or a conversation from the list."""

    def search_log(self, text: str) -> None:
        """Search the log for `text`; empty: only open the search."""


class Submitter:
    """The rules between Enter and the session. The chat screen owns it."""

    def __init__(self, context: ChatContext, actions: SubmissionActions) -> None:
        self._context = context
        self._actions = actions

    def check(self, text: str) -> BlockedInput | None:
        """Return why `text` must stay in the composer, or None. Called before it is removed."""
        resolved = self._resolve(text)
        if resolved.hint:
            return BlockedInput(resolved.hint)
        if resolved.action is not None:
            return None
        return check_input(resolved.text, self._model.commands, self._model.user)

    def submit(self, text: str, location: Location) -> None:
        """Do what `text` asks for, or send it to `location`."""
        resolved = self._resolve(text)
        if resolved.text.strip() == PASSWD and self._model.capabilities.password_change:
            self._actions.action_change_password()
        elif resolved.action is None or not self._act(resolved):
            self._context.session.submit(resolved.text, location.partner)

    @property
    def _model(self) -> ChatModel:
        return self._context.model

    def _resolve(self, text: str) -> ResolvedInput:
        model = self._model
        return resolve_input(text, model.commands, room=model.room, user=model.user)

    def _act(self, resolved: ResolvedInput) -> bool:
        """Run an action of the client. Return False if the text is for the server after all."""
        match resolved.action:
            case "conversation":
                if canonical_name(resolved.argument) is None:
                    return False
                self._actions.open_conversation(resolved.argument)
            case "search":
                self._actions.search_log(resolved.argument)
            case "theme":
                self._context.shell.choose_theme(resolved.argument)
            case "forget":
                self._forget(resolved.argument)
            case "keys":
                self._context.shell.action_help()
            case "mute" | "unmute":
                self._mute(resolved)
        return True

    def _forget(self, name: str) -> None:
        """Forget a room, or the conversation with a person; without a name the place in view."""
        conversation, room = Location.private(name.lstrip("@")), Location(name.lstrip("#"))
        if not name:
            self._actions.forget_place(self._model.location)
        elif name.startswith("@") or (
            room not in self._model.rooms and self._model.places.can_forget(conversation)
        ):
            self._actions.forget_place(conversation)
        else:
            self._actions.forget_place(room)

    def _mute(self, resolved: ResolvedInput) -> None:
        location, shell = self._model.location, self._context.shell
        if resolved.argument.lstrip("#@") not in ("", location, location.partner):
            key = shell.key_of("mute", "Ctrl+T")
            shell.notify(f"{key} mutes only the place in view: go there first.", severity="warning")
        elif (location in self._context.notifier.muted) is (resolved.action == "mute"):
            state = "muted already" if resolved.action == "mute" else "not muted"
            shell.notify(f"{location} is {state}.")
        else:
            self._actions.action_mute()
