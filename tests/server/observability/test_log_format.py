"""The log for programs: one object a line, stable names, nothing from outside that acts."""

import io
import json
import os
import re
from datetime import datetime
from typing import Any

import pytest

from chat_server.observability.event_log import EventLog
from chat_server.observability.log_format import (
    MAX_DETAIL_LINES,
    MAX_FIELD_LENGTH,
    LogEvent,
    LogLevel,
    as_json,
)
from chat_server.observability.log_writer import LEVELS
from chat_server.observability.rejection_log import RejectionLog
from tests.support.log_event_samples import events, every_event

EVIL = (
    "".join(map(chr, [*range(0x20), 0x7F, *range(0x80, 0xA0)])) + "\u202e\u2066\u2028\u200b\ud800"
)
"""Every control character, and what turns the direction or the line."""


class JsonLog(EventLog):
    """A log whose objects can be asked for."""

    def __init__(self, level: str = "debug") -> None:
        self.written = io.StringIO()
        super().__init__(self.written, level, "json")

    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.written.getvalue().splitlines()]


def test_json_log_event_is_one_object_with_fields() -> None:
    log = JsonLog()
    log.login_failed("DPS", "192.0.2.7:50122")
    (told,) = log.objects()
    at = datetime.fromisoformat(told.pop("time"))
    assert at.utcoffset() is not None
    assert abs((datetime.now().astimezone() - at).total_seconds()) < 60
    assert told == {
        "level": "warning",
        "event": "login_failed",
        "message": "Failed login for 'DPS' from 192.0.2.7:50122",
        "user": "DPS",
        "address": "192.0.2.7:50122",
    }


def test_json_log_keeps_numeric_fields_as_numbers() -> None:
    log = JsonLog()
    log.users_reloaded(3)
    log.listening("::1", 9000, encrypted=True)
    assert [told.get("count") for told in log.objects()] == [3, None]
    assert log.objects()[1]["port"] == 9000
    assert log.objects()[1]["host"] == "::1"


def test_json_log_event_and_field_names_are_stable() -> None:
    named = {name: sorted(told) for name, told in events().items()}
    for name, fields in named.items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)
        assert {"event", "level", "message", "time"} <= set(fields)
        assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", field) for field in fields)
    own = {
        name: set(fields) - {"event", "level", "message", "time"} for name, fields in named.items()
    }
    expected = {
        "listening": {"host", "port", "encrypted"},
        "metrics_listening": {"port"},
        "connected": {"address"},
        "refused": {"address", "why", "unsaid", "elsewhere"},
        "authenticated": {"user"},
        "login_failed": {"user", "address"},
        "login_throttled": {"user", "address"},
        "login_timed_out": {"address"},
        "login_invalid": {"address"},
        "disconnected": {"user"},
        "closed_before_login": {"address"},
        "slow_reader_cut": {"client"},
        "account_removed": {"user"},
        "users_reloaded": {"count"},
        "users_broken": {"why"},
        "accept_failed": {"why"},
        "thread_failed": {"why"},
        "plaintext_public": set(),
        "key_fingerprint": {"fingerprint"},
        "certificate_reloaded": {"fingerprint"},
        "certificate_broken": {"why"},
        "certificate_expired": {"path"},
        "handshake_failed": {"address", "why"},
        "login_banned": {"user", "address"},
        "account_disabled": {"user"},
        "password_changed": {"user"},
        "password_change_failed": {"user", "host"},
        "password_change_throttled": {"user", "host"},
        "password_not_stored": {"user", "why"},
        "cost_raised": {"user", "cost"},
        "cost_not_raised": {"why"},
        "users_exposed": {"path", "mode"},
        "key_exposed": {"path", "mode"},
        "operator_without_account": {"user"},
        "kicked": {"operator", "user", "reason"},
        "banned": {"operator", "what", "minutes", "logged_out"},
        "unbanned": {"operator", "what"},
        "announced": {"operator", "text"},
        "unexpected": {"error", "where"},
        "stopping": set(),
        "stopped": set(),
    }
    assert own == expected


