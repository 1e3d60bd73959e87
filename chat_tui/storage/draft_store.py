"""Drafts and unconfirmed messages, stored on disk so that they survive a crash.

There is a folder for each user and server, and in it a file for each room or private conversation.
A client that is killed loses at most the last moments of typing. A broken file loses at most one
location.

Several windows of one user may use the same files. Each window writes what it has changed since it
last saw the file, and keeps what other windows have changed: see `draft_merge`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from chat_server.wire import parse_stamp
from chat_tui.account import make_account
from chat_tui.events import DeliveryProof
from chat_tui.input import holds_secret, merge_into_draft
from chat_tui.model import ChatModel, Drafts, Location
from chat_tui.sanitize import safe_name
from chat_tui.storage.draft_merge import StoredDraft, merge
from chat_tui.storage.file_lock import PATIENCE, state_lock
from chat_tui.storage.private_files import file_stem, read_regular, write_private
from chat_tui.storage.problems import StorageProblems

_FOLDER: Final = "drafts"

_MAX_BUSY_TICKS: Final = 8
"""Ticks of typing without a pause after which the draft is written anyway."""

_MAX_BYTES: Final = 4 << 20
"""Largest file that is read, in bytes. The client writes no larger one."""

_EXIT_TIMEOUT: Final = 0.5
"""Seconds that `save` waits for the lock."""

_EMPTY: Final = StoredDraft()


class DraftStore:
    """Writer and reader of a model's drafts on disk.

    Called only by the UI thread. It never raises for a file: a write that fails is reported once
    and tried again at the next tick. It never waits for another window, except in `save`.
    """

    def __init__(
        self,
        folder: Path,
        model: ChatModel,
        problems: StorageProblems | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`folder` is the state folder of the client. Nothing is stored before `open`."""
        self._clock = clock
        self._state_folder = folder
        self._model = model
        self._problems = problems or StorageProblems()
        self._account: Path | None = None
        self._drafts = model.drafts
        self._synced: dict[str, StoredDraft] = {}  # this window's state at its last write or read
        self._last_seen: dict[str, StoredDraft] = {}  # as of the last tick
        self._checked: dict[str, bool] = {}  # for each draft: it holds a password
        # By location, time and text: how the server's history shows if a message has arrived.
        self._proofs: dict[tuple[str, datetime, str], DeliveryProof] = {}
        self._busy_ticks = 0  # ticks of typing without a pause
        self._locked_since: float | None = None  # another window has held the lock since then

    def open(self, host: str, port: int, user: str) -> list[str]:
        """Restore the drafts and unconfirmed messages of a user that has just signed in.

        The files win over the model: another window of the user may have changed them. What this
        window has not written yet is merged into them. Return the sorted names of all other
        locations with text that is new to the model.
        """
        if self._model.drafts is self._drafts and self._account is not None:
            known = self._current()
        else:
            identity = " ".join(make_account(host, port, user, "").identity)
            self._account = self._state_folder / _FOLDER / file_stem(identity)
            self._drafts = self._model.drafts = Drafts()
            self._synced = known = {}
        restored = set()
        files = self._read_all(self._account)
        for location in files.keys() | known.keys():
            stored = files.get(location)
            if stored is None and self._path(location).exists():
                continue  # it can't be read: the model keeps its state
            stored = stored or _EMPTY
            mine = known.get(location, _EMPTY)
            merged, _ = merge(self._synced.get(location, _EMPTY), mine, stored)
            if self._hides_secret(location):  # it stays in the composer, and unwritten
                merged, stored = merged._replace(draft=""), stored._replace(draft="")
            if self._adopt(location, mine, merged):
                restored.add(location)
            self._synced[location] = stored
        self._last_seen = self._current()
        return sorted(restored - {self._model.compose_location})

    def tick(self) -> bool:
        """Write the drafts if they have not changed since the last tick.

        Called a few times a second. Continuous typing is written every `_MAX_BUSY_TICKS` ticks.
        Return True if the draft of a location has changed: another window has written there, too.
        """
        current = self._current()
        self._busy_ticks = 0 if current == self._last_seen else self._busy_ticks + 1
        changed = False
        if self._busy_ticks % _MAX_BUSY_TICKS == 0:
            changed = self._write(current)
        self._last_seen = self._current() if changed else current
        return changed

    def save(self) -> None:
        """Write all changes now, in the end without the lock."""
        self._write(self._current(), timeout=_EXIT_TIMEOUT, even_unlocked=True)

    def _current(self) -> dict[str, StoredDraft]:
        """Return the state to store, without passwords.

        Once the model belongs to another user, that is the last state of the former user.
        """
        if self._model.drafts is not self._drafts:
            return self._last_seen
        unconfirmed = self._model.unconfirmed_by_location()
        drafts = self._drafts.all()
        for location, queued in self._model.queued_texts.items():
            drafts[location] = merge_into_draft(queued, drafts.get(location, ""))
        checked, self._checked = self._checked, {}
        for location, draft in drafts.items():
            is_secret = checked.get(draft)
            if is_secret is None:
                is_secret = holds_secret(draft, self._model.user)
            self._checked[draft] = is_secret
            if is_secret:
                drafts[location] = ""
        return {
            location: StoredDraft(drafts.get(location, ""), tuple(unconfirmed.get(location, ())))
            for location in drafts.keys() | unconfirmed.keys()
        }

    def _hides_secret(self, location: str) -> bool:
        """Return True if the draft of a location is not written to disk: it holds a password."""
        return holds_secret(self._drafts.of(location), self._model.user)

    def _write(
        self,
        current: Mapping[str, StoredDraft],
        *,
        timeout: float = 0.0,
        even_unlocked: bool = False,
    ) -> bool:
        """Write the changed locations. Return True if a draft of the model has changed."""
        changed = [
            location
            for location in self._synced.keys() | current.keys()
            if current.get(location, _EMPTY) != self._synced.get(location, _EMPTY)
        ]
        changed += self._outdated_proofs() - set(changed)
        if self._account is None or not changed:
            return False
        try:
            with state_lock(self._state_folder, timeout) as is_locked:
                if not (is_locked or even_unlocked or self._is_impatient()):
                    return False
                self._locked_since = None
                return self._merge_into_files(current, changed)
        except OSError as error:
            self._problems.unwritable(
                "Drafts", self._account, error, "They are kept until you quit."
            )
        return False

    def _current_proofs(self) -> Mapping[tuple[str, datetime, str], DeliveryProof | None]:
        return self._model.delivery_proofs() if self._model.drafts is self._drafts else {}

    def _outdated_proofs(self) -> set[str]:
        """Return the locations whose files have proofs that do not hold any more."""
        return {
            key[0]
            for key, proof in self._current_proofs().items()
            if proof is None and key in self._proofs
        }

    def _is_impatient(self) -> bool:
        now = self._clock()
        if self._locked_since is None:
            self._locked_since = now
        return now - self._locked_since >= PATIENCE

    def _merge_into_files(
        self, current: Mapping[str, StoredDraft], locations: Collection[str]
    ) -> bool:
        has_adopted, problem = False, None
        for location in locations:
            mine, base = current.get(location, _EMPTY), self._synced.get(location, _EMPTY)
            try:
                stored = self._read_one(self._path(location))
                merged, left_over = merge(base, mine, stored)
                if merged != stored or location in self._outdated_proofs():
                    self._write_one(self._path(location), location, merged)
            except OSError as error:  # the other locations may be writable
                problem = error
                continue
            if left_over and self._model.drafts is self._drafts:
                self._model.histories.of(location).add(left_over)
            # A queued text is not in the composer, so that a merged draft can't be there either.
            can_adopt = not (location in self._model.queued_texts or self._hides_secret(location))
            if mine.draft != base.draft and merged.draft != mine.draft and can_adopt:
                self._drafts.put(location, merged.draft)
                mine = mine._replace(draft=merged.draft)
                has_adopted = True
            self._synced[location] = mine
        if problem is not None:
            raise problem
        return has_adopted

    def _adopt(self, location: str, mine: StoredDraft, merged: StoredDraft) -> bool:
        """Change the model to `merged`. Return True if it has text that is new to the model."""
        if (partner := Location(location).partner) and merged != _EMPTY:
            self._model.conversations.begin(partner)
        if mine.draft != merged.draft:
            self._drafts.put(location, merged.draft)
        for timestamp, text in mine.unconfirmed:
            if (timestamp, text) not in merged.unconfirmed:
                self._model.forget_unconfirmed(location, timestamp, text)
        new = [item for item in merged.unconfirmed if item not in mine.unconfirmed]
        for timestamp, text in new:
            proof = self._proofs.get((location, timestamp, text))
            self._model.restore_unconfirmed(location, timestamp, text, proof)
        return bool(new) or (merged.draft != mine.draft and bool(merged.draft))

    def _path(self, location: str) -> Path:
        assert self._account is not None
        return self._account / f"{file_stem(location)}.json"

    def _from_json(self, data: dict[str, object]) -> tuple[str, StoredDraft]:
        """Return a location and its stored text. Keep the proofs of its messages."""
        location, stored, proofs = _from_json(data)
        self._proofs |= proofs
        return location, stored

    def _write_one(self, path: Path, location: str, stored: StoredDraft) -> None:
        if stored == _EMPTY:
            path.unlink(missing_ok=True)
        else:
            proofs = {**self._proofs, **self._current_proofs()}
            self._proofs = {
                (place, timestamp, text): proof
                for (place, timestamp, text), proof in proofs.items()
                if proof is not None
                and (place != location or (timestamp, text) in stored.unconfirmed)
            }
            write_private(path, _as_json(location, stored, self._proofs))

    def _read_one(self, path: Path) -> StoredDraft:
        """Return the content of a file; it counts as empty if it is missing or invalid.

        Raises `OSError` for anything else than a readable file.
        """
        try:
            return self._from_json(json.loads(read_regular(path, _MAX_BYTES)))[1]
        except (FileNotFoundError, NotADirectoryError):
            return _EMPTY
        except (ValueError, RecursionError, TypeError, KeyError):
            return _EMPTY

    def _read_all(self, folder: Path) -> dict[str, StoredDraft]:
        """Return the contents of one account's folder. Invalid files are skipped."""
        found: dict[str, StoredDraft] = {}
        with suppress(OSError):
            for path in sorted(folder.glob("*.json")):
                try:
                    data = json.loads(read_regular(path, _MAX_BYTES))
                    location, stored = self._from_json(data)
                except OSError as error:
                    self._problems.unreadable("Drafts", path, error, "Remove it.")
                except (ValueError, RecursionError, TypeError, KeyError):
                    pass
                else:
                    found[location] = stored
        return found


