"""LineEditor: editing of the line that the user types in `--plain` at a terminal.

prompt_toolkit edits the line and prints what arrives above it. It runs an event loop in a thread of
its own, so that the job stays a plain loop. Imported only at a terminal: pipes need none of it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Final

from prompt_toolkit import PromptSession
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.patch_stdout import patch_stdout

from chat_tui.headless.line_io import LineProblem, check_line
from chat_tui.input import cluster_ceil, cluster_floor, history_place, holds_secret

_END_TIMEOUT: Final = 5.0
"""Seconds that `stop` waits for the thread, which restores the terminal."""


class LineEditor:
    """A source of lines that the user edits, with a history for each room.

    The job's thread calls it. `fd` can be read once there is a line, or at the end of the input.
    """

    at_terminal: Final = True

    def __init__(self) -> None:
        """The caller must call `close`."""
        os.environ.setdefault("PROMPT_TOOLKIT_NO_CPR", "1")  # ask the terminal nothing
        self.fd, self._write_fd = os.pipe()
        self.ended = False
        self.lines: deque[str | LineProblem] = deque()
        self._entered: SimpleQueue[str | None] = SimpleQueue()  # None: the end of the input
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._session: PromptSession[str] | None = None
        self._draft = ""  # of a prompt that was stopped
        self._room = ""
        self._histories: dict[str, _RoomHistory] = {}

    @contextmanager
    def output_above(self) -> Iterator[None]:
        """Print everything above the line that the user types, while the context lasts."""
        stderr = sys.stderr
        with patch_stdout(raw=True):
            if not stderr.isatty():
                sys.stderr = stderr
            yield

    def start(self, room: str) -> None:
        """Let the user type, with the history of `room`. What was typed so far is kept."""
        is_running, is_new = self._thread is not None, room != self._room
        self._room = room
        if is_running and is_new:
            self._call(self._change_history)
        if self.ended or is_running:
            return
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="line editor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take the line off the terminal and restore its modes, until `start` is called."""
        if self._thread is None:
            return
        self._stopping.set()
        self._call(self._exit_if_stopping)
        self._thread.join(_END_TIMEOUT)
        self._thread = None

    def close(self) -> None:
        """Stop for good."""
        self.stop()
        os.close(self._write_fd)
        os.close(self.fd)

    def read(self) -> None:
        """Take the lines that the user has entered. Blocks if there is none."""
        os.read(self.fd, 4096)
        with suppress(Empty):
            while True:
                line = self._entered.get_nowait()
                if line is None:
                    self.ended = True
                else:
                    self.lines.append(check_line(line))

    def _call(self, function: Callable[[], None]) -> None:
        """Call a function in the thread, unless its event loop does not run."""
        session = self._session
        if session is not None and (loop := session.app.loop) is not None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(function)

    # In the thread

    def _run(self) -> None:
        """Edit one line after the other in one prompt, until `stop` or the end of the input.

        Between two prompts the terminal would have its own modes, and echo an arrow key as text.
        """
        session = self._session = PromptSession(
            key_bindings=_cluster_keys(), reserve_space_for_menu=0, enable_suspend=True
        )
        session.default_buffer.accept_handler = self._accept
        try:
            session.prompt(default=self._draft, handle_sigint=False, pre_run=self._prompt_started)
            self._draft = session.default_buffer.text
        except KeyboardInterrupt:
            os.kill(os.getpid(), signal.SIGINT)  # as without an editor: the job ends
        except (EOFError, OSError):  # Ctrl+D, or the terminal has hung up
            self._enter(None)

    def _prompt_started(self) -> None:
        self._change_history()
        self._exit_if_stopping()  # `stop` may have come too early for the event loop

    def _accept(self, buffer: Buffer) -> bool:
        """Take a line. Return False: the next one begins empty."""
        print(buffer.text)  # above the next line, in the order of all output
        self._enter(buffer.text)
        return False

    def _change_history(self) -> None:
        assert self._session is not None
        buffer, room = self._session.default_buffer, self._room
        history = self._histories.setdefault(room, _RoomHistory(room))
        if history is not buffer.history:
            buffer.history = history
            buffer.reset(buffer.document)

    def _exit_if_stopping(self) -> None:
        session = self._session
        if session is not None and self._stopping.is_set() and session.app.is_running:
            session.app.erase_when_done = True
            session.app.exit(result="")

    def _enter(self, line: str | None) -> None:
        self._entered.put(line)
        os.write(self._write_fd, b"!")


class _RoomHistory(InMemoryHistory):
    """The lines sent in one room. Never a password, nor text for another conversation."""

    def __init__(self, room: str) -> None:
        super().__init__()
        self._room = room

    def append_string(self, string: str) -> None:
        """Keep a line, if it belongs to the room."""
        place = history_place(string, self._room)
        if place is not None and place[0] == self._room and not holds_secret(string):
            super().append_string(string)


def _cluster_keys() -> KeyBindings:
    """Return keys that do not split a grapheme cluster: prompt_toolkit moves by code point."""
    keys = KeyBindings()

    def bind(names: tuple[str, ...], edit: Callable[[Buffer], None]) -> None:
        def run(event: KeyPressEvent) -> None:
            edit(event.current_buffer)

        for name in names:
            keys.add(name)(run)

    def left(buffer: Buffer) -> int:
        return cluster_floor(buffer.text, buffer.cursor_position - 1)

    def right(buffer: Buffer) -> int:
        return cluster_ceil(buffer.text, buffer.cursor_position + 1)

    def move_left(buffer: Buffer) -> None:
        buffer.cursor_position = left(buffer)

    def move_right(buffer: Buffer) -> None:
        buffer.cursor_position = right(buffer)

    def delete_left(buffer: Buffer) -> None:
        buffer.delete_before_cursor(buffer.cursor_position - left(buffer))

    def delete_right(buffer: Buffer) -> None:
        buffer.delete(right(buffer) - buffer.cursor_position)

    bind(("left", "c-b"), move_left)
    bind(("right", "c-f"), move_right)
    bind(("c-h",), delete_left)  # Backspace
    bind(("delete",), delete_right)
    return keys
