"""The command line of the client."""

from chat_tui.cli.config import config
from chat_tui.cli.trust import trust

__all__ = [
    "config",
    "trust",
]
