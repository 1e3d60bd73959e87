"""The command line of the client: `chat-tui`, `chat-tui config` and `chat-tui trust`."""

from typing import TYPE_CHECKING

from chat_tui.cli.main import client_command
from chat_tui.cli.patient_output import use_patient_output
from chat_tui.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from chat_tui.cli.config import config_command
    from chat_tui.cli.trust import trust_command

__all__ = ["client_command", "config_command", "trust_command", "use_patient_output"]

__getattr__ = lazy_exports(
    __name__,
    {
        "config_command": "chat_tui.cli.config",
        "trust_command": "chat_tui.cli.trust",
    },
)
