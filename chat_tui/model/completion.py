"""Completions of a partly typed command, room or name. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from chat_server.wire import EVERYONE
from chat_tui.input import ALIASES, KNOWN_COMMANDS, ArgumentKind, nearest_command
from chat_tui.model.chat_model import ChatModel

MAX_COMPLETIONS: Final = 100
"""Most completions of one list. Another letter narrows it."""

_CONTEXT_CHARACTERS: Final = 256
"""Characters before the cursor that are parsed. The start of a long text does not matter."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One completion."""

    text: str
    """The text that replaces what was typed, with the space that follows it."""

    shown: str
    """The completion as listed."""

    hint: str
    """What it is, as listed next to it; may be empty."""


@dataclass(frozen=True, slots=True)
class CompletionList:
    """The completions at one cursor position."""

    length: int
    """Characters before the cursor that a completion replaces."""

    completions: tuple[Completion, ...]
    """At least one."""


def complete(
    model: ChatModel, before: str, *, is_only_line: bool, explicit: bool
) -> CompletionList | None:
    """Return the completions of `before`, the part of a line before the cursor; None: none.

    A command is completed only on the only line (`is_only_line`). `explicit`: the user asked for
    completions. Otherwise a bare word has none, and neither has a text that is complete already.
    """
    if is_only_line and before.startswith("/") and not before.startswith("//"):
        first, *arguments = before[:_CONTEXT_CHARACTERS].split(" ")
        if not arguments:
            return (
                _completion_list(first, _commands(model), explicit)
                or _completion_list(first, _aliases(model), explicit)
                or _nearest_command(model, first)
            )
        first = first if model.capabilities.supports(first) else ALIASES.get(first, first)
        known = KNOWN_COMMANDS.get(first)
        if known is None or not model.capabilities.supports(first):
            return None
        if known.argument is not ArgumentKind.TEXT and not any(arguments[:-1]):
            return _completion_list(arguments[-1], _arguments(model, known.argument), explicit)
        if known.argument not in (ArgumentKind.TEXT, ArgumentKind.PERSON):
            return None
    word = before[-_CONTEXT_CHARACTERS:].rpartition(" ")[2]
    if word.startswith("@"):
        return _completion_list(word, _people(model, "@"), explicit)
    return _completion_list(word, _people(model), explicit) if word and explicit else None


def _completion_list(
    typed: str, completions: Iterable[Completion], explicit: bool
) -> CompletionList | None:
    prefix = typed.casefold()
    matching = (item for item in completions if item.text.casefold().startswith(prefix))
    kept = tuple(islice(matching, MAX_COMPLETIONS))
    if not kept or (not explicit and all(item.text.rstrip(" ") == typed for item in kept)):
        return None
    # A completion that is typed in full already comes first; others may begin with it.
    return CompletionList(
        len(typed), tuple(sorted(kept, key=lambda c: c.text.rstrip(" ") != typed))
    )


def _nearest_command(model: ChatModel, typed: str) -> CompletionList | None:
    listed = {*model.commands, "/quit"}
    near = nearest_command(typed, listed) if len(typed) > 2 and typed not in listed else None
    return CompletionList(len(typed), (_command(near),)) if near else None


def _commands(model: ChatModel) -> list[Completion]:
    listed = {*model.commands, "/quit"}
    names = [name for name in KNOWN_COMMANDS if name in listed]
    names += sorted(listed - KNOWN_COMMANDS.keys())
    return [_command(name) for name in names]


def _aliases(model: ChatModel) -> Iterator[Completion]:
    listed = {*model.commands, "/quit"}
    for alias, name in ALIASES.items():
        if name in listed:
            command = _command(name)
            end = " " if command.text.endswith(" ") else ""
            yield Completion(alias + end, alias, f"{name}: {command.hint}")


def _command(name: str) -> Completion:
    known = KNOWN_COMMANDS.get(name)
    if known is None:
        return Completion(f"{name} ", name, "")
    end = "" if known.argument in (ArgumentKind.NONE, ArgumentKind.SECRET) else " "
    return Completion(name + end, known.syntax, known.description)


def _arguments(model: ChatModel, argument: ArgumentKind) -> Iterator[Completion]:
    people = model.people
    match argument:
        case ArgumentKind.ROOM:
            for room in model.rooms.listed():
                number = "" if room.members is None else f"{room.members} there"
                hint = "you are here" if room.current else number
                yield Completion(f"{room.name} ", room.name, hint)
        case ArgumentKind.PERSON:
            yield from _people(model)
        case ArgumentKind.NOT_FOLLOWED:
            yield from _people(model, followed=False)
            if not people.everyone:
                yield Completion(f"{EVERYONE} ", EVERYONE, "everyone")
        case ArgumentKind.FOLLOWED:
            yield from _people(model, followed=True)
            if people.everyone:
                yield Completion(f"{EVERYONE} ", EVERYONE, "everyone")
        case ArgumentKind.SWITCH:
            yield from (Completion(word, word, "") for word in ("on", "off"))


def _people(
    model: ChatModel, mark: str = "", *, followed: bool | None = None
) -> Iterator[Completion]:
    """Yield other people: recent speakers, then members of the room, then followed people.

    `followed`: only people that the user follows by name (True) or does not (False).
    """
    people = model.people
    spoke = people.recent_speakers(model.now())
    here = sorted(people.here(), key=lambda person: person.name not in spoke)
    for group, group_hint in ((here, "here"), (people.elsewhere(), "elsewhere")):
        for person in group:
            if not person.own and followed in (None, person.followed):
                hint = "just spoke" if person.name in spoke else group_hint
                yield Completion(f"{mark}{person.name} ", mark + person.name, hint)
