"""Reading the file: each mistake becomes a `ConfigProblem`, and everything else is in force."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, TypeVar

from platformdirs import user_config_path

from chat_server.wire import canonical_name
from chat_tui.account import account, address, default_port
from chat_tui.config.custom_theme import CustomTheme, read_theme
from chat_tui.config.profile import Profile
from chat_tui.config.settings import Settings
from chat_tui.config.toml_lines import ConfigProblem, KeyPath, UnreadableError, line_numbers, parse

FILE: Final = "config.toml"

TABLES: Final = ("keys", "profiles", "themes")

_MAX_BYTES: Final = 1 << 20
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
    themes: tuple[CustomTheme, ...] = ()
    problems: tuple[ConfigProblem, ...] = ()
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    """The line on which the file says something; what is not here is a default."""

    def profile(self, name: str) -> Profile | None:
        """The profile of that name."""
        return next((profile for profile in self.profiles if profile.name == name), None)

    def profile_for(self, host: str, port: int, user: str, name: str = "") -> Profile | None:
        """The profile of that user at that server: of several the one of that name, else the
        first.
        """
        found = [profile for profile in self.profiles if profile.matches(host, port, user)]
        named = (profile for profile in found if profile.name == name)
        return next(named, found[0] if found else None)

    def key_path(self, action: str) -> KeyPath:
        """Where the file says the key of an action: `"room.open" = …` or `room.open = …`."""
        whole = ("keys", action)
        return whole if whole in self.lines else ("keys", *action.split("."))

    def problem_at(self, path: KeyPath, message: str, hint: str) -> ConfigProblem:
        """A mistake that shows only later, when what the file names is looked for."""
        return ConfigProblem(self.path, self.lines.get(path), message, hint)


def load(path: Path | None = None) -> Configuration:
    """Read the file, or be content that there is none. Never raises for what is in it."""
    path = path or configuration_path()
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return Configuration(path)
    except OSError as error:
        cure = "See who may read it; until then the defaults are in force"
        return Configuration(
            path, problems=(ConfigProblem(path, None, f"not readable: {error.strerror}", cure),)
        )
    try:
        if len(data) > _MAX_BYTES:
            raise UnreadableError(1, f"Larger than {_MAX_BYTES >> 20} MiB")
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        tables = parse(text)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = ConfigProblem(path, line, "this is not UTF-8", "Save the file as UTF-8")
        return Configuration(path, True, problems=(problem,))
    except UnreadableError as error:
        cure = 'Text stands in quotes, as in theme = "lobby-light"; nothing of the file is in force'
        problem = ConfigProblem(path, error.line, f"this is no TOML: {error}", cure)
        return Configuration(path, True, problems=(problem,))
    return _ConfigLoader(path, tables, line_numbers(text)).configuration()


class _ConfigLoader:
    """One file on its way from tables to a `Configuration`."""

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
        cure = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known)}"
        self._report(path, f"{path[-1]!r} means nothing here", cure)

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
            if name in TABLES:
                continue
            if name not in known:
                self._report_unknown((name,), (*known, *TABLES))
                continue
            accept, form = _CONVERTERS[name]
            accepted = accept(value)
            if accepted is None:
                self._report(
                    (name,), f"{name} can't be {_format_value(value)}", f"Write {name} = {form}"
                )
            else:
                found[name] = accepted
        return Settings(**found, keys=self._keys())

    def _keys(self) -> dict[str, str]:
        keys = {}
        for action, value in _flatten(self._table("keys")).items():
            pressed = _to_text(value)
            if pressed is None:
                path = ("keys", *action.split("."))
                cure = f'Write {action} = "ctrl+y", or several: "ctrl+y,f9"'
                self._report(path, f"{action} can't be {_format_value(value)}", cure)
            else:
                keys[action] = pressed
        return keys

    # Profiles

    def _profile(self, name: str, table: object) -> Profile | None:
        """The profile, or None where it could not be used; what is only odd is left out."""
        path = ("profiles", name)
        if not isinstance(table, dict):
            self._report(path, f"{name} is no table", f"Write [profiles.{name}] above its lines")
            return None
        for key in table:
            if key == "password":
                words = "a password does not belong into a file; this line was not read"
                cure = f"Take it out, and write one of {', '.join(_SOURCES)}, or none to be asked"
                self._report((*path, key), words, cure)
            elif key not in _PROFILE_KEYS:
                self._report_unknown((*path, key), _PROFILE_KEYS)
        server = self._profile_value(path, table, "server", _to_address, '"chat.example.org"')
        user = self._profile_value(path, table, "user", _to_name, '"alice"')
        for key, got in (("server", server), ("user", user)):
            if got is None and key not in table:
                self._report(path, f"the profile {name} has no {key}", f"Write a line {key} = …")
        room = self._profile_value(path, table, "room", _to_name, '"dev"')
        env = self._profile_value(path, table, "password_env", _to_variable_name, '"CHAT_PASSWORD"')
        command = self._profile_value(
            path, table, "password_command", _to_command, '"pass show chat"'
        )
        ring = self._profile_value(path, table, "keyring", _to_bool, "true")
        plaintext = bool(self._profile_value(path, table, "plaintext", _to_bool, "true"))
        sources = [key for key in _SOURCES if key in table and table[key] is not False]
        if len(sources) > 1:
            words = f"{' and '.join(sources)} both say where the password is"
            self._report((*path, sources[1]), words, "Keep one of them")
            return None
        if server is None or user is None:
            return None
        host, port = server
        port = default_port(plaintext=plaintext) if port is None else port
        return Profile(name, host, port, user, room, env, command, bool(ring), plaintext)

    def _profile_value(
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
            words = f"{key} can't be {_format_value(table[key])}"
            self._report((*path, key), words, f"Write it like {key} = {example}")
        return accepted


def _flatten(table: Mapping[str, object], above: str = "") -> dict[str, object]:
    """`{"room": {"open": x}}`, which is what TOML makes of `room.open = x`, as one name."""
    found: dict[str, object] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            found |= _flatten(value, f"{above}{name}.")
        else:
            found[above + name] = value
    return found


def _format_value(value: object) -> str:
    """A value as a person wrote it, cut short."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    return shown if len(shown) <= 40 else shown[:39] + "…"


