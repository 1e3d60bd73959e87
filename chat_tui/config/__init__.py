"""The settings file: its settings, profiles, themes and problems. Independent of the screens."""

from chat_tui.config.custom_theme import BASES
from chat_tui.config.example import EXAMPLE
from chat_tui.config.loader import Configuration, configuration_path, load
from chat_tui.config.profile import PasswordError, Profile
from chat_tui.config.settings import Settings
from chat_tui.config.target import DEFAULT_HOST, SignInTarget, sign_in_target
from chat_tui.config.toml_lines import ConfigProblem

__all__ = [
    "BASES",
    "DEFAULT_HOST",
    "EXAMPLE",
    "ConfigProblem",
    "Configuration",
    "PasswordError",
    "Profile",
    "Settings",
    "SignInTarget",
    "configuration_path",
    "load",
    "sign_in_target",
]
