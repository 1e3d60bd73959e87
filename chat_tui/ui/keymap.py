"""The configurable keys: the actions that have a key, and the keys that they can have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Final

from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import Keys, _character_to_key

from chat_tui.config import ConfigProblem, Configuration

_MODIFIERS: Final = ("ctrl", "alt", "shift", "super", "meta")

_NAMED: Final = frozenset(key.value.rpartition("+")[2] for key in Keys if "<" not in key.value)

_SAME_AS: Final = {
    "ctrl+m": "Enter",
    "ctrl+i": "Tab",
    "ctrl+h": "Backspace",
    "ctrl+left_square_bracket": "Esc",
}
"""Keys that most terminals send as another key, which has its own action."""

EVERYWHERE: Final = ("ChatApp", "ChatScreen")
"""The classes whose keys work in every pane of the chat."""


def bindings() -> dict[str, tuple[Binding, str]]:
    """Return each configurable action with its default binding and the class that has it.

    Slow: it imports every screen.
    """
    for module in ("chat_tui.ui.app", "chat_tui.ui.controller"):
        import_module(module)
    found: dict[str, tuple[Binding, str]] = {}
    for node in _client_classes(DOMNode):
        for binding in Binding.make_bindings(node.__dict__.get("BINDINGS", ())):
            if binding.id is None:
                continue
            before = found.get(binding.id)
            keys = binding.key if before is None else f"{before[0].key},{binding.key}"
            joined = ",".join(dict.fromkeys(keys.split(",")))
            found[binding.id] = (binding.with_key(joined), node.__name__)
    return dict(sorted(found.items()))


def _client_classes(node: type[DOMNode]) -> Iterator[type[DOMNode]]:
    for kind in node.__subclasses__():
        if kind.__module__.startswith("chat_tui."):
            yield kind
        yield from _client_classes(kind)


def usable_keys(configuration: Configuration) -> tuple[dict[str, str], list[ConfigProblem]]:
    """Return the usable keys of the configuration, as Textual writes them, and the problems.

    A key is a problem if no terminal sends it, if it is a letter that the user could not type any
    more, or if an action that is active at the same time has it already.
    """
    wanted = configuration.settings.keys
    if not wanted:
        return {}, []
    known, problems = bindings(), []
    taken = {name: set(binding.key.split(",")) for name, (binding, _) in known.items()}
    usable: dict[str, str] = {}
    for name, text in wanted.items():
        path = configuration.key_path(name)
        if name not in known:
            near = get_close_matches(name, known, 1, 0.5)
            hint = f"Did you mean {near[0]}?" if near else "`chat-tui config` lists all actions"
            problems.append(configuration.problem_at(path, f"no action is called {name!r}", hint))
            continue
        keys = [_to_textual_key(key) for key in text.split(",")]
        if None in keys:
            wrong = text.split(",")[keys.index(None)].strip()
            hint = 'Write it like "ctrl+y", "f9" or "alt+up"'
            problems.append(configuration.problem_at(path, f"{wrong!r} is not a key", hint))
            continue
        same = next((key for key in keys if key and _plain(key) in _SAME_AS), None)
        if same is not None:
            written = text.split(",")[keys.index(same)].strip()
            problem = f"{written!r} is {_SAME_AS[_plain(same)]}: a terminal sends the same for both"
            hint = 'Choose another key, like "ctrl+y", "f9" or "alt+up"'
            problems.append(configuration.problem_at(path, problem, hint))
            continue
        takes_letters = any(len(key) == 1 for key in taken[name])
        letter = next((key for key in keys if key and len(key) == 1), None)
        if letter and not takes_letters:
            problem = f"{letter!r} alone could not be typed any more"
            hint = f'Write, for example, "ctrl+{letter}"'
            problems.append(configuration.problem_at(path, problem, hint))
            continue
        usable[name] = ",".join(key for key in keys if key)
        taken[name] = set(usable[name].split(","))
    for name in list(usable):
        for other in taken:
            shared = taken[name] & taken[other]
            if other != name and shared and _can_conflict(known[name][1], known[other][1]):
                problem = f"{min(shared)} is the key of {other} already"
                path = configuration.key_path(name)
                hint = f"Choose another key, or give {other} another one too"
                problems.append(configuration.problem_at(path, problem, hint))
                taken[name] = set(known[name][0].key.split(","))
                del usable[name]
                break
    return usable, problems


def effective_keys(usable: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield each action with its keys and its description. `usable`: the configured keys."""
    for name, (binding, _) in bindings().items():
        yield name, usable.get(name, binding.key), binding.description


def _can_conflict(first: str, second: str) -> bool:
    return first == second or first in EVERYWHERE or second in EVERYWHERE


def _plain(key: str) -> str:
    return key.removeprefix("alt+")


def _to_textual_key(text: str) -> str | None:
    """Return `Ctrl+K` as `ctrl+k`, or None if `text` is not a key."""
    *modifiers, key = text.strip().split("+")
    modifiers = [modifier.strip().lower() for modifier in modifiers]
    key = key.strip()
    if len(key) != 1 or modifiers:
        key = key.lower()
    if any(modifier not in _MODIFIERS for modifier in modifiers):
        return None
    modifiers = sorted(set(modifiers))  # as Textual writes them: alt+ctrl+x
    if modifiers and len(key) == 1 and not key.isalnum():
        key = _character_to_key(key)  # ctrl+slash
        return "+".join([*modifiers, key])
    if not (key in _NAMED or (len(key) == 1 and key.isprintable() and key != " ")):
        return None
    return "+".join([*modifiers, key])
