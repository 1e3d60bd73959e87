"""Fetching a profile's password beside the screen: a command or a keyring may take its time."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from threading import Thread
from typing import Final

from textual.message import Message
from textual.message_pump import MessagePump

from chat_tui.config import PasswordError, Profile

_NUMBERS: Final = count(1)


@dataclass
class PasswordFetched(Message):
    """What came of the fetching of that number."""

    number: int
    password: str | None = field(repr=False)
    problem: str = ""


def fetch_in_thread(profile: Profile, message_target: MessagePump) -> int:
    """Fetch it in a daemon thread; `teller` gets a `PasswordFetched` with the number given here."""
    number = next(_NUMBERS)

    def run() -> None:
        try:
            password, problem = profile.password(), ""
        except PasswordError as error:
            password, problem = None, str(error)
        message_target.post_message(PasswordFetched(number, password, problem))

    Thread(target=run, name="password", daemon=True).start()
    return number
