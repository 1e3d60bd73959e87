"""TerminalDriver: Textual's driver of a terminal, with the client's own input and output."""

from __future__ import annotations

import os
import selectors
import signal
import sys
from codecs import getincrementaldecoder, lookup
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from textual import constants
from textual.drivers.linux_driver import KITTY_REPORT_ALTERNATE_KEYS, LinuxDriver
from textual.message import Message

from chat_tui.ui.terminal.input import InputParser
from chat_tui.ui.terminal.output import TerminalOutput
from chat_tui.ui.terminal.sequences import PASTE_START

if TYPE_CHECKING:
    from textual.app import App

_POLL_SECONDS: Final = 0.1
"""Seconds between two ticks of the parser."""

_READ_BYTES: Final = 65536

_MAX_PASTE_BYTES: Final = 4 * 1024 * 1024
"""Most bytes that are read of a paste before it is parsed."""

_PASTE_GAP_SECONDS: Final = 0.02
"""Input that follows within this time belongs to the paste that is being read."""


class TerminalDriver(LinuxDriver):
    """Textual's driver with the client's parser, and with an output that survives a hangup."""

    def __init__(
        self,
        app: App[None],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        """Open the terminal of the standard streams. Textual calls it within the event loop."""
        self._is_suspended = False
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        assert sys.__stderr__ is not None
        self._file = TerminalOutput(sys.__stderr__.fileno(), sys.__stderr__.encoding)  # type: ignore[assignment]
        self._reported: set[str] = set()

    def start_application_mode(self) -> None:
        """Take the terminal over. Ask for the keys of the US layout, too, for shortcuts."""
        super().start_application_mode()  # type: ignore[no-untyped-call]
        # It returns early if the shell has continued the client in the background.
        is_started = self._writer_thread is not None and self._writer_thread.is_alive()
        self._is_suspended = not is_started
        if is_started and not constants.DISABLE_KITTY_KEY:
            self.write(f"\x1b[={KITTY_REPORT_ALTERNATE_KEYS};2u")

    def suspend_process_group(self) -> None:
        """Give the terminal back and stop this process and those that the shell started with it.

        Returns when the shell has continued them. Called by the main thread. The terminal is
        restored first: as soon as one of the processes has stopped, the shell may write to it.
        """
        self._suspend(lambda: os.killpg(os.getpgrp(), signal.SIGTSTP))

    def _suspend(self, send: Callable[[], None]) -> None:
        self._is_suspended = self._must_signal_resume = True
        self.suspend_application_mode()
        self._stop(send)
        if self._is_suspended:  # SIGCONT was not received: the kernel did not stop this process
            self.resume_application_mode()

    def _stop(self, send: Callable[[], None]) -> None:
        """Stop by SIGTSTP and not by SIGSTOP. The kernel ignores it if no shell is left."""
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        send()
        signal.signal(signal.SIGTSTP, self._sigtstp_application)

    def _sigtstp_application(self, *_: object) -> None:
        # Textual sends SIGSTOP. If the window closes just before that, nothing continues it.
        self._suspend(lambda: os.kill(os.getpid(), signal.SIGTSTP))

    def _sigcont_application(self, *_: object) -> None:
        # Any program may send SIGCONT. A second start would leave two threads that read the keys.
        if not self._is_suspended:
            return
        try:
            is_in_foreground = os.tcgetpgrp(self.fileno) == os.getpgrp()
        except OSError:  # not the controlling terminal, or it has hung up
            is_in_foreground = True
        if is_in_foreground:
            super()._sigcont_application()
        else:  # the shell has continued the client in the background, or is about to end
            self._stop(lambda: os.kill(os.getpid(), signal.SIGTSTP))

    def run_input_thread(self) -> None:
        """Read input until the driver stops. Textual calls it in a thread of its own."""
        parser = InputParser(self._report_error)
        decode = getincrementaldecoder(_input_encoding())("surrogateescape").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            # The loop is closed if the app ended without stopping its driver.
            while not self.exit_event.is_set() and not self._loop.is_closed():
                if selector.select(_POLL_SECONDS):
                    try:
                        data = self._read(selector, parser)
                    except BlockingIOError:  # another reader of the terminal was faster
                        continue
                    except OSError:
                        return  # the terminal has hung up: `exit_on_hangup` ends the client
                    if not data:
                        return  # likewise
                    self._process(parser.feed(decode(data)))
                self._process(parser.tick())
            if selector.select(0):
                os.read(self.fileno, _READ_BYTES)  # late answers must not reach the shell

    def _read(self, selector: selectors.BaseSelector, parser: InputParser) -> bytes:
        """Return what the terminal has sent; of a paste as much as there is."""
        data = os.read(self.fileno, _READ_BYTES)
        if parser.is_pasting or PASTE_START.encode() in data:
            while data and len(data) < _MAX_PASTE_BYTES and selector.select(_PASTE_GAP_SECONDS):
                try:
                    more = os.read(self.fileno, _READ_BYTES)
                except BlockingIOError:
                    break
                if not more:
                    break
                data += more
        return data

    def _process(self, messages: Iterator[Message]) -> None:
        """Pass messages on to the app."""
        for message in messages:
            try:
                self.process_message(message)
            except Exception as error:
                self._report_error(error)

    def _report_error(self, error: Exception) -> None:
        """Show a bug of the input once. It costs one key: the keyboard must not be lost."""
        text = f"A key was not read: {error!r}"
        if text in self._reported or self._loop.is_closed():
            return
        self._reported.add(text)
        self._app.call_later(self._app.notify, text, severity="error")


def _input_encoding() -> str:
    """Return the encoding of the keyboard. ASCII has no letters that UTF-8 reads differently."""
    assert sys.__stdin__ is not None
    encoding = lookup(sys.__stdin__.encoding).name
    return "utf-8" if encoding == "ascii" else encoding
