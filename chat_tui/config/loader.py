"""Reading the file: each mistake becomes a `Problem`, and everything else is in force."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, TypeVar

from platformdirs import user_config_path

from chat_server.wire.protocol import canonical_name
from chat_tui.account import account, address, usual_port
from chat_tui.config.custom_theme import OwnTheme, read_theme
from chat_tui.config.profile import Profile
from chat_tui.config.settings import Settings
from chat_tui.config.toml_lines import KeyPath, Problem, UnreadableError, lines_of, parse

FILE: Final = "config.toml"

TABLES: Final = ("keys", "profiles", "themes")

_LARGEST: Final = 1 << 20
"""Bytes of a file that somebody wrote by hand; what is larger is something else."""

_SOURCES: Final = ("password_command", "password_env", "keyring")

_PROFILE_KEYS: Final = ("server", "user", "room", "plaintext", *_SOURCES)


_T = TypeVar("_T")


def configuration_path() -> Path:
    """Where the file is, if somebody has made one."""
    return user_config_path("lobby-chat", appauthor=False) / FILE


@dataclass(frozen=True, slots=True)
class Configuration:
    """What is in force, as far as the file can be understood, and what is wrong with the rest."""

    path: Path = field(default_factory=configuration_path)
    exists: bool = False
    settings: Settings = field(default_factory=Settings)
    profiles: tuple[Profile, ...] = ()
    """In the order of the file."""
    themes: tuple[OwnTheme, ...] = ()
    problems: tuple[Problem, ...] = ()
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    """The line on which the file says something; what is not here is a default."""

    def profile(self, name: str) -> Profile | None:
        """The profile of that name."""
        return next((profile for profile in self.profiles if profile.name == name), None)

    def profile_for(self, host: str, port: int, user: str, name: str = "") -> Profile | None:
        """The profile of that user at that server: of several the one of that name, else the
        first.
        """
        found = [profile for profile in self.profiles if profile.is_for(host, port, user)]
        named = (profile for profile in found if profile.name == name)
        return next(named, found[0] if found else None)

    def key_path(self, action: str) -> KeyPath:
        """Where the file says the key of an action: `"room.open" = …` or `room.open = …`."""
        whole = ("keys", action)
        return whole if whole in self.lines else ("keys", *action.split("."))

    def problem(self, path: KeyPath, words: str, cure: str) -> Problem:
        """A mistake that shows only later, when what the file names is looked for."""
        return Problem(self.path, self.lines.get(path), words, cure)


def load(path: Path | None = None) -> Configuration:
    """Read the file, or be content that there is none. Never raises for what is in it."""
    path = path or configuration_path()
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return Configuration(path)
    except OSError as error:
        cure = "See who may read it; until then the defaults are in force"
        return Configuration(
            path, problems=(Problem(path, None, f"not readable: {error.strerror}", cure),)
        )
    try:
        if len(data) > _LARGEST:
            raise UnreadableError(1, f"Larger than {_LARGEST >> 20} MiB")
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        tables = parse(text)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = Problem(path, line, "this is not UTF-8", "Save the file as UTF-8")
        return Configuration(path, True, problems=(problem,))
    except UnreadableError as error:
        cure = 'Text stands in quotes, as in theme = "lobby-light"; nothing of the file is in force'
        problem = Problem(path, error.line, f"this is no TOML: {error}", cure)
        return Configuration(path, True, problems=(problem,))
    return _Reading(path, tables, lines_of(text)).configuration()


class _Reading:
    """One file on its way from tables to a `Configuration`."""

    def __init__(
        self, path: Path, tables: Mapping[str, object], lines: Mapping[KeyPath, int]
    ) -> None:
        self._path = path
        self._tables = tables
        self._lines = lines
        self._problems: list[Problem] = []

    def configuration(self) -> Configuration:
        settings = self._settings()
        profiles = [
            profile
            for name, table in self._table("profiles").items()
            if (profile := self._profile(name, table)) is not None
        ]
        themes = [
            theme
            for name, table in self._table("themes").items()
            if (theme := read_theme(name, table, self._wrong)) is not None
        ]
        self._problems.sort(key=lambda problem: problem.line or 0)
        return Configuration(
            self._path,
            True,
            settings,
            tuple(profiles),
            tuple(themes),
            tuple(self._problems),
            self._lines,
        )

    def _wrong(self, path: KeyPath, words: str, cure: str) -> None:
        self._problems.append(Problem(self._path, self._lines.get(path), words, cure))

    def _unknown(self, path: KeyPath, known: Collection[str]) -> None:
        from difflib import get_close_matches

        near = get_close_matches(path[-1], known, 1, 0.6)
        cure = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known)}"
        self._wrong(path, f"{path[-1]!r} means nothing here", cure)

    def _table(self, name: str) -> Mapping[str, object]:
        table = self._tables.get(name, {})
        if isinstance(table, dict):
            return table
        self._wrong((name,), f"{name} is not a table", f"Write [{name}] on a line of its own")
        return {}

    # Settings

    def _settings(self) -> Settings:
        known = [setting.name for setting in fields(Settings) if setting.name != "keys"]
        found: dict[str, Any] = {}
        for name, value in self._tables.items():
            if name in TABLES:
                continue
            if name not in known:
                self._unknown((name,), (*known, *TABLES))
                continue
            accept, form = _FORMS[name]
            accepted = accept(value)
            if accepted is None:
                self._wrong((name,), f"{name} can't be {_shown(value)}", f"Write {name} = {form}")
            else:
                found[name] = accepted
        return Settings(**found, keys=self._keys())

    def _keys(self) -> dict[str, str]:
        keys = {}
        for action, value in _flat(self._table("keys")).items():
            pressed = _text(value)
            if pressed is None:
                path = ("keys", *action.split("."))
                cure = f'Write {action} = "ctrl+y", or several: "ctrl+y,f9"'
                self._wrong(path, f"{action} can't be {_shown(value)}", cure)
            else:
                keys[action] = pressed
        return keys

    # Profiles

    def _profile(self, name: str, table: object) -> Profile | None:
        """The profile, or None where it could not be used; what is only odd is left out."""
        path = ("profiles", name)
        if not isinstance(table, dict):
            self._wrong(path, f"{name} is no table", f"Write [profiles.{name}] above its lines")
            return None
        for key in table:
            if key == "password":
                words = "a password does not belong into a file; this line was not read"
                cure = f"Take it out, and write one of {', '.join(_SOURCES)}, or none to be asked"
                self._wrong((*path, key), words, cure)
            elif key not in _PROFILE_KEYS:
                self._unknown((*path, key), _PROFILE_KEYS)
        server = self._in_profile(path, table, "server", _address, '"chat.example.org"')
        user = self._in_profile(path, table, "user", _name, '"alice"')
        for key, got in (("server", server), ("user", user)):
            if got is None and key not in table:
                self._wrong(path, f"the profile {name} has no {key}", f"Write a line {key} = …")
        room = self._in_profile(path, table, "room", _name, '"dev"')
        env = self._in_profile(path, table, "password_env", _variable, '"CHAT_PASSWORD"')
        command = self._in_profile(path, table, "password_command", _command, '"pass show chat"')
        ring = self._in_profile(path, table, "keyring", _switch, "true")
        plaintext = bool(self._in_profile(path, table, "plaintext", _switch, "true"))
        sources = [key for key in _SOURCES if key in table and table[key] is not False]
        if len(sources) > 1:
            words = f"{' and '.join(sources)} both say where the password is"
            self._wrong((*path, sources[1]), words, "Keep one of them")
            return None
        if server is None or user is None:
            return None
        host, port = server
        port = usual_port(plaintext=plaintext) if port is None else port
        return Profile(name, host, port, user, room, env, command, bool(ring), plaintext)

    def _in_profile(
        self,
        path: KeyPath,
        table: Mapping[str, object],
        key: str,
        accept: Callable[[object], _T | None],
        example: str,
    ) -> _T | None:
        if key not in table:
            return None
        accepted = accept(table[key])
        if accepted is None:
            words = f"{key} can't be {_shown(table[key])}"
            self._wrong((*path, key), words, f"Write it like {key} = {example}")
        return accepted


def _flat(table: Mapping[str, object], above: str = "") -> dict[str, object]:
    """`{"room": {"open": x}}`, which is what TOML makes of `room.open = x`, as one name."""
    found: dict[str, object] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{above}{name}.")
        else:
            found[above + name] = value
    return found


def _shown(value: object) -> str:
    """A value as a person wrote it, cut short."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    return shown if len(shown) <= 40 else shown[:39] + "…"


