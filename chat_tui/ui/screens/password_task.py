"""Fetching a profile's password in a thread: a command or a keyring may block for seconds."""

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
    """The result of the fetch with this number."""

    number: int
    password: str | None = field(repr=False)
    """None if the fetch failed."""
    problem: str = ""


def fetch_in_thread(profile: Profile, message_target: MessagePump) -> int:
    """Start to fetch the password of `profile` in a daemon thread. Return the fetch's number.

    The thread posts one `PasswordFetched` with that number to `message_target`.
    """
    number = next(_NUMBERS)

    def run() -> None:
        try:
            password, problem = profile.password(), ""
        except PasswordError as error:
            password, problem = None, str(error)
        message_target.post_message(PasswordFetched(number, password, problem))

    Thread(target=run, name="password", daemon=True).start()
    return number
