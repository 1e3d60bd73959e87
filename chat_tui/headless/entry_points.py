"""Start and end of the headless modes: standard streams, signals and the exit code."""

from __future__ import annotations

import io
import os
import select
import signal
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

from chat_tui.account import Account
from chat_tui.headless.exit_code import ExitCode
from chat_tui.headless.interactive import InteractiveJob
from chat_tui.headless.line_io import LineReader, LineSource
from chat_tui.headless.runner import HeadlessRunner
from chat_tui.headless.send import SendJob
from chat_tui.headless.tail import TailJob, TailOptions
from chat_tui.storage import KnownServers, LogFiles

_STDIN, _STDOUT = 0, 1


def run_interactive(
    account: Account,
    known_servers: KnownServers,
    room: str | None,
    follow_everyone: bool,
    log_folder: Path | None,
    on_signed_in: Callable[[], None],
    password_source: str = "",
) -> int:
    """Run `--plain`: send the lines of standard input and print the chat. Return the exit code.

    `on_signed_in` is called when the session reports `SignedIn`. `log_folder`: the folder of the
    chat logs. `password_source`: where the password came from, as text for the user.
    """

    def start_job(runner: HeadlessRunner) -> ExitCode:
        log_files = LogFiles(runner.model, log_folder)

        def run(source: LineSource) -> ExitCode:
            job = InteractiveJob(runner, account, source, log_files, on_signed_in, password_source)
            return job.run(room, follow_everyone=follow_everyone)

        if not _can_edit_lines():
            return run(LineReader(_STDIN))
        from chat_tui.headless.line_editor import LineEditor

        editor = LineEditor()
        with editor.output_above():
            try:
                return run(editor)
            finally:
                editor.close()

    return _run_job(known_servers, start_job)


def run_send(account: Account, known_servers: KnownServers, room: str, text: str | None) -> int:
    """Run `--send`: send `text`, or the lines of standard input, to `room`."""
    lines = LineReader(_STDIN) if text is None else LineReader.from_text(text)
    return _run_job(known_servers, lambda runner: SendJob(runner, account, room, lines).run())


def run_tail(account: Account, known_servers: KnownServers, room: str, options: TailOptions) -> int:
    """Run `--tail`: print the messages in `room`, as the options say."""
    return _run_job(known_servers, lambda runner: TailJob(runner, account, room, options).run())


def _run_job(known_servers: KnownServers, start_job: Callable[[HeadlessRunner], ExitCode]) -> int:
    """Run a job until it ends, for whatever reason, and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # in any locale, no text may end the job
            stream.reconfigure(errors="backslashreplace", line_buffering=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _exit_on_signal)
    _open_closed_streams()
    runner = HeadlessRunner(_write_line, _write_log, known_servers, _output_closed)
    try:
        return start_job(runner)
    except BrokenPipeError:  # the reader of the output has ended, such as `head`
        _discard_output()
        return ExitCode.DONE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    finally:
        runner.close()


def _can_edit_lines() -> bool:
    """Return whether a user types at a terminal whose cursor can be moved."""
    is_terminal = os.isatty(_STDIN) and os.isatty(_STDOUT)
    return is_terminal and os.environ.get("TERM", "dumb") not in ("", "dumb")


def _exit_on_signal(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _write_line(line: str) -> None:
    try:
        print(line)
    except BrokenPipeError:
        raise
    except OSError as error:  # for example, a full disk
        _discard_output()
        _write_log(f"standard output can't be written: {error.strerror}")
        sys.exit(ExitCode.UNCONFIRMED)


def _write_log(line: str) -> None:
    with suppress(OSError):
        print(f"chat-tui: {line}", file=sys.stderr)


def _discard_output() -> None:
    """Redirect standard output to /dev/null: the final flush at exit would fail again."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)


def _open_closed_streams() -> None:
    """Open closed standard streams on /dev/null, so that no other file gets their descriptors."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free descriptor


def _output_closed() -> bool:
    """Return whether standard output is a pipe whose reader is gone. Writes nothing."""
    if not stat.S_ISFIFO(os.fstat(_STDOUT).st_mode):
        return False
    poll = select.poll()
    poll.register(_STDOUT, 0)
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))
