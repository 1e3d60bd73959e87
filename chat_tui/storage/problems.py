"""Problems with the client's own files: each reason is reported once."""

from __future__ import annotations

from pathlib import Path


class StorageProblems:
    """Texts for the user about files that can't be read or written.

    Each reason is reported once for each kind of file: a full disk may come and go.

    Called only by the UI thread.
    """

    def __init__(self) -> None:
        self._reported: set[tuple[str, str]] = set()  # what, and the reason
        self._new: list[str] = []

    def unwritable(self, what: str, path: Path, error: OSError, consequence: str) -> None:
        """Report that `what` (a plural, "Drafts") can't be written to `path`."""
        reason = _reason(error)
        self._add((what, reason), f"{what} can't be written to {path}: {reason}. {consequence}")

    def unreadable(self, what: str, path: Path, error: OSError, consequence: str) -> None:
        """Report that `what` can't be read from `path`. A missing file is not a problem."""
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            reason = _reason(error)
            self._add((what, reason), f"{what} can't be read from {path}: {reason}. {consequence}")

    def take(self) -> list[str]:
        """Return the texts since the last call."""
        texts, self._new = self._new, []
        return texts

    def _add(self, problem: tuple[str, str], text: str) -> None:
        if problem not in self._reported:
            self._reported.add(problem)
            self._new.append(text)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).rstrip(".")
