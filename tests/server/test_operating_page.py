"""docs/operating.md tells what there is: every event, every number, every limit."""

from __future__ import annotations

import io
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from chat_server.__main__ import cli
from chat_server.config import Config
from chat_server.observability.event_log import EventLog
from chat_server.observability.metrics import Metrics
from chat_server.observability.snapshot import Measurement
from tests.support.log_event_samples import events, shown

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs/operating.md").read_text()
MARKS = {"info": "*+-!", "warning": "!", "error": "!"}

NO_LIMITS = {
    "insecure_plaintext",
    "limit_loopback",
    "limit_loopback_without_login",
    "log_format",
    "log_level",
    "metrics",
    "operators",
    "state",
    "tls",
    "tls_cert",
    "tls_key",
    "users",
}
"""Settings that bound nothing."""


def rows() -> list[list[str]]:
    """The cells of every row of every table."""
    return [
        [cell.strip() for cell in line[1:-1].split(" | ")]
        for line in PAGE.splitlines()
        if line.startswith("| ") and not line.startswith("| ---")
    ]


def test_every_event_is_in_the_table_with_its_level_and_its_words() -> None:
    table = {cells[0].strip("` "): cells for cells in rows() if len(cells) == 4}
    told = events()
    assert len(told) > 15
    for name, event in told.items():
        assert name in table, f"docs/operating.md does not tell of {name}"
        _, level, text, _ = table[name]
        assert level == event["level"], name
        quoted = re.fullmatch(r"`\[([*+!-])\] (.+)`", text)
        assert quoted is not None, name
        assert quoted[1] in MARKS[level]
        assert shown(event).startswith(quoted[2]), (shown(event), quoted[2])


def test_the_event_that_lines_were_lost_is_in_the_table_too() -> None:
    assert "| `log_lines_lost` | warning | `[!] <count> log lines were lost: nobody took" in PAGE


def test_every_number_is_in_the_table_and_no_other() -> None:
    values: dict[str, Any] = {field.name: 1 for field in fields(Measurement)}
    now = Measurement(**values | {"events": {"x": 1}, "refusals": {"x": 1}})
    families = {
        sample.name.removesuffix("_bucket"): family.type
        for family in text_string_to_metric_families(Metrics(lambda: now, 10).text().decode())
        for sample in family.samples
        if not re.search(r"_(created|sum|count)$", sample.name)
    }
    own = {name: kind for name, kind in families.items() if name.startswith("lobby_")}
    assert len(own) > 15
    told = {
        cells[0].strip("`"): cells[1]
        for cells in rows()
        if len(cells) == 3 and cells[0].startswith("`lobby_")
    }
    assert told == own


def test_every_limit_is_in_the_table_with_its_number() -> None:
    section = PAGE.partition("## Limits")[2].partition("\n## ")[0]
    options = {parameter.name: max(parameter.opts, key=len) for parameter in cli.params}
    for field in fields(Config):
        if field.name not in NO_LIMITS:
            assert f"`{options.get(field.name, field.name)}`" in section, field.name
    for number in ("10,000", "| 16,", "10 lines a second, 20 at once", "1 MiB", "| 30 s", "105 s"):
        assert number in section


def test_links_lead_to_headings_and_files() -> None:
    headings = {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", PAGE, flags=re.M)
    }
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        if target.startswith("#"):
            assert target[1:] in headings, target
        else:
            assert (PROJECT / "docs" / target).exists(), target
    for target in re.findall(r"\]\(([^)]+)\)", (PROJECT / "SECURITY.md").read_text()):
        assert (PROJECT / target).exists(), target


def test_fail2ban_finds_the_address_and_no_name_can_give_it_another() -> None:
    found = re.search(r"^failregex = (.+)$", PAGE, flags=re.M)
    assert found is not None
    pattern = re.compile(found[1].replace("<ADDR>", "(?P<addr>[0-9a-f:.]+)"))
    for address, expected in (
        ("192.0.2.7:50122", "192.0.2.7"),
        ("[2001:db8::7]:50122", "2001:db8::7"),
    ):
        for name in ("DPS", "x' from 203.0.113.1:1", "x'\nfrom 203.0.113.1:1", "[!]'"):
            lines = io.StringIO()
            EventLog(lines).failed_login(name, address)
            match = pattern.search(lines.getvalue().rstrip("\n"))
            assert match is not None
            assert match["addr"] == expected
