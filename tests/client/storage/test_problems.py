"""StorageProblems: which problems are reported to the user."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from chat_tui.storage.problems import StorageProblems

DRAFTS, OTHER = Path("/state/drafts/a"), Path("/state/drafts/b")


def test_each_reason_is_reported_once_for_each_kind_of_file() -> None:
    problems = StorageProblems()

    def fail(what: str, path: Path, code: int) -> list[str]:
        error = OSError(code, os.strerror(code))
        problems.unwritable(what, path, error, "They are kept until you quit.")
        return problems.take()

    assert fail("Drafts", DRAFTS, errno.ENOSPC) == [
        f"Drafts can't be written to {DRAFTS}: No space left on device. "
        "They are kept until you quit."
    ]
    assert fail("Drafts", OTHER, errno.ENOSPC) == []
    assert len(fail("Muted places", DRAFTS, errno.ENOSPC)) == 1
    # The disk has space again; days later, the folder is protected.
    assert len(fail("Drafts", DRAFTS, errno.EACCES)) == 1
    assert fail("Drafts", DRAFTS, errno.EACCES) == []