@pytest.mark.parametrize("form", ["text", "json"])
def test_log_escapes_hostile_values_in_every_event(form: str) -> None:
    for name, written in every_event(form, EVIL).items():
        for line in written[:-1].split("\n"):
            assert line.isprintable(), name
        if form == "json":
            assert written.isascii()
        if name != "unexpected":  # whose traceback has lines of its own in text
            assert written.count("\n") == 1, name
            assert written.endswith("\n")


def test_json_log_field_keeps_original_characters() -> None:
    log = JsonLog()
    log.login_failed(EVIL, "192.0.2.7:1")
    log.login_failed("it's C:\\n 日本", "192.0.2.7:1")
    assert [told["user"] for told in log.objects()] == [EVIL, "it's C:\\n 日本"]


def test_json_log_truncates_long_field() -> None:
    log = JsonLog()
    log.login_failed("x" * 5000, "192.0.2.7:1")
    log.users_broken("y" * MAX_FIELD_LENGTH)
    assert log.objects()[0]["user"] == "x" * MAX_FIELD_LENGTH + "..."
    assert log.objects()[1]["why"] == "y" * MAX_FIELD_LENGTH
    for name, line in every_event("json", EVIL * 1000, level="info").items():
        assert len(line) < 10_000, name


def test_json_log_keeps_tail_of_long_list() -> None:
    now = datetime.now().astimezone()
    lines = [str(number) for number in range(1000)]
    (line,) = as_json(LogEvent(now, LogLevel.INFO, "*", "x", "x", {"lines": lines}))
    assert json.loads(line)["lines"] == lines[-MAX_DETAIL_LINES:]


@pytest.mark.parametrize("level", ["info", "debug"])
def test_json_log_traceback_is_list_at_debug_only(level: str) -> None:
    log = JsonLog(level)
    try:
        raise ValueError("bad\x1b\nthing")
    except ValueError as error:
        log.unexpected(error, "192.0.2.7:1")
    (told,) = log.objects()
    assert told["error"] == "ValueError: bad\x1b\nthing"
    assert told["level"] == "error"
    if level == "info":
        assert "traceback" not in told
    else:
        assert told["traceback"][0] == "Traceback (most recent call last):"
        assert told["traceback"][-1] == "thing"


def test_log_level_hides_same_events_in_json_and_text() -> None:
    for level in LEVELS:
        shown = [
            {name for name, written in every_event(form, level=level).items() if written}
            for form in ("text", "json")
        ]
        assert shown[0] == shown[1]


def test_json_log_reports_lost_lines() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x" * 4096)
    except BlockingIOError:
        pass
    with os.fdopen(writing, "w") as stream, os.fdopen(reading, "rb", 0) as reader:
        log = EventLog(stream, form="json")
        log.connected("192.0.2.7:1")
        log.connected("192.0.2.7:2")
        os.set_blocking(reading, False)
        while reader.read(65536):
            pass
        log.connected("192.0.2.7:3")
        lost, last = (json.loads(line) for line in reader.read(65536).splitlines())
    assert (lost["event"], lost["count"]) == ("log_lines_lost", 2)
    assert last["address"] == "192.0.2.7:3"


def test_event_counts_include_events_below_log_level() -> None:
    log = EventLog(io.StringIO(), "error")
    log.connected("192.0.2.7:1")
    log.connected("192.0.2.7:2")
    log.login_failed("x", "192.0.2.7:2")
    assert log.counts() == {"connected": 2, "login_failed": 1}


def test_rejection_counts_by_reason_are_bounded() -> None:
    refusals_told = RejectionLog(EventLog(io.StringIO()))
    for port in range(1, 1000):  # most of them without a line of their own
        refusals_told.record("192.0.2.7", port, "the server is full")
    for minute in range(1000):
        refusals_told.record("192.0.2.8", 1, f"banned for {minute} min")
    refusals = refusals_told.counts()
    assert refusals["the server is full"] == 999
    assert len(refusals) < 40
    assert refusals.total() == 1999
