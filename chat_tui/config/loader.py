"""Loading of the settings file. Each mistake becomes a `ConfigProblem`, all the rest applies."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, TypeVar

from platformdirs import user_config_path

from chat_server.wire import canonical_name
from chat_tui.account import default_port, make_account, parse_address
from chat_tui.config.custom_theme import CustomTheme, read_theme
from chat_tui.config.profile import Profile
from chat_tui.config.settings import Settings
from chat_tui.config.toml_lines import ConfigProblem, KeyPath, UnreadableError, line_numbers, parse
from chat_tui.sanitize import safe_text
from chat_tui.storage import open_regular

_FILE: Final = "config.toml"

_TABLES: Final = ("keys", "profiles", "themes")

_MAX_BYTES: Final = 1 << 20
"""Largest file that is read. A settings file is written by hand and never this large."""

_SOURCES: Final = ("password_command", "password_env", "keyring")

_PROFILE_KEYS: Final = ("server", "servers", "user", "room", "plaintext", *_SOURCES)

_T = TypeVar("_T")


def configuration_path() -> Path:
    """Return the path of the settings file. The file may not exist."""
    return user_config_path("lobby-chat", appauthor=False) / _FILE


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings, profiles and themes in force, and the problems of the file."""

    path: Path = field(default_factory=configuration_path)
    exists: bool = False
    """True if the file exists."""
    settings: Settings = field(default_factory=Settings)
    profiles: tuple[Profile, ...] = ()
    """The valid profiles, in the order of the file."""
    themes: tuple[CustomTheme, ...] = ()
    problems: tuple[ConfigProblem, ...] = ()
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    """The line of each value that the file sets. All other values are defaults."""

    def profile(self, name: str) -> Profile | None:
        """Return the profile of that name, or None."""
        return next((profile for profile in self.profiles if profile.name == name), None)

    def missing_profile(self, name: str) -> str:
        """Return the error for a name that no profile has: the names to use, or how to add one."""
        advice = "To see how to add one: chat-tui config --example"
        if self.profiles:
            advice = f"Its profiles: {', '.join(profile.name for profile in self.profiles)}"
        return f"{self.path} has no profile {safe_text(name)!r}. {advice}"

    def profile_for(self, host: str, port: int, user: str, name: str = "") -> Profile | None:
        """Return the profile of that user at that server, or None.

        If several match, prefer the one called `name`, or else the first.
        """
        found = [profile for profile in self.profiles if profile.matches(host, port, user)]
        preferred = (profile for profile in found if profile.name == name)
        return next(preferred, found[0] if found else None)

    def key_path(self, action: str) -> KeyPath:
        """Return the path of an action's key in the file.

        The file may say `"room.open" = …` or `room.open = …`.
        """
        quoted = ("keys", action)
        return quoted if quoted in self.lines else ("keys", *action.split("."))

    def problem_at(self, path: KeyPath, message: str, hint: str) -> ConfigProblem:
        """Return a problem of the value at `path` that was found only after loading."""
        return ConfigProblem(self.path, self.lines.get(path), message, hint)


