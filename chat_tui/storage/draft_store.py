"""Drafts and unconfirmed messages, stored on disk so that they survive a crash.

There is a folder for each user and server, and in it a file for each room or private conversation.
A client that is killed loses at most the last moments of typing. A broken file loses at most one
location.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from chat_tui.account import make_account
from chat_tui.input import holds_secret, merge_into_draft
from chat_tui.model import ChatModel, Drafts, Location
from chat_tui.sanitize import safe_name
from chat_tui.storage.private_files import file_stem, write_private

_FOLDER: Final = "drafts"

_MAX_BUSY_TICKS: Final = 8
"""Ticks of typing without a pause after which the draft is written anyway."""

_MAX_BYTES: Final = 4 << 20
"""Largest file that is read, in bytes. The client writes no larger one."""


class StoredDraft(NamedTuple):
    """The draft and the unconfirmed messages of one location."""

    draft: str = ""
    unconfirmed: tuple[tuple[datetime, str], ...] = ()
    """Local time and text of each message that may not have arrived."""


class DraftStore:
    """Writer and reader of a model's drafts on disk.

    Called only by the UI thread. It never raises for a file: a write that fails is tried again at
    the next tick.
    """

    def __init__(self, folder: Path, model: ChatModel) -> None:
        """`folder` is the state folder of the client. Nothing is stored before `open`."""
        self._folder = folder / _FOLDER
        self._model = model
        self._account: Path | None = None
        self._drafts = model.drafts
        self._written: dict[str, StoredDraft] = {}
        self._last_seen: dict[str, StoredDraft] = {}  # as of the last tick
        self._busy_ticks = 0  # ticks of typing without a pause

    def open(self, host: str, port: int, user: str) -> list[str]:
        """Restore the drafts and unconfirmed messages of a user that has just signed in.

        Return the sorted names of all other locations with stored text. Do nothing and return an
        empty list if the model has this user's drafts already.
        """
        if self._model.drafts is self._drafts and self._account is not None:
            return []
        self._account = self._folder / file_stem(
            " ".join(make_account(host, port, user, "").identity)
        )
        self._written = _read(self._account)
        drafts = {
            location: stored.draft for location, stored in self._written.items() if stored.draft
        }
        self._drafts = Drafts(drafts)
        self._model.drafts = self._drafts
        for location, stored in self._written.items():
            if partner := Location(location).partner:
                self._model.conversations.begin(partner)
            for timestamp, text in stored.unconfirmed:
                self._model.restore_unconfirmed(location, timestamp, text)
        self._last_seen = self._current()
        return sorted(self._written.keys() - {self._model.compose_location})

    def tick(self) -> None:
        """Write the drafts if they have not changed since the last tick.

        Called a few times a second. Continuous typing is written every `_MAX_BUSY_TICKS` ticks.
        """
        current = self._current()
        self._busy_ticks = 0 if current == self._last_seen else self._busy_ticks + 1
        if self._busy_ticks % _MAX_BUSY_TICKS == 0:
            self._write(current)
        self._last_seen = current

    def save(self) -> None:
        """Write all changes now."""
        self._write(self._current())

    def _current(self) -> dict[str, StoredDraft]:
        """Return the state to store.

        Once the model belongs to another user, that is the last state of the former user.
        """
        if self._model.drafts is not self._drafts:
            return self._last_seen
        unconfirmed = self._model.unconfirmed_by_location()
        drafts = self._drafts.all()
        for location, queued in self._model.queued_texts.items():
            drafts[location] = merge_into_draft(queued, drafts.get(location, ""))
        return {
            location: StoredDraft(drafts.get(location, ""), tuple(unconfirmed.get(location, ())))
            for location in drafts.keys() | unconfirmed.keys()
        }

    def _write(self, current: Mapping[str, StoredDraft]) -> None:
        if self._account is None:
            return
        for location in self._written.keys() | current.keys():
            stored = current.get(location, StoredDraft())
            if stored == self._written.get(location, StoredDraft()):
                continue
            path = self._account / f"{file_stem(location)}.json"
            with suppress(OSError):
                self._write_one(path, location, stored)
                self._written[location] = stored

    def _write_one(self, path: Path, location: str, stored: StoredDraft) -> None:
        if holds_secret(stored.draft, self._model.user):  # passwords are never written to disk
            stored = stored._replace(draft="")
        if stored == StoredDraft():
            path.unlink(missing_ok=True)
        else:
            write_private(path, _as_json(location, stored))


def _as_json(location: str, stored: StoredDraft) -> str:
    unconfirmed = [
        {"at": timestamp.isoformat(), "text": text} for timestamp, text in stored.unconfirmed
    ]
    return json.dumps(
        {"place": location, "draft": stored.draft, "unconfirmed": unconfirmed}, indent=1
    )


def _read(folder: Path) -> dict[str, StoredDraft]:
    """Return the contents of one account's folder. Invalid files are skipped."""
    found: dict[str, StoredDraft] = {}
    with suppress(OSError):
        for path in sorted(folder.glob("*.json")):
            with suppress(OSError, ValueError, RecursionError, TypeError, KeyError):
                if path.stat().st_size <= _MAX_BYTES:
                    location, stored = _from_json(json.loads(path.read_bytes()))
                    found[location] = stored
    return found


def _from_json(data: dict[str, object]) -> tuple[str, StoredDraft]:
    """Return a location and its stored text.

    Raises `TypeError`, `KeyError` or `ValueError` if `data` has another form.
    """
    location, draft, unconfirmed = data["place"], data["draft"], data["unconfirmed"]
    if not (isinstance(location, str) and isinstance(draft, str) and isinstance(unconfirmed, list)):
        raise TypeError
    messages = []
    for item in unconfirmed:
        timestamp, text = datetime.fromisoformat(item["at"]), item["text"]
        if not isinstance(text, str) or timestamp.tzinfo is not None:
            raise TypeError
        messages.append((timestamp, text))
    return safe_name(location), StoredDraft(draft, tuple(messages))
