"""The log as JSON: one object a line, stable names, and no text from outside that acts."""

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
"""Every control character, and characters that change the direction or the line."""


class JsonLog(EventLog):
    """A log whose objects can be read."""

    def __init__(self, level: str = "debug") -> None:
        self.written = io.StringIO()
        super().__init__(self.written, level, "json")

    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.written.getvalue().splitlines()]


def test_json_log_event_is_one_object_with_fields() -> None:
    log = JsonLog()
    log.login_failed("DPS", "192.0.2.7:50122")
    (written,) = log.objects()
    at = datetime.fromisoformat(written.pop("time"))
    assert at.utcoffset() is not None
    assert abs((datetime.now().astimezone() - at).total_seconds()) < 60
    assert written == {
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
    assert [event.get("count") for event in log.objects()] == [3, None]
    assert log.objects()[1]["port"] == 9000
    assert log.objects()[1]["host"] == "::1"


def test_json_log_event_and_field_names_are_snake_case() -> None:
    """docs/operating.md lists the names, and test_operating_page.py compares them."""
    for name, event in events().items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)
        assert {"event", "level", "message", "time"} <= set(event)
        assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", field) for field in event)


@pytest.mark.parametrize("form", ["text", "json"])
def test_log_escapes_hostile_values_in_every_event(form: str) -> None:
    for name, written in every_event(form, EVIL).items():
        for line in written[:-1].split("\n"):
            assert line.isprintable(), name
        if form == "json":
            assert written.isascii()
        if name != "unexpected":  # its traceback has lines of its own in text
            assert written.count("\n") == 1, name
            assert written.endswith("\n")


def test_json_log_field_keeps_original_characters() -> None:
    log = JsonLog()
    log.login_failed(EVIL, "192.0.2.7:1")
    log.login_failed("it's C:\\n 日本", "192.0.2.7:1")
    assert [event["user"] for event in log.objects()] == [EVIL, "it's C:\\n 日本"]


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
    (written,) = log.objects()
    assert written["error"] == "ValueError: bad\x1b\nthing"
    assert written["level"] == "error"
    if level == "info":
        assert "traceback" not in written
    else:
        assert written["traceback"][0] == "Traceback (most recent call last):"
        assert written["traceback"][-1] == "thing"


def test_log_level_hides_same_events_in_json_and_text() -> None:
    for level in LEVELS:
        written = [
            {name for name, written in every_event(form, level=level).items() if written}
            for form in ("text", "json")
        ]
        assert written[0] == written[1]


def test_json_log_reports_lost_lines() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x" * 4096)
    except BlockingIOError:
        pass
    with os.fdopen(writing, "w") as stream, os.fdopen(reading, "rb", 0) as reader:
        log = EventLog(stream, log_format="json")
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
    rejection_log = RejectionLog(EventLog(io.StringIO()))
    for port in range(1, 1000):  # most have no line of their own
        rejection_log.record("192.0.2.7", port, "the server is full")
    for minute in range(1000):
        rejection_log.record("192.0.2.8", 1, f"banned for {minute} min")
    rejections = rejection_log.counts()
    assert rejections["the server is full"] == 999
    assert len(rejections) < 40
    assert rejections.total() == 1999
