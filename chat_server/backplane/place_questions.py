"""Questions of clients' threads for the newest stamp of the log, which the writer answers."""

from __future__ import annotations

import threading
from collections import deque

from chat_server.backplane import scripts
from chat_server.backplane.connection import RedisConnection


class PlaceQuestion:
    """The question for the newest stamp of the log, by another thread."""

    __slots__ = ("answered", "stamp")

    def __init__(self) -> None:
        self.answered = threading.Event()
        self.stamp = 0
        """Set before `answered`."""


class PlaceQuestions:
    """The questions that wait. Any thread asks, and one answers."""

    def __init__(self) -> None:
        self._waiting: deque[PlaceQuestion] = deque()

    def ask(self) -> PlaceQuestion:
        """Add a question."""
        question = PlaceQuestion()
        self._waiting.append(question)
        return question

    def answer(self, connection: RedisConnection) -> int | None:
        """Answer all with the newest stamp, and return it. None: there are no questions."""
        count = len(self._waiting)  # only those that were asked before Redis answers
        if not count:
            return None
        stamp = int(connection.command("HGET", scripts.STATE, "at") or 0)
        for _ in range(count):
            question = self._waiting.popleft()
            question.stamp = stamp
            question.answered.set()
        return stamp
