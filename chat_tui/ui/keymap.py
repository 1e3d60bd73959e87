"""Keys of one's own: which actions there are to give a key to, and which keys can be given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Final

from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import Keys

from chat_tui.config import ConfigProblem, Configuration

_MODIFIERS: Final = ("ctrl", "alt", "shift", "super", "meta")

_NAMED: Final = frozenset(key.value.rpartition("+")[2] for key in Keys if "<" not in key.value)

EVERYWHERE: Final = ("ChatApp", "ChatScreen")
"""The classes whose keys work in every pane of the chat."""


def bindings() -> dict[str, tuple[Binding, str]]:
    """Each action that can have a key of one's own, and the class it belongs to.

    Takes a while: it imports every screen, to see what there is.
    """
    for module in ("chat_tui.ui.app", "chat_tui.ui.controller"):
        import_module(module)
    found: dict[str, tuple[Binding, str]] = {}
    for node in _own_classes(DOMNode):
        for binding in Binding.make_bindings(node.__dict__.get("BINDINGS", ())):
            if binding.id is None:
                continue
            before = found.get(binding.id)
            keys = binding.key if before is None else f"{before[0].key},{binding.key}"
            joined = ",".join(dict.fromkeys(keys.split(",")))
            found[binding.id] = (binding.with_key(joined), node.__name__)
    return dict(sorted(found.items()))


def _own_classes(node: type[DOMNode]) -> Iterator[type[DOMNode]]:
    for kind in node.__subclasses__():
        if kind.__module__.startswith("chat_tui."):
            yield kind
        yield from _own_classes(kind)


def usable_keys(configuration: Configuration) -> tuple[dict[str, str], list[ConfigProblem]]:
    """The keys of the file that can be used, as Textual writes them, and what is wrong with others.

    A key is refused where it could not be pressed, where it would take a letter away from what
    one writes, and where another action has it that works at the same time.
    """
    wanted = configuration.settings.keys
    if not wanted:
        return {}, []
    known, problems = bindings(), []
    taken = {name: set(binding.key.split(",")) for name, (binding, _) in known.items()}
    good: dict[str, str] = {}
    for name, text in wanted.items():
        path = configuration.key_path(name)
        if name not in known:
            near = get_close_matches(name, known, 1, 0.5)
            cure = f"Did you mean {near[0]}?" if near else "`chat-tui config` lists all actions"
            problems.append(configuration.problem_at(path, f"no action is called {name!r}", cure))
            continue
        keys = [_to_textual_key(key) for key in text.split(",")]
        if None in keys:
            wrong = text.split(",")[keys.index(None)].strip()
            cure = 'Write it like "ctrl+y", "f9" or "alt+up"'
            problems.append(configuration.problem_at(path, f"{wrong!r} is no key", cure))
            continue
        letters_anyway = any(len(key) == 1 for key in taken[name])
        letter = next((key for key in keys if key and len(key) == 1), None)
        if letter and not letters_anyway:
            words = f"{letter!r} alone could not be written any more"
            problems.append(configuration.problem_at(path, words, f'Write "ctrl+{letter}", say'))
            continue
        good[name] = ",".join(key for key in keys if key)
        taken[name] = set(good[name].split(","))
    for name in list(good):
        for other in taken:
            shared = taken[name] & taken[other]
            if other != name and shared and _can_conflict(known[name][1], known[other][1]):
                words = f"{min(shared)} is the key of {other} already"
                path = configuration.key_path(name)
                cure = f"Take another one, or give {other} another one, too"
                problems.append(configuration.problem_at(path, words, cure))
                taken[name] = set(known[name][0].key.split(","))
                del good[name]
                break
    return good, problems


def effective_keys(good: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Each action with its keys and what it does."""
    for name, (binding, _) in bindings().items():
        yield name, good.get(name, binding.key), binding.description


def _can_conflict(one: str, other: str) -> bool:
    return one == other or one in EVERYWHERE or other in EVERYWHERE


def _to_textual_key(text: str) -> str | None:
    """`Ctrl+K` as `ctrl+k`; None where it is no key."""
    *modifiers, key = text.strip().split("+")
    modifiers = [modifier.strip().lower() for modifier in modifiers]
    key = key.strip()
    if len(key) != 1 or modifiers:
        key = key.lower()
    if any(modifier not in _MODIFIERS for modifier in modifiers):
        return None
    if not (key in _NAMED or (len(key) == 1 and key.isprintable() and key != " ")):
        return None
    return "+".join([*modifiers, key])
