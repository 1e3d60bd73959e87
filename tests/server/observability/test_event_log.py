"""The log as text: sentences, escaping, levels, and streams that cannot be written."""

import errno
import io
import json
import os
import re
import sys
import threading

import pytest

from chat_server.escape import printable, quoted
from chat_server.observability.event_log import EventLog
from chat_server.observability.log_writer import LEVELS
from tests.support.log_event_samples import every_event

STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ")


class Log(EventLog):
    """A log whose lines can be read."""

    def __init__(self, level: str = "info") -> None:
        self._written = io.StringIO()
        super().__init__(self._written, level)

    def lines(self) -> list[str]:
        """Return the lines so far, each without its time, whose form is checked."""
        lines = self._written.getvalue().splitlines()
        assert all(STAMP.match(line) or line.startswith("    ") for line in lines)
        return [STAMP.sub("", line, count=1) for line in lines]


def test_every_log_method_has_name_of_its_event() -> None:
    for name, line in every_event("json", level="info").items():
        assert json.loads(line)["event"] == name


def test_listening_line_shows_brackets_and_tls() -> None:
    log = Log()
    log.listening("127.0.0.1", 9000, encrypted=False)
    log.listening("::1", 9001, encrypted=True)
    assert log.lines() == ["[*] Listening on 127.0.0.1:9000", "[*] Listening on [::1]:9001, TLS"]


def test_refused_line_reports_rejections_without_a_line() -> None:
    log = Log()
    log.refused("127.0.0.1:50122", "server is full")
    log.refused("127.0.0.1:50122", "server is full", 3)
    log.refused("127.0.0.1:50122", "server is full", 3, 2)
    log.refused("127.0.0.1:50122", "server is full", 0, 2)
    assert log.lines() == [
        "[!] Refused 127.0.0.1:50122: server is full",
        "[!] Refused 127.0.0.1:50122: server is full (and 3 more from there)",
        "[!] Refused 127.0.0.1:50122: server is full"
        " (and 3 more from there) (and 2 from other addresses)",
        "[!] Refused 127.0.0.1:50122: server is full (and 2 from other addresses)",
    ]


def test_kicked_line_shows_reason_if_there_is_one() -> None:
    log = Log()
    log.kicked("alice", "bob", "")
    log.kicked("alice", "bob", "it's late")
    assert log.lines() == [
        "[!] Operator 'alice' kicked 'bob'",
        "[!] Operator 'alice' kicked 'bob': 'it\\'s late'",
    ]


def test_banned_line_shows_duration_and_at_most_eight_users() -> None:
    log = Log()
    log.banned("alice", "bob", 5, ["bob"])
    log.banned("alice", "192.0.2.1", None, [])
    log.banned("alice", "192.0.2.1", 1, [f"u{number}" for number in range(10)])
    assert log.lines() == [
        "[!] Operator 'alice' banned 'bob' for 5 min; logged out: 'bob'",
        "[!] Operator 'alice' banned '192.0.2.1' until the server stops",
        "[!] Operator 'alice' banned '192.0.2.1' for 1 min; logged out: 'u0', 'u1', 'u2', 'u3',"
        " 'u4', 'u5', 'u6', 'u7' and 2 more",
    ]


def test_users_reloaded_line_counts_accounts() -> None:
    log = Log()
    log.users_reloaded(1)
    log.users_reloaded(3)
    assert log.lines() == [
        "[*] Users file reloaded: 1 account",
        "[*] Users file reloaded: 3 accounts",
    ]


def test_exposed_file_lines_show_mode_and_quote_path_for_shell() -> None:
    log = Log()
    log.users_exposed("my users.json", 0o644)
    log.key_exposed("my key.pem", 0o640)
    users, key = log.lines()
    assert "my users.json can be read or written by others (mode 0644)" in users
    assert users.endswith("; make it private with: chmod 600 'my users.json'")
    assert "my key.pem can be read or written by others (mode 0640)" in key
    assert key.endswith("; make it private with: chmod 600 'my key.pem'")


