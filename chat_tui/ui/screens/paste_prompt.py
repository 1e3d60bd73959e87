"""The question before a long paste: a mouse slip must not send a text to a whole room."""

from __future__ import annotations

from chat_tui.ui.app_shell import AppShell
from chat_tui.ui.screens.confirm import ConfirmScreen
from chat_tui.ui.widgets import PASTE_LIMIT, Composer


def ask_about_paste(
    shell: AppShell, paste: Composer.PasteNeedsConfirmation, composer: Composer
) -> None:
    """Insert the paste if the user confirms it. Reject one that is over `PASTE_LIMIT`."""
    text = paste.text
    if text is None:
        shell.notify(
            f"Over {PASTE_LIMIT // 1024} KB: not pasted. Try chat-tui --send ROOM < FILE",
            severity="warning",
        )
        return

    def on_answer(confirmed: bool | None) -> None:
        if confirmed:
            composer.insert_paste(text)

    shell.show_dialog(ConfirmScreen(_question(paste), "Paste", "Cancel", default=True), on_answer)


def _question(paste: Composer.PasteNeedsConfirmation) -> str:
    if paste.lines == 1:
        return f"Paste a line of {paste.size:,} bytes? Enter sends it."
    return f"Paste {paste.lines:,} lines? Each line is sent as its own message."
