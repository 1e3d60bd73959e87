"""Problems with the client's own files, each reported once."""

from __future__ import annotations

from pathlib import Path


class StorageProblems:
    """Texts for the user about files that can't be read or written. Each is reported once.

    Called only by the UI thread.
    """

    def __init__(self) -> None:
        self._reported: set[str] = set()
        self._new: list[str] = []

    def unwritable(self, what: str, path: Path, error: OSError, consequence: str) -> None:
        """Report that `what` (a plural, "Drafts") can't be written to `path`."""
        self._add(what, f"{what} can't be written to {path}: {_reason(error)}. {consequence}")

    def unreadable(self, what: str, path: Path, error: OSError, consequence: str) -> None:
        """Report that `what` can't be read from `path`. A missing file is not a problem."""
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            self._add(what, f"{what} can't be read from {path}: {_reason(error)}. {consequence}")

    def take(self) -> list[str]:
        """Return the texts since the last call."""
        texts, self._new = self._new, []
        return texts

    def _add(self, what: str, text: str) -> None:
        if what not in self._reported:
            self._reported.add(what)
            self._new.append(text)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).rstrip(".")
