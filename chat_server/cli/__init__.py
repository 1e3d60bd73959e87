"""The command line of the server: options, subcommands and signals."""

from chat_server.cli.check import check
from chat_server.cli.config_file import config_option, config_path
from chat_server.cli.history import history
from chat_server.cli.host_limits import raise_file_limit
from chat_server.cli.options import build_config, server_options
from chat_server.cli.serve import serve
from chat_server.cli.users import users

__all__ = [
    "build_config",
    "check",
    "config_option",
    "config_path",
    "history",
    "raise_file_limit",
    "serve",
    "server_options",
    "users",
]
