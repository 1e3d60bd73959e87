"""What a half-typed command, room or name may become. Pure: the model in, choices out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from chat_server.wire.protocol import EVERYONE
from chat_tui.input.command_guard import nearest
from chat_tui.input.known_commands import KNOWN_COMMANDS, Argument
from chat_tui.model.chat_model import ChatModel

CHOICES_KEPT: Final = 100
"""Most choices of one offer: who needs more types another letter."""

_LOOKED_AT: Final = 256
"""Characters before the cursor that are looked at: in a long text the start is of no matter."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to go on."""

    text: str
    """What takes the place of what was typed, with the space that follows it."""

    shown: str
    hint: str


@dataclass(frozen=True, slots=True)
class Offer:
    """The ways to go on from one place."""

    length: int
    """Characters before the cursor that a choice takes the place of."""

    choices: tuple[Choice, ...]
    """At least one."""


def offer(model: ChatModel, before: str, *, alone: bool, asked: bool) -> Offer | None:
    """What may be meant by `before`, the part of a line before the cursor.

    `alone`: it is the only line, so that it can be a command. `asked`: somebody asked for it; of
    itself nothing is offered for a bare word, nor where all is typed already.
    """
    if alone and before.startswith("/") and not before.startswith("//"):
        first, *between = before[:_LOOKED_AT].split(" ")
        if not between:
            return _offer(first, _commands(model), asked) or _nearest(model, first)
        known = KNOWN_COMMANDS.get(first)
        if known is None or first not in model.commands:
            return None
        if known.argument is not Argument.WORDS and not any(between[:-1]):
            return _offer(between[-1], _arguments(model, known.argument), asked)
        if known.argument not in (Argument.WORDS, Argument.PERSON):
            return None
    word = before[-_LOOKED_AT:].rpartition(" ")[2]
    if word.startswith("@"):
        return _offer(word, _people(model, "@"), asked)
    return _offer(word, _people(model), asked) if word and asked else None


def _offer(typed: str, choices: Iterable[Choice], asked: bool) -> Offer | None:
    begun = typed.casefold()
    fit = (choice for choice in choices if choice.text.casefold().startswith(begun))
    kept = tuple(islice(fit, CHOICES_KEPT))
    if not kept or (not asked and all(choice.text.rstrip(" ") == typed for choice in kept)):
        return None
    # What is typed already comes first, though others begin with it, too.
    return Offer(len(typed), tuple(sorted(kept, key=lambda c: c.text.rstrip(" ") != typed)))


def _nearest(model: ChatModel, typed: str) -> Offer | None:
    listed = {*model.commands, "/quit"}
    near = nearest(typed, listed) if len(typed) > 2 and typed not in listed else None
    return Offer(len(typed), (_command(near),)) if near else None


def _commands(model: ChatModel) -> list[Choice]:
    listed = {*model.commands, "/quit"}
    words = [word for word in KNOWN_COMMANDS if word in listed]
    words += sorted(listed - KNOWN_COMMANDS.keys())
    return [_command(word) for word in words]


def _command(word: str) -> Choice:
    known = KNOWN_COMMANDS.get(word)
    if known is None:
        return Choice(f"{word} ", word, "")
    end = "" if known.argument in (Argument.NONE, Argument.SECRET) else " "
    return Choice(word + end, known.form, known.does)


def _arguments(model: ChatModel, argument: Argument) -> Iterator[Choice]:
    people = model.people
    match argument:
        case Argument.ROOM:
            for room in model.rooms.listed():
                number = "" if room.members is None else f"{room.members} there"
                hint = "you are here" if room.current else number
                yield Choice(f"{room.name} ", room.name, hint)
        case Argument.PERSON:
            yield from _people(model)
        case Argument.NOT_FOLLOWED:
            yield from _people(model, followed=False)
            if not people.everyone:
                yield Choice(f"{EVERYONE} ", EVERYONE, "everyone")
        case Argument.FOLLOWED:
            yield from _people(model, followed=True)
            if people.everyone:
                yield Choice(f"{EVERYONE} ", EVERYONE, "everyone")
        case Argument.SWITCH:
            yield from (Choice(word, word, "") for word in ("on", "off"))


def _people(model: ChatModel, mark: str = "", *, followed: bool | None = None) -> Iterator[Choice]:
    """Others: those who just spoke, those who are here, those whom we follow elsewhere.

    `followed`: only those whom we follow by name, or do not.
    """
    people = model.people
    spoke = people.just_spoke(model.now())
    here = sorted(people.here(), key=lambda person: person.name not in spoke)
    for known, where in ((here, "here"), (people.elsewhere(), "elsewhere")):
        for person in known:
            if not person.own and followed in (None, person.followed):
                hint = "just spoke" if person.name in spoke else where
                yield Choice(f"{mark}{person.name} ", mark + person.name, hint)
