"""What is logged: the words, the escaping, and that a broken stream harms nobody."""

import errno
import io
import os
import re
import sys
import threading

import pytest

from chat_server.escape import printable, quoted
from chat_server.observability.event_log import EventLog
from chat_server.observability.log_writer import LEVELS

STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ")


class Log(EventLog):
    """A log whose lines can be asked for."""

    def __init__(self, level: str = "info") -> None:
        self._written = io.StringIO()
        super().__init__(self._written, level)

    def lines(self) -> list[str]:
        """The lines so far, each without its time, which has been checked."""
        lines = self._written.getvalue().splitlines()
        assert all(STAMP.match(line) or line.startswith("    ") for line in lines)
        return [STAMP.sub("", line, count=1) for line in lines]


def test_every_event_has_its_log_text() -> None:
    log = Log("debug")
    log.listening("127.0.0.1", 9000, encrypted=False)
    log.listening("::1", 9001, encrypted=True)
    log.plaintext_public()
    log.key_fingerprint("SHA256:abc")
    log.certificate_expired("cert.pem")
    log.certificate_reloaded("SHA256:abc")
    log.certificate_broken("cert.pem: is no certificate")
    log.handshake_failed("127.0.0.1:50122", "timed out")
    log.connected("127.0.0.1:50122")
    log.refused("127.0.0.1:50122", "server is full")
    log.authenticated("DPS")
    log.login_failed("x", "127.0.0.1:50122")
    log.login_throttled("x", "127.0.0.1:50122")
    log.login_timed_out("127.0.0.1:50122")
    log.login_invalid("127.0.0.1:50122")
    log.disconnected("DPS")
    log.closed_before_login("127.0.0.1:50122")
    log.slow_reader_cut("DPS")
    log.account_removed("DPS")
    log.refused("127.0.0.1:50122", "server is full", 3)
    log.refused("127.0.0.1:50122", "server is full", 3, 2)
    log.operator_without_account("alcie")
    log.kicked("alice", "bob", "")
    log.kicked("alice", "bob", "it's late")
    log.banned("alice", "bob", 5, ["bob"])
    log.banned("alice", "192.0.2.1", None, [])
    log.banned("alice", "192.0.2.1", 1, [f"u{number}" for number in range(10)])
    log.unbanned("alice", "bob")
    log.announced("alice", "x" * 65)
    log.login_banned("bob", "127.0.0.1:50122")
    log.account_disabled("DPS")
    log.password_changed("DPS")
    log.password_change_failed("DPS", "127.0.0.1")
    log.password_change_throttled("DPS", "127.0.0.1")
    log.password_not_stored("DPS", "users.json: not written: no room")
    log.cost_raised("DPS", 12)
    log.cost_not_raised("users.json: not written: no room")
    log.users_exposed("my users.json", 0o644)
    log.key_exposed("my key.pem", 0o644)
    log.users_reloaded(1)
    log.users_reloaded(3)
    log.users_broken("users.json: is empty")
    log.accept_failed("Too many open files")
    log.thread_failed("can't start new thread")
    log.stopping()
    log.stopped()
    assert log.lines() == [
        "[*] Listening on 127.0.0.1:9000",
        "[*] Listening on [::1]:9001, TLS",
        "[!] Plain text on an address that others can reach: they can read every password and"
        " every message",
        "[*] Key fingerprint SHA256:abc",
        "[!] The certificate 'cert.pem' has expired",
        "[*] Certificate read again: key fingerprint SHA256:abc",
        "[!] Certificate stays as it was: cert.pem: is no certificate",
        "[-] No TLS handshake with 127.0.0.1:50122: timed out",
        "[+] New connection from 127.0.0.1:50122",
        "[!] Refused 127.0.0.1:50122: server is full",
        "[+] User 'DPS' authenticated",
        "[!] Failed login for 'x' from 127.0.0.1:50122",
        "[!] Refused login for 'x' from 127.0.0.1:50122: too many failures",
        "[-] Login timed out for 127.0.0.1:50122",
        "[!] Invalid login format from 127.0.0.1:50122",
        "[-] User 'DPS' disconnected",
        "[-] Connection from 127.0.0.1:50122 closed before login",
        "[!] Cut 'DPS': it reads too slowly",
        "[-] User 'DPS' logged out: account removed",
        "[!] Refused 127.0.0.1:50122: server is full (and 3 more from there)",
        "[!] Refused 127.0.0.1:50122: server is full"
        " (and 3 more from there) (and 2 from other addresses)",
        "[!] Operator 'alcie' has no account",
        "[!] Operator 'alice' kicked 'bob'",
        "[!] Operator 'alice' kicked 'bob': 'it\\'s late'",
        "[!] Operator 'alice' banned 'bob' for 5 min; logged out: 'bob'",
        "[!] Operator 'alice' banned '192.0.2.1' until the server stops",
        "[!] Operator 'alice' banned '192.0.2.1' for 1 min; logged out: 'u0', 'u1', 'u2', 'u3',"
        " 'u4', 'u5', 'u6', 'u7' and 2 more",
        "[*] Operator 'alice' unbanned 'bob'",
        "[*] Operator 'alice' announced '" + "x" * 64 + "...'",
        "[!] Refused login for 'bob' from 127.0.0.1:50122: banned",
        "[-] User 'DPS' logged out: account disabled",
        "[*] User 'DPS' changed the password",
        "[!] Failed password change for 'DPS' from 127.0.0.1",
        "[!] Refused password change for 'DPS' from 127.0.0.1: too many failures",
        "[!] Password of 'DPS' stays as it was: users.json: not written: no room",
        "[*] Hash of 'DPS' raised to cost 12",
        "[!] Hashes keep their cost: users.json: not written: no room",
        "[!] my users.json can be read or written by others (mode 0644);"
        " make it private with: chmod 600 'my users.json'",
        "[!] my key.pem can be read or written by others (mode 0644), and who has it can pass for"
        " this server; make it private with: chmod 600 'my key.pem'",
        "[*] Users file read again: 1 account",
        "[*] Users file read again: 3 accounts",
        "[!] Accounts stay as they were: users.json: is empty",
        "[!] Can't accept a connection: Too many open files",
        "[!] Can't start a thread for a client: can't start new thread",
        "[*] Stopping",
        "[*] Stopped",
    ]


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
    assert counts == [4, 4, 2, 1]  # debug adds tracebacks alone


@pytest.mark.parametrize("level", ["info", "debug"])
def test_unexpected_error_logs_traceback_only_at_debug(level: str) -> None:
    log = Log(level)
    try:
        raise ValueError("bad\x1b\nthing")
    except ValueError as error:
        log.unexpected(error, "127.0.0.1:50122")
    first, *rest = log.lines()
    assert first == "[!] Unexpected in 127.0.0.1:50122: ValueError: bad\\x1b\\nthing"
    assert bool(rest) == (level == "debug")
    assert all(line.isprintable() for line in rest)


def test_unexpected_error_without_message_logs_its_type() -> None:
    log = Log()
    log.unexpected(RuntimeError(), "the acceptor")
    assert log.lines() == ["[!] Unexpected in the acceptor: RuntimeError"]


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
