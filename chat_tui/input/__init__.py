"""Rules on typed text: parsing, command checks, redaction, server capabilities. Pure."""

from typing import TYPE_CHECKING

from chat_tui.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from chat_tui.input.aliases import ALIASES, ActionName, ResolvedInput, resolve_input
    from chat_tui.input.capabilities import ServerCapabilities
    from chat_tui.input.command_guard import BlockedInput, check_input, nearest_command
    from chat_tui.input.graphemes import cluster_ceil, cluster_floor, snap_to_cluster
    from chat_tui.input.history_place import history_place, holds_no_text
    from chat_tui.input.known_commands import KNOWN_COMMANDS, ArgumentKind
    from chat_tui.input.parser import (
        CommandInput,
        Submission,
        action_command,
        legacy_problem,
        make_command,
        merge_into_draft,
        outgoing_to_composer_text,
        parse_outgoing,
        parse_submission,
        private_command,
        sending_problem,
        text_after,
        to_composer_text,
    )
    from chat_tui.input.password_rules import RULES, validate
    from chat_tui.input.redaction import PASSWD, holds_secret, redact
    from chat_tui.input.shell_commands import (
        PASSWORD_VARIABLE,
        LastAction,
        guessed_netcat_command,
        netcat_command,
        netcat_line,
    )
    from chat_tui.input.when import WHEN_FORMS, Until, is_when

__all__ = [
    "ALIASES",
    "KNOWN_COMMANDS",
    "PASSWD",
    "PASSWORD_VARIABLE",
    "RULES",
    "WHEN_FORMS",
    "ActionName",
    "ArgumentKind",
    "BlockedInput",
    "CommandInput",
    "LastAction",
    "ResolvedInput",
    "ServerCapabilities",
    "Submission",
    "Until",
    "action_command",
    "check_input",
    "cluster_ceil",
    "cluster_floor",
    "guessed_netcat_command",
    "history_place",
    "holds_no_text",
    "holds_secret",
    "is_when",
    "legacy_problem",
    "make_command",
    "merge_into_draft",
    "nearest_command",
    "netcat_command",
    "netcat_line",
    "outgoing_to_composer_text",
    "parse_outgoing",
    "parse_submission",
    "private_command",
    "redact",
    "resolve_input",
    "sending_problem",
    "snap_to_cluster",
    "text_after",
    "to_composer_text",
    "validate",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "ALIASES": "chat_tui.input.aliases",
        "ActionName": "chat_tui.input.aliases",
        "ArgumentKind": "chat_tui.input.known_commands",
        "BlockedInput": "chat_tui.input.command_guard",
        "CommandInput": "chat_tui.input.parser",
        "KNOWN_COMMANDS": "chat_tui.input.known_commands",
        "LastAction": "chat_tui.input.shell_commands",
        "PASSWD": "chat_tui.input.redaction",
        "PASSWORD_VARIABLE": "chat_tui.input.shell_commands",
        "RULES": "chat_tui.input.password_rules",
        "ResolvedInput": "chat_tui.input.aliases",
        "ServerCapabilities": "chat_tui.input.capabilities",
        "Submission": "chat_tui.input.parser",
        "Until": "chat_tui.input.when",
        "WHEN_FORMS": "chat_tui.input.when",
        "action_command": "chat_tui.input.parser",
        "check_input": "chat_tui.input.command_guard",
        "cluster_ceil": "chat_tui.input.graphemes",
        "cluster_floor": "chat_tui.input.graphemes",
        "guessed_netcat_command": "chat_tui.input.shell_commands",
        "history_place": "chat_tui.input.history_place",
        "holds_no_text": "chat_tui.input.history_place",
        "holds_secret": "chat_tui.input.redaction",
        "is_when": "chat_tui.input.when",
        "legacy_problem": "chat_tui.input.parser",
        "make_command": "chat_tui.input.parser",
        "merge_into_draft": "chat_tui.input.parser",
        "nearest_command": "chat_tui.input.command_guard",
        "netcat_command": "chat_tui.input.shell_commands",
        "netcat_line": "chat_tui.input.shell_commands",
        "outgoing_to_composer_text": "chat_tui.input.parser",
        "parse_outgoing": "chat_tui.input.parser",
        "parse_submission": "chat_tui.input.parser",
        "private_command": "chat_tui.input.parser",
        "redact": "chat_tui.input.redaction",
        "resolve_input": "chat_tui.input.aliases",
        "sending_problem": "chat_tui.input.parser",
        "snap_to_cluster": "chat_tui.input.graphemes",
        "text_after": "chat_tui.input.parser",
        "to_composer_text": "chat_tui.input.parser",
        "validate": "chat_tui.input.password_rules",
    },
)
