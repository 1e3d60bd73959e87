"""LinkScreen: shows the whole target of a link before anything is opened."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from chat_tui.model import InvalidHostError, Link, LinkTarget, resolve_link
from chat_tui.ui.screens.dialog import Dialog
from chat_tui.ui.terminal import CopyRequested, browser_command, open_in

_NO_OPEN: Final = "C Copy · Esc Close"


class LinkScreen(Dialog[None]):
    """The links of one message, one at a time. It opens nothing until the user asks for it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close", show=False, id="link.close"),
        Binding("o", "open", "Open", show=False, id="link.open"),
        Binding("c,y", "copy", "Copy", show=False, id="link.copy"),
        Binding("n,down", "step(1)", "Next link", show=False, id="link.next"),
        Binding("p,up", "step(-1)", "Previous link", show=False, id="link.previous"),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    def __init__(self, links: Sequence[Link], author: str, chosen: int = 0) -> None:
        """`author`: of the message, empty if it has none. `chosen`: index of the first link."""
        super().__init__()
        self._links = links
        self._author = author
        self._chosen = chosen
        self._command = browser_command(os.environ)

    def compose(self) -> ComposeResult:
        """Yield the target, its host and the buttons."""
        with Vertical(classes="dialog", id="link-page") as page:
            page.border_title = Content(f"Link from {self._author}" if self._author else "Link")
            page.border_subtitle = "O Open · C Copy · Esc Close" if self._has_browser else _NO_OPEN
            with VerticalScroll(id="link-target"):
                yield Static(markup=False)
            yield Static(markup=False, id="link-host")
            with Horizontal(classes="buttons"):
                yield Button("Close", id="close", compact=True)
                if len(self._links) > 1:
                    yield Button("Next", id="next", compact=True)
                yield Button("Copy", id="copy", compact=True)
                yield Button("Open", id="open", variant="primary", compact=True)

    def on_mount(self) -> None:
        """Focus Open, or Copy if there is no browser."""
        self._draw()
        self.query_one("#open" if self.can_open else "#copy").focus()

    @property
    def can_open(self) -> bool:
        """True if the link leads to a host, and a browser does not need this terminal."""
        return self._has_browser and isinstance(self._resolved(), LinkTarget)

    @property
    def _has_browser(self) -> bool:
        return self._command is not None or self.app.is_web

    @property
    def _target(self) -> str:
        return self._links[self._chosen].target

    def _resolved(self) -> LinkTarget | InvalidHostError:
        try:
            return resolve_link(self._target)
        except InvalidHostError as error:
            return error

    def action_open(self) -> None:
        """Open the link in the browser and close. The browser gets the host that is shown."""
        resolved = self._resolved()
        if isinstance(resolved, InvalidHostError):
            self._show_error(f"Not opened: {resolved}.")
            return
        if self.app.is_web:
            self.app.open_url(resolved.address)
        elif self._command is None:
            return
        else:
            try:
                open_in(self._command, resolved.address)
            except OSError as error:
                self._show_error(f"Not opened: {error.strerror or error}. C copies the link.")
                return
        self.dismiss()

    def action_copy(self) -> None:
        """Copy the link and close."""
        self.app.post_message(CopyRequested(self._target))
        self.dismiss()

    def action_step(self, by: int) -> None:
        """Show another link of the message, wrapping at the end."""
        self._chosen = (self._chosen + by) % len(self._links)
        self._draw()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        match event.button.id:
            case "open":
                self.action_open()
            case "copy":
                self.action_copy()
            case "next":
                self.action_step(1)
            case _:
                self.dismiss()

    def _show_error(self, error: str) -> None:
        """Show in the dialog why the link was not opened."""
        self._draw(f"Error: {error}")

    def _draw(self, error: str = "") -> None:
        self.query_one("#link-target Static", Static).update(Content(self._target))
        lines = _describe(self._resolved())
        if not self._target.lower().startswith("https"):
            lines[0] += " · unencrypted"
        if len(self._links) > 1:
            lines[0] += f" · {self._chosen + 1} of {len(self._links)}, N next"
        if not self._has_browser:
            lines.append("No browser can be opened from here: copy it.")
        text = Content("\n".join(lines))
        if error:
            text = Content.assemble(text, "\n", (error, "bold $text-error"))
        self.query_one("#link-host", Static).update(text)
        open_button = self.query_one("#open", Button)
        if open_button.has_focus and not self.can_open:
            self.query_one("#copy").focus()  # a disabled button would take the focus away
        open_button.disabled = not self.can_open


def _describe(resolved: LinkTarget | InvalidHostError) -> list[str]:
    """Return what the user must know before the link is opened, the host first."""
    if isinstance(resolved, InvalidHostError):
        return [f"This address leads nowhere and is not opened: {resolved}."]
    host = resolved.host if resolved.port is None else f"{resolved.host}:{resolved.port}"
    lines = [f"leads to {host}"]
    if resolved.readable != resolved.host:
        lines[0] += f" ({resolved.readable})"
    if resolved.mixed_scripts:
        lines.append(f"The name mixes letters: {', '.join(resolved.mixed_scripts)}.")
    if resolved.user:
        lines.append(f'"{resolved.user}" is a user name for {resolved.host}, not the host.')
    return lines