def _to_bool(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _to_text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _to_words(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        return None
    found = [_to_text(word) for word in value]
    return None if None in found else tuple(word for word in found if word)


def _to_folder(value: object) -> Path | None:
    text = _to_text(value)
    if text is None or "\0" in text:
        return None
    try:
        folder = Path(text).expanduser()
    except RuntimeError:  # nobody's home
        return None
    return folder if folder.is_absolute() else None


def _to_name(value: object) -> str | None:
    return canonical_name(value) if isinstance(value, str) else None


def _to_address(value: object) -> tuple[str, int | None] | None:
    if not isinstance(value, str):
        return None
    try:
        host, port = address(value)
    except ValueError:
        return None
    return account(host, port or 0, "", "").host, port


def _to_variable_name(value: object) -> str | None:
    text = _to_text(value)
    return None if text is None or "=" in text or "\0" in text else text


def _to_command(value: object) -> tuple[str, ...] | None:
    """A list as it is; a line is for the shell."""
    parts = _to_words(value if isinstance(value, list) else [value])
    if not parts or "\0" in "".join(parts):
        return None
    return parts if isinstance(value, list) else ("/bin/sh", "-c", *parts)


_CONVERTERS: Final[Mapping[str, tuple[Callable[[object], object], str]]] = {
    "theme": (_to_text, '"lobby-light"'),
    "mouse": (_to_bool, "true or false, without quotes"),
    "mention_words": (_to_words, '["deploy", "red build"]'),
    "bell": (_to_bool, "true or false, without quotes"),
    "desktop_notification": (_to_bool, "true or false, without quotes"),
    "log_folder": (_to_folder, '"~/chat-logs", or another whole path'),
    "stand_ins": (_to_bool, "true or false, without quotes"),
}
"""How each setting is taken, and what is right where it can't be."""
