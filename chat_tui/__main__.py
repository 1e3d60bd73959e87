"""The program `chat-tui`: dispatch to the commands, and one line for every usage error."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from typing import Final

import click

from chat_server.standard_streams import drop_unwritten_output, report
from chat_tui.cli import client_command, use_patient_output

_OUTPUT_ERRORS: Final = {errno.EBADF, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC}
"""Errors of a write to standard output: it is closed, the disk is full or the terminal is gone."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `chat-tui`. Usage errors are printed in one line, without a traceback.

    Raises `SystemExit`. Called by the main thread.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    command: click.Command = client_command
    name = "chat-tui"
    if arguments[:1] == ["config"]:  # a server with this name is config:9001
        from chat_tui.cli import config_command

        command, name = config_command, "chat-tui config"
        del arguments[0]
    elif arguments[:1] == ["trust"]:  # likewise trust:9001
        from chat_tui.cli import trust_command

        command, name = trust_command, "chat-tui trust"
        del arguments[0]
    _open_closed_output()
    use_patient_output()
    try:
        status = command.main(args=arguments, prog_name=name, standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        message = " ".join(error.format_message().split())
        report(f"chat-tui: {message}")
        sys.exit(error.exit_code)
    except click.Abort:
        report("chat-tui: stopped")
        sys.exit(130)
    except RuntimeError:
        if os.path.expanduser("~") != "~":
            raise
        # Not even the user database names a folder: this user id has no entry there.
        report(
            "chat-tui: no home folder is known for this user id. Set HOME, or XDG_CONFIG_HOME and"
            " XDG_STATE_HOME, to a folder"
        )
        sys.exit(2)
    except BrokenPipeError:  # the reader of the output has ended, such as `head`
        sys.exit(1)
    except OSError as error:
        if error.errno not in _OUTPUT_ERRORS or error.filename is not None:
            raise
        report(f"chat-tui: can't write to standard output: {error.strerror}")
        sys.exit(1)
    finally:
        drop_unwritten_output()
    sys.exit(status if isinstance(status, int) else 0)


def _open_closed_output() -> None:
    """Replace a standard stream that was closed at the start, so that every command may flush."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115


if __name__ == "__main__":
    main()