def load(path: Path | None = None) -> Configuration:
    """Read the settings file. Return the defaults if it does not exist.

    Never raises for the content of the file: see `Configuration.problems`.
    """
    path = path or configuration_path()
    try:
        with open(open_regular(path, os.O_RDONLY), "rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return Configuration(path)
    except OSError as error:
        hint = "Check its permissions. Until then, the defaults are in force"
        problem = ConfigProblem(path, None, f"can't be read: {error.strerror}", hint)
        return Configuration(path, problems=(problem,))
    try:
        if len(data) > _MAX_BYTES:
            raise UnreadableError(1, f"Larger than {_MAX_BYTES >> 20} MiB")
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        tables = parse(text)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = ConfigProblem(path, line, "the file is not UTF-8", "Save the file as UTF-8")
        return Configuration(path, True, problems=(problem,))
    except UnreadableError as error:
        hint = 'Put text in quotes, as in theme = "lobby-light". Nothing in the file is in force'
        problem = ConfigProblem(path, error.line, f"not valid TOML: {error}", hint)
        return Configuration(path, True, problems=(problem,))
    return _ConfigLoader(path, tables, line_numbers(text)).configuration()


class _ConfigLoader:
    """Conversion of the parsed tables of one file to a `Configuration`."""

    def __init__(
        self, path: Path, tables: Mapping[str, object], lines: Mapping[KeyPath, int]
    ) -> None:
        self._path = path
        self._tables = tables
        self._lines = lines
        self._problems: list[ConfigProblem] = []

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
            if (theme := read_theme(name, table, self._report)) is not None
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

    def _report(self, path: KeyPath, message: str, hint: str) -> None:
        self._problems.append(ConfigProblem(self._path, self._lines.get(path), message, hint))

    def _report_unknown(self, path: KeyPath, known: Collection[str]) -> None:
        from difflib import get_close_matches

        near = get_close_matches(path[-1], known, 1, 0.6)
        hint = f"Did you mean {near[0]}?" if near else f"Use one of: {', '.join(known)}"
        self._report(path, f"{path[-1]!r} is not a known setting", hint)

    def _table(self, name: str) -> Mapping[str, object]:
        table = self._tables.get(name, {})
        if isinstance(table, dict):
            return table
        self._report((name,), f"{name} is not a table", f"Write [{name}] on a line of its own")
        return {}

    # Settings

    def _settings(self) -> Settings:
        known = [setting.name for setting in fields(Settings) if setting.name != "keys"]
        found: dict[str, Any] = {}
        for name, value in self._tables.items():
            if name in _TABLES:
                continue
            if name not in known:
                self._report_unknown((name,), (*known, *_TABLES))
                continue
            convert, example = _CONVERTERS[name]
            converted = convert(value)
            if converted is None:
                self._report(
                    (name,), f"{name} can't be {_format_value(value)}", f"Write {name} = {example}"
                )
            else:
                found[name] = converted
        return Settings(**found, keys=self._keys())

    def _keys(self) -> dict[str, str]:
        keys = {}
        for action, value in _flatten(self._table("keys")).items():
            text = _to_text(value)
            if text is None:
                path = ("keys", *action.split("."))
                hint = f'Write {action} = "ctrl+y", or several keys: "ctrl+y,f9"'
                self._report(path, f"{action} can't be {_format_value(value)}", hint)
            else:
                keys[action] = text
        return keys

    # Profiles

    def _profile(self, name: str, table: object) -> Profile | None:
        """Return the profile, or None if it is not usable. Invalid optional keys are ignored."""
        path = ("profiles", name)
        if not isinstance(table, dict):
            self._report(path, f"{name} is not a table", f"Write [profiles.{name}] above its lines")
            return None
        for key in table:
            if key == "password":
                message = "a password must not be in this file; the line was ignored"
                hint = f"Remove it and set one of {', '.join(_SOURCES)}, or none to type it"
                self._report((*path, key), message, hint)
            elif key not in _PROFILE_KEYS:
                self._report_unknown((*path, key), _PROFILE_KEYS)
        if "server" in table and "servers" in table:
            message = "server and servers can't be used together"
            self._report((*path, "servers"), message, "Keep one of them: servers may list one")
            return None
        example = '["chat1.example.org:9001", "chat2.example.org"]'
        servers = self._profile_value(path, table, "servers", _to_addresses, example)
        server = self._profile_value(path, table, "server", _to_address, '"chat.example.org"')
        user = self._profile_value(path, table, "user", _to_name, '"alice"')
        for key, value in (("server", server), ("user", user)):
            if value is None and key not in table and not (key == "server" and "servers" in table):
                self._report(path, f"the profile {name} has no {key}", f"Add a line {key} = …")
        room = self._profile_value(path, table, "room", _to_name, '"dev"')
        env = self._profile_value(path, table, "password_env", _to_variable_name, '"CHAT_PASSWORD"')
        command = self._profile_value(
            path, table, "password_command", _to_command, '"pass show chat"'
        )
        ring = self._profile_value(path, table, "keyring", _to_bool, "true")
        plaintext = bool(self._profile_value(path, table, "plaintext", _to_bool, "true"))
        sources = [key for key in _SOURCES if key in table and table[key] is not False]
        if len(sources) > 1:
            message = f"{' and '.join(sources)} can't be used together"
            self._report((*path, sources[1]), message, "Keep one of them")
            return None
        servers = servers or (() if server is None else (server,))
        if not servers or user is None:
            return None
        usual = default_port(plaintext=plaintext)
        first, *others = [(host, usual if port is None else port) for host, port in servers]
        if len({(host.casefold(), port) for host, port in (first, *others)}) <= len(others):
            self._report((*path, "servers"), "servers lists a server twice", "Remove one of them")
            return None
        return Profile(name, *first, user, room, env, command, bool(ring), plaintext, tuple(others))

    def _profile_value(
        self,
        path: KeyPath,
        table: Mapping[str, object],
        key: str,
        convert: Callable[[object], _T | None],
        example: str,
    ) -> _T | None:
        """Return the converted value, or None if it is missing or invalid (which is reported)."""
        if key not in table:
            return None
        converted = convert(table[key])
        if converted is None:
            message = f"{key} can't be {_format_value(table[key])}"
            self._report((*path, key), message, f"Write it as {key} = {example}")
        return converted


def _flatten(table: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Return nested tables with dotted names: TOML reads `room.open = x` as nested tables."""
    found: dict[str, object] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            found |= _flatten(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def _format_value(value: object) -> str:
    """Return a value as it is written in the file, in at most 40 characters."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    return shown if len(shown) <= 40 else shown[:39] + "…"


def _to_bool(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _to_width(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 12 <= value <= 40 else None


def _to_text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _to_strings(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        return None
    found = [_to_text(item) for item in value]
    return None if None in found else tuple(item for item in found if item)


def _to_folder(value: object) -> Path | None:
    text = _to_text(value)
    if text is None or "\0" in text:
        return None
    try:
        folder = Path(text).expanduser()
    except RuntimeError:  # there is no such user, or the home folder is unknown
        return None
    return folder if folder.is_absolute() else None


def _to_name(value: object) -> str | None:
    return canonical_name(value) if isinstance(value, str) else None


def _to_address(value: object) -> tuple[str, int | None] | None:
    if not isinstance(value, str):
        return None
    try:
        host, port = parse_address(value)
    except ValueError:
        return None
    return make_account(host, port or 0, "", "").host, port


def _to_addresses(value: object) -> tuple[tuple[str, int | None], ...] | None:
    found = [_to_address(item) for item in value] if isinstance(value, list) else []
    return None if None in found else tuple(filter(None, found)) or None


def _to_variable_name(value: object) -> str | None:
    text = _to_text(value)
    return None if text is None or "=" in text or "\0" in text else text


def _to_command(value: object) -> tuple[str, ...] | None:
    """Return a list as it is, and a string as a command line for the shell."""
    parts = _to_strings(value if isinstance(value, list) else [value])
    if not parts or "\0" in "".join(parts):
        return None
    return parts if isinstance(value, list) else ("/bin/sh", "-c", *parts)


_CONVERTERS: Final[Mapping[str, tuple[Callable[[object], object], str]]] = {
    "theme": (_to_text, '"lobby-light"'),
    "mouse": (_to_bool, "true or false, without quotes"),
    "mention_words": (_to_strings, '["deploy", "red build"]'),
    "bell": (_to_bool, "true or false, without quotes"),
    "desktop_notification": (_to_bool, "true or false, without quotes"),
    "log_folder": (_to_folder, '"~/chat-logs", or another absolute path'),
    "comings_and_goings": (_to_bool, "true or false, without quotes"),
    "rooms_width": (_to_width, "a number from 12 to 40, without quotes"),
    "people_width": (_to_width, "a number from 12 to 40, without quotes"),
    "stand_ins": (_to_bool, "true or false, without quotes"),
}
"""Setting -> converter (returns None for an invalid value) and an example of a valid value."""
