"""What becomes of a long paste: a slip of the mouse is not said to a whole room."""

from __future__ import annotations

from chat_tui.ui.app_shell import AppShell
from chat_tui.ui.screens.confirm import ConfirmScreen
from chat_tui.ui.widgets import PASTE_LIMIT, Composer


def ask_about_paste(
    shell: AppShell, paste: Composer.PasteNeedsConfirmation, composer: Composer
) -> None:
    """Put it into the composer once somebody says yes; refuse what is too long for any room."""
    text = paste.text
    if text is None:
        shell.notify(
            f"Not pasted: more than {PASTE_LIMIT // 1024} KB. "
            "To send a file:  chat-tui --send ROOM < FILE",
            severity="warning",
        )
        return

    def answered(yes: bool | None) -> None:
        if yes:
            composer.insert_paste(text)

    shell.show_dialog(ConfirmScreen(_question(paste), "Paste", "Leave it"), answered)


def _question(paste: Composer.PasteNeedsConfirmation) -> str:
    if paste.lines == 1:
        return f"Paste a line of {paste.size:,} bytes? It stays in the composer until Enter."
    return (
        f"Paste {paste.lines:,} lines, {paste.size:,} bytes? They stay in the composer until"
        " Enter; "
        "each is then a message of its own."
    )
