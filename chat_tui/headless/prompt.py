"""Questions on the controlling terminal, even if the standard streams are redirected."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final

from chat_tui.events import KeyUnknown, TrustDecision
from chat_tui.sanitize import safe_text
from chat_tui.session import trust_text

_MAX_ATTEMPTS: Final = 3
"""Invalid answers after which the key is rejected: the user is typing something else."""


def has_terminal() -> bool:
    """Return whether the process has a controlling terminal."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def ask_trust(event: KeyUnknown, *, only_permanent: bool = False) -> TrustDecision:
    """Show the key on the terminal and wait for a whole word as the answer.

    Return REJECT at the end of the input, and after `_MAX_ATTEMPTS` invalid answers.
    `only_permanent`: do not offer "once". Blocks.
    """
    question = "Trust this key? once, always or no: "
    if only_permanent:
        question = "Trust this key? always or no: "
    message = (
        f"The key of {safe_text(event.server)} is not known. {event.why}\n"
        f"  {event.fingerprint}\n"
        f"{trust_text.COMPARE}\n"
    )
    with suppress(OSError), open("/dev/tty", "r+b", buffering=0) as terminal:
        terminal.write(message.encode())
        for _ in range(_MAX_ATTEMPTS):
            terminal.write(question.encode())
            answer = terminal.readline(1024)
            if not answer:
                break
            with suppress(ValueError):
                return TrustDecision(answer.decode("utf-8", "replace").strip().lower())
    return TrustDecision.REJECT