def _as_json(
    location: str,
    stored: StoredDraft,
    proofs: Mapping[tuple[str, datetime, str], DeliveryProof],
) -> str:
    unconfirmed: list[dict[str, object]] = []
    for timestamp, text in stored.unconfirmed:
        item: dict[str, object] = {"at": timestamp.isoformat(), "text": text}
        if (proof := proofs.get((location, timestamp, text))) is not None:
            item |= {"after": proof.after, "skip": proof.skip}
        unconfirmed.append(item)
    return json.dumps(
        {"place": location, "draft": stored.draft, "unconfirmed": unconfirmed}, indent=1
    )


def _from_json(
    data: dict[str, object],
) -> tuple[str, StoredDraft, dict[tuple[str, datetime, str], DeliveryProof]]:
    """Return a location, its stored text, and the proofs of its messages.

    Raises `TypeError`, `KeyError` or `ValueError` if `data` has another form.
    """
    location, draft, unconfirmed = data["place"], data["draft"], data["unconfirmed"]
    if not (isinstance(location, str) and isinstance(draft, str) and isinstance(unconfirmed, list)):
        raise TypeError
    location = safe_name(location)
    messages = []
    proofs = {}
    for item in unconfirmed:
        timestamp, text = datetime.fromisoformat(item["at"]), item["text"]
        if not isinstance(text, str) or timestamp.tzinfo is not None:
            raise TypeError
        messages.append((timestamp, text))
        after, skip = item.get("after"), item.get("skip")
        if isinstance(after, str) and parse_stamp(after) is not None and type(skip) is int:
            proofs[location, timestamp, text] = DeliveryProof(after, skip)
    return location, StoredDraft(draft, tuple(messages)), proofs
