"""docs/operating.md is complete: every event, every metric and every limit."""

from __future__ import annotations

import io
import re
from dataclasses import fields
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from chat_server.__main__ import cli
from chat_server.config import Config
from chat_server.observability.event_log import EventLog
from chat_server.observability.metrics import Metrics
from chat_server.observability.snapshot import MetricsSnapshot
from chat_server.tuning import Tuning
from tests.support.log_event_samples import events, text_lines
from tests.support.project import PROJECT

PAGE = (PROJECT / "docs/operating.md").read_text()
MARKS = {"info": "*+-!", "warning": "!", "error": "!"}

NO_LIMITS = {
    "config_file",
    "history",
    "insecure_plaintext",
    "limit_loopback",
    "limit_loopback_without_login",
    "log_format",
    "log_level",
    "metrics",
    "node",
    "operators",
    "redis",
    "redis_ca",
    "redis_password_file",
    "state",
    "tls",
    "tls_cert",
    "tls_key",
    "trusted_proxies",
    "tuning",
    "users",
}
"""Settings that are not limits."""


def rows() -> list[list[str]]:
    """Return the cells of each row of all tables."""
    return [
        [cell.strip() for cell in line[1:-1].split(" | ")]
        for line in PAGE.splitlines()
        if line.startswith("| ") and not line.startswith("| ---")
    ]


def test_manual_lists_every_event_with_level_and_text() -> None:
    table = {cells[0].strip("` "): cells for cells in rows() if len(cells) == 4}
    lines = text_lines()
    assert len(lines) > 15
    for name, event in events().items():
        assert name in table, f"docs/operating.md does not list {name}"
        _, level, text, _ = table[name]
        assert level == event["level"], name
        assert text == f"`{lines[name]}`"
        assert text[2] in MARKS[level]


def test_manual_shows_every_field_of_event_in_its_text() -> None:
    table = {cells[0].strip("` "): cells for cells in rows() if len(cells) == 4}
    for name, event in events().items():
        fields_shown = set(re.findall(r"<(\w+)>", table[name][2]))
        own = set(event) - {"event", "level", "message", "time"}
        assert fields_shown == own - {"encrypted"}, name


def test_manual_lists_log_lines_lost_event() -> None:
    assert (
        "| `log_lines_lost` | warning | `[!] <count> log lines were lost: the log was not" in PAGE
    )


def test_manual_lists_exactly_the_exported_metrics() -> None:
    values: dict[str, Any] = {field.name: 1 for field in fields(MetricsSnapshot)}
    now = MetricsSnapshot(**values | {"events": {"x": 1}, "rejections": {"x": 1}})
    families = {
        sample.name.removesuffix("_bucket"): family.type
        for family in text_string_to_metric_families(Metrics(lambda: now, 10).text().decode())
        for sample in family.samples
        if not re.search(r"_(created|sum|count)$", sample.name)
    }
    own = {name: kind for name, kind in families.items() if name.startswith("lobby_")}
    assert len(own) > 15
    listed = {
        cells[0].strip("`"): cells[1]
        for cells in rows()
        if len(cells) == 3 and cells[0].startswith("`lobby_")
    }
    assert listed == own


def test_manual_lists_every_limit_with_value() -> None:
    section = PAGE.partition("## Limits")[2].partition("\n## ")[0]
    options = {parameter.name: max(parameter.opts, key=len) for parameter in cli.params}
    for field in (*fields(Config), *fields(Tuning)):
        if field.name not in NO_LIMITS:
            assert f"`{options.get(field.name, field.name)}`" in section, field.name
    for number in ("10,000", "| 16,", "10 lines a second, 20 at once", "1 MiB", "| 30 s", "105 s"):
        assert number in section


def test_manual_links_point_to_existing_targets() -> None:
    headings = {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", PAGE, flags=re.M)
    }
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        if target.startswith("#"):
            assert target[1:] in headings, target
        else:
            assert (PROJECT / "docs" / target.partition("#")[0]).exists(), target
    for target in re.findall(r"\]\(([^)]+)\)", (PROJECT / "SECURITY.md").read_text()):
        assert (PROJECT / target).exists(), target


def test_fail2ban_regex_extracts_address_and_cannot_be_forged_by_name() -> None:
    found = re.search(r"^failregex = (.+)$", PAGE, flags=re.M)
    assert found is not None
    pattern = re.compile(found[1].replace("<ADDR>", "(?P<addr>[0-9a-f:.]+)"))
    for address, expected in (
        ("192.0.2.7:50122", "192.0.2.7"),
        ("[2001:db8::7]:50122", "2001:db8::7"),
    ):
        for name in ("DPS", "x' from 203.0.113.1:1", "x'\nfrom 203.0.113.1:1", "[!]'"):
            lines = io.StringIO()
            EventLog(lines).login_failed(name, address)
            match = pattern.search(lines.getvalue().rstrip("\n"))
            assert match is not None
            assert match["addr"] == expected