def _switch(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _words(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        return None
    found = [_text(word) for word in value]
    return None if None in found else tuple(word for word in found if word)


def _folder(value: object) -> Path | None:
    text = _text(value)
    if text is None or "\0" in text:
        return None
    try:
        folder = Path(text).expanduser()
    except RuntimeError:  # nobody's home
        return None
    return folder if folder.is_absolute() else None


def _name(value: object) -> str | None:
    return canonical_name(value) if isinstance(value, str) else None


def _address(value: object) -> tuple[str, int | None] | None:
    if not isinstance(value, str):
        return None
    try:
        host, port = address(value)
    except ValueError:
        return None
    return account(host, port or 0, "", "").host, port


def _variable(value: object) -> str | None:
    text = _text(value)
    return None if text is None or "=" in text or "\0" in text else text


def _command(value: object) -> tuple[str, ...] | None:
    """A list as it is; a line is for the shell."""
    parts = _words(value if isinstance(value, list) else [value])
    if not parts or "\0" in "".join(parts):
        return None
    return parts if isinstance(value, list) else ("/bin/sh", "-c", *parts)


_FORMS: Final[Mapping[str, tuple[Callable[[object], object], str]]] = {
    "theme": (_text, '"lobby-light"'),
    "mouse": (_switch, "true or false, without quotes"),
    "mention_words": (_words, '["deploy", "red build"]'),
    "bell": (_switch, "true or false, without quotes"),
    "desktop_notification": (_switch, "true or false, without quotes"),
    "log_folder": (_folder, '"~/chat-logs", or another whole path'),
    "stand_ins": (_switch, "true or false, without quotes"),
}
"""How each setting is taken, and what is right where it can't be."""
