"""How the client without a screen begins and ends: its streams, signals and exit code."""

from __future__ import annotations

import io
import os
import select
import signal
import stat
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from types import FrameType

from chat_tui.account import Account
from chat_tui.headless.exit_code import ExitCode
from chat_tui.headless.interactive import InteractiveJob
from chat_tui.headless.line_io import LineReader
from chat_tui.headless.runner import HeadlessRunner
from chat_tui.headless.send import SendJob
from chat_tui.headless.tail import TailJob
from chat_tui.storage import KnownServers, LogFiles

_STDIN, _STDOUT = 0, 1


def run_interactive(
    account: Account,
    known: KnownServers,
    room: str | None,
    follow_everyone: bool,
    logs: Path | None,
    signed_in: Callable[[], None],
    password_from: str = "",
) -> int:
    """`--plain`: lines from the standard input go out, what is said comes in.

    `known`: the servers whose keys are trusted. `signed_in` is called once the server has taken
    the person in; `logs`: where to write to; `password_from`: where the password was found, in
    words.
    """

    def start_job(seat: HeadlessRunner) -> ExitCode:
        typed, files = LineReader(_STDIN), LogFiles(seat.model, logs)
        talk = InteractiveJob(seat, account, typed, files, signed_in, password_from)
        return talk.run(room, follow_everyone=follow_everyone)

    return _run_job(known, start_job)


def run_send(account: Account, known: KnownServers, room: str, text: str | None) -> int:
    """`--run_send`: `text`, or what comes on the standard input, is said in `room`."""
    lines = LineReader(_STDIN) if text is None else LineReader.from_text(text)
    return _run_job(known, lambda seat: SendJob(seat, account, room, lines).run())


def run_tail(account: Account, known: KnownServers, room: str, authors: Collection[str]) -> int:
    """`--run_tail`: what is said in `room`, by `authors` or, where there are none, by anyone."""
    return _run_job(known, lambda seat: TailJob(seat, account, room, authors).run())


def _run_job(known: KnownServers, start_job: Callable[[HeadlessRunner], ExitCode]) -> int:
    """Run an errand to its end, whatever ends it, and give what the shell is to learn."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # whatever the locale: no text may end a talk
            stream.reconfigure(errors="backslashreplace", line_buffering=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _exit_on_signal)
    _open_closed_streams()
    runner = HeadlessRunner(_write_line, _write_log, known, _output_closed)
    try:
        return start_job(runner)
    except BrokenPipeError:  # who reads has had enough, as `head` has
        _discard_output()
        return ExitCode.DONE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    finally:
        runner.close()


def _exit_on_signal(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _write_line(line: str) -> None:
    try:
        print(line)
    except BrokenPipeError:
        raise
    except OSError as problem:  # a full disk
        _discard_output()
        _write_log(f"nothing can be written any more: {problem.strerror}")
        sys.exit(ExitCode.UNCONFIRMED)


def _write_log(line: str) -> None:
    with suppress(OSError):
        print(f"chat-tui: {line}", file=sys.stderr)


def _discard_output() -> None:
    """What is still to be written goes nowhere: at the end of the process it would fail again."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)


def _open_closed_streams() -> None:
    """No stream of ours is ever something else, which got its number because that was free."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free


def _output_closed() -> bool:
    """Whether the standard output is a pipe whose other end is gone: known without writing."""
    if not stat.S_ISFIFO(os.fstat(_STDOUT).st_mode):
        return False
    poll = select.poll()
    poll.register(_STDOUT, 0)
    return any(what & (select.POLLERR | select.POLLHUP) for _, what in poll.poll(0))
