"""The client without a screen: `--plain`, `--send` and `--tail`, for pipes and screen readers."""

from typing import TYPE_CHECKING

from chat_tui.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from chat_tui.headless.exit_code import ExitCode
    from chat_tui.headless.job import HeadlessJob
    from chat_tui.headless.prompt import ask_trust, has_terminal

__all__ = [
    "ExitCode",
    "HeadlessJob",
    "ask_trust",
    "has_terminal",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "ExitCode": "chat_tui.headless.exit_code",
        "HeadlessJob": "chat_tui.headless.job",
        "ask_trust": "chat_tui.headless.prompt",
        "has_terminal": "chat_tui.headless.prompt",
    },
)
