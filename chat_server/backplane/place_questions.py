"""Questions of clients' threads for the newest stamp of the log, which the writer answers."""

from __future__ import annotations

import threading

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
    """The questions that wait. Any thread asks, and one answers. Its lock is a leaf lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[PlaceQuestion, None] = {}

    def ask(self) -> PlaceQuestion:
        """Add a question. If its thread gives up before the answer, it calls `withdraw`."""
        question = PlaceQuestion()
        with self._lock:
            self._waiting[question] = None
        return question

    def withdraw(self, question: PlaceQuestion) -> None:
        """Forget a question. Otherwise all of a long outage would stay until Redis is back."""
        with self._lock:
            self._waiting.pop(question, None)

    def answer(self, connection: RedisConnection) -> int | None:
        """Answer all with the newest stamp, and return it. None: there are no questions."""
        with self._lock:
            asked = list(self._waiting)  # only those that were asked before Redis answers
        if not asked:
            return None
        stamp = int(connection.command("HGET", scripts.STATE, "at") or 0)
        for question in asked:
            self.withdraw(question)
            question.stamp = stamp
            question.answered.set()
        return stamp
