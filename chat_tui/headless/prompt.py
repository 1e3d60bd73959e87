"""Asking whoever sits at the terminal, whatever the standard streams are."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final

from chat_tui.events import KeyUnknown, TrustDecision
from chat_tui.sanitize import safe_text
from chat_tui.session import trust_text as trust_words

_MAX_ATTEMPTS: Final = 3
"""Answers that are none, after which it is a no: something else is being typed there."""


def has_terminal() -> bool:
    """Whether there is a terminal to ask at."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def ask_trust(event: KeyUnknown, *, only_permanent: bool = False) -> TrustDecision:
    """Show the key and wait for a whole word; anything else in the end, or nothing, is a no.

    `only_for_good`: nothing comes of it that "once" could mean.
    """
    question = "Trust it: once, always or no? "
    if only_permanent:
        question = "Trust it: always or no? "
    words = (
        f"The key of {safe_text(event.server)} is not known. {event.why}\n"
        f"  {event.fingerprint}\n"
        f"{trust_words.COMPARE}\n"
    )
    with suppress(OSError), open("/dev/tty", "r+b", buffering=0) as terminal:
        terminal.write(words.encode())
        for _ in range(_MAX_ATTEMPTS):
            terminal.write(question.encode())
            answer = terminal.readline(1024)
            if not answer:
                break
            with suppress(ValueError):
                return TrustDecision(answer.decode("utf-8", "replace").strip().lower())
    return TrustDecision.REJECT