def test_announced_line_is_truncated_after_64_characters() -> None:
    log = Log()
    log.announced("alice", "x" * 65)
    assert log.lines() == ["[*] Operator 'alice' announced '" + "x" * 64 + "...'"]


def test_log_escapes_names_from_clients() -> None:
    log = Log()
    log.login_failed("x\n2026-01-01 00:00:00 [+] User 'DPS' authenticated", "127.0.0.1:1")
    log.login_failed("\x1b[31mred\x9b\u202e\u2028\ud800", "127.0.0.1:1")
    log.login_failed("a' from 10.0.0.1:1", "127.0.0.1:1")
    log.login_failed("C:\\n", "127.0.0.1:1")
    log.login_failed("é日本", "127.0.0.1:1")
    log.login_failed("x" * 5000, "127.0.0.1:1")
    assert log.lines() == [
        "[!] Failed login for 'x\\n2026-01-01 00:00:00 [+] User \\'DPS\\' authenticated'"
        " from 127.0.0.1:1",
        "[!] Failed login for '\\x1b[31mred\\x9b\\u202e\\u2028\\ud800' from 127.0.0.1:1",
        "[!] Failed login for 'a\\' from 10.0.0.1:1' from 127.0.0.1:1",
        "[!] Failed login for 'C:\\\\n' from 127.0.0.1:1",
        "[!] Failed login for 'é日本' from 127.0.0.1:1",
        f"[!] Failed login for '{'x' * 64}...' from 127.0.0.1:1",
    ]


def test_log_level_hides_lower_levels() -> None:
    assert LEVELS == ("debug", "info", "warning", "error")
    counts = []
    for level in LEVELS:
        log = Log(level)
        log.closed_before_login("127.0.0.1:1")
        log.connected("127.0.0.1:1")
        log.login_failed("x", "127.0.0.1:1")
        log.accept_failed("Too many open files")
        counts.append(len(log.lines()))
    assert counts == [4, 4, 2, 1]  # debug only adds tracebacks


@pytest.mark.parametrize("level", ["info", "debug"])
def test_unexpected_error_logs_traceback_only_at_debug(level: str) -> None:
    log = Log(level)
    try:
        raise ValueError("bad\x1b\nthing")
    except ValueError as error:
        log.unexpected(error, "127.0.0.1:50122")
    first, *rest = log.lines()
    assert first == "[!] Unexpected error in 127.0.0.1:50122: ValueError: bad\\x1b\\nthing"
    assert bool(rest) == (level == "debug")
    assert all(line.isprintable() for line in rest)


def test_unexpected_error_without_message_logs_its_type() -> None:
    log = Log()
    log.unexpected(RuntimeError(), "the acceptor")
    assert log.lines() == ["[!] Unexpected error in the acceptor: RuntimeError"]


def test_failing_log_stream_is_ignored() -> None:
    class FullDisk(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    closed = io.StringIO()
    closed.close()
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    for stream in (FullDisk(), closed, narrow):
        EventLog(stream).authenticated("日本")


def test_missing_stderr_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    EventLog().connected("127.0.0.1:1")


def test_log_is_written_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    EventLog().connected("127.0.0.1:1")
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.endswith("[+] New connection from 127.0.0.1:1\n")


def test_concurrent_log_lines_stay_whole() -> None:
    log = Log()

    def write() -> None:
        for _ in range(200):
            log.authenticated("x" * 60)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.lines() == [f"[+] User '{'x' * 60}' authenticated"] * 800


def test_printable_truncates_after_64_original_characters() -> None:
    assert printable("\x00" * 64) == "\\x00" * 64
    assert printable("\x00" * 65) == "\\x00" * 64 + "..."
    assert quoted("it's") == "'it\\'s'"
