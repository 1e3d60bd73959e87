"""DraftShelf: what is half written, and what may not have arrived, kept on this machine.

One file a place, in a folder a person and server: a client that dies loses what was typed in its
last moments at most, and one place at most if its file is broken.
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
"""Ticks in which somebody may type without a pause before it is written all the same."""

_MAX_BYTES: Final = 4 << 20
"""Bytes of a file that are read: what is longer is none of ours."""


class StoredDraft(NamedTuple):
    """What is kept of one place: the draft, and when what was said that may have arrived."""

    draft: str = ""
    unconfirmed: tuple[tuple[datetime, str], ...] = ()


class DraftStore:
    """Brings a model's drafts to the disk soon after they change, and back at the next time.

    The screen's thread alone calls it. Nothing here is worth a crash: what can't be written is
    tried again with the next change.
    """

    def __init__(self, folder: Path, model: ChatModel) -> None:
        """`folder`: the state folder of the client. Nobody's drafts are kept yet."""
        self._folder = folder / _FOLDER
        self._model = model
        self._account: Path | None = None
        self._drafts = model.drafts
        self._written: dict[str, StoredDraft] = {}
        self._last_seen: dict[str, StoredDraft] = {}  # at the last tick
        self._busy_ticks = 0  # ticks since somebody began to type without a pause

    def open(self, host: str, port: int, user: str) -> list[str]:
        """`user` is signed in there: bring back what they left. Other places with some of it.

        Nothing happens where it is the model's already.
        """
        if self._model.drafts is self._drafts and self._account is not None:
            return []
        self._account = self._folder / file_stem(
            " ".join(make_account(host, port, user, "").identity)
        )
        self._written = _read(self._account)
        drafts = {place: kept.draft for place, kept in self._written.items() if kept.draft}
        self._drafts = Drafts(drafts)
        self._model.drafts = self._drafts
        for place, kept in self._written.items():
            if person := Location(place).partner:
                self._model.conversations.begin(person)
            for at, text in kept.unconfirmed:
                self._model.restore_unconfirmed(place, at, text)
        self._last_seen = self._current()
        return sorted(self._written.keys() - {self._model.compose_location})

    def tick(self) -> None:
        """Time has passed, a moment: write what has changed and has not been touched since."""
        now = self._current()
        self._busy_ticks = 0 if now == self._last_seen else self._busy_ticks + 1
        if self._busy_ticks % _MAX_BUSY_TICKS == 0:
            self._write(now)
        self._last_seen = now

    def save(self) -> None:
        """Write what has changed, at once."""
        self._write(self._current())

    def _current(self) -> dict[str, StoredDraft]:
        """What is to be kept; once the model is another person's, what was kept last."""
        if self._model.drafts is not self._drafts:
            return self._last_seen
        unproved = self._model.unconfirmed_by_location()
        drafts = self._drafts.all()
        for place, waiting in self._model.waiting.items():
            drafts[place] = merge_into_draft(waiting, drafts.get(place, ""))
        return {
            place: StoredDraft(drafts.get(place, ""), tuple(unproved.get(place, ())))
            for place in drafts.keys() | unproved.keys()
        }

    def _write(self, current: Mapping[str, StoredDraft]) -> None:
        if self._account is None:
            return
        for place in self._written.keys() | current.keys():
            kept = current.get(place, StoredDraft())
            if kept == self._written.get(place, StoredDraft()):
                continue
            path = self._account / f"{file_stem(place)}.json"
            with suppress(OSError):
                self._write_one(path, place, kept)
                self._written[place] = kept

    def _write_one(self, path: Path, place: str, kept: StoredDraft) -> None:
        if holds_secret(kept.draft, self._model.user):  # never into a file of ours
            kept = kept._replace(draft="")
        if kept == StoredDraft():
            path.unlink(missing_ok=True)
        else:
            write_private(path, _as_json(place, kept))


def _as_json(place: str, kept: StoredDraft) -> str:
    unproved = [{"at": at.isoformat(), "text": text} for at, text in kept.unconfirmed]
    return json.dumps({"place": place, "draft": kept.draft, "unconfirmed": unproved}, indent=1)


def _read(folder: Path) -> dict[str, StoredDraft]:
    """What the files of one account hold, as far as it is what it should be."""
    found: dict[str, StoredDraft] = {}
    with suppress(OSError):
        for path in sorted(folder.glob("*.json")):
            with suppress(OSError, ValueError, RecursionError, TypeError, KeyError):
                if path.stat().st_size <= _MAX_BYTES:
                    place, kept = _from_json(json.loads(path.read_bytes()))
                    found[place] = kept
    return found


def _from_json(held: dict[str, object]) -> tuple[str, StoredDraft]:
    """Raises `TypeError`, `KeyError` or `ValueError` where it is something else."""
    place, draft, unproved = held["place"], held["draft"], held["unconfirmed"]
    if not (isinstance(place, str) and isinstance(draft, str) and isinstance(unproved, list)):
        raise TypeError
    said = []
    for one in unproved:
        at, text = datetime.fromisoformat(one["at"]), one["text"]
        if not isinstance(text, str) or at.tzinfo is not None:
            raise TypeError
        said.append((at, text))
    return safe_name(place), StoredDraft(draft, tuple(said))
