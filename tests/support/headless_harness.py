"""A headless client in a thread of the test, which plays the server."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from chat_tui.account import Account
from chat_tui.headless.exit_code import ExitCode
from chat_tui.headless.interactive import InteractiveJob
from chat_tui.headless.line_io import LineReader
from chat_tui.headless.runner import HeadlessRunner
from chat_tui.headless.send import SendJob
from chat_tui.storage.known_servers import KnownServers
from chat_tui.storage.log_files import LogFiles
from chat_tui.transport.backoff import Backoff
from tests.support.fake_session import at
from tests.support.wait_until import until


class HeadlessHarness:
    """A headless client, with its output and its log lines."""

    def __init__(self, port: int, password: str = "secret") -> None:
        self.account = Account("127.0.0.1", port, "alice", password, plaintext=True)
        self.output: list[str] = []
        self.log_lines: list[str] = []
        known_servers = KnownServers(Path("/nowhere"))
        backoff = Backoff(lambda: -0.9)  # delays of at most 50 ms, as in SessionHarness
        self.runner = HeadlessRunner(
            self.output.append, self.log_lines.append, known_servers, backoff=backoff
        )
        # By the real clock, these stamps may be those of a server in another zone.
        self.runner.model.now = lambda: at("21:03:05")

    @contextmanager
    def running(self, job: Callable[[], ExitCode]) -> Iterator[Future[ExitCode]]:
        """Run the job in a thread while the test plays the server."""
        with ThreadPoolExecutor(1) as client:
            try:
                yield client.submit(job)
            finally:
                if sys.exc_info()[0] is not None:  # the test has failed: let the job end
                    self.runner.close()
                client.shutdown()
                self.runner.close()

    @property
    def log_text(self) -> str:
        return "\n".join(self.log_lines)

    def until_logged(self, text: str) -> None:
        """Wait until the client has logged `text`."""
        until(lambda: text in self.log_text, f"{text!r} is logged", lambda: self.log_text)

    def send_job(self, text: str, room: str = "ops") -> Callable[[], ExitCode]:
        return SendJob(self.runner, self.account, room, LineReader.from_text(text)).run

    def interactive_job(self, input_fd: int) -> Callable[[], ExitCode]:
        job = InteractiveJob(
            self.runner, self.account, LineReader(input_fd), LogFiles(self.runner.model, None)
        )
        return lambda: job.run(None, follow_everyone=False)
