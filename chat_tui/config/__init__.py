"""What a person set for themselves: the file, its profiles, its mistakes. Knows no screen."""

from chat_tui.config.loader import Configuration, configuration_path, load
from chat_tui.config.profile import PasswordError, Profile
from chat_tui.config.toml_lines import ConfigProblem

__all__ = [
    "ConfigProblem",
    "Configuration",
    "PasswordError",
    "Profile",
    "configuration_path",
    "load",
]
