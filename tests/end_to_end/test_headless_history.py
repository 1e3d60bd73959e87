"""`--tail --since`, `--until` and `--json`, and the past messages of `--plain`, in a shell."""

from __future__ import annotations

import json
import select
from pathlib import Path

import pytest

from tests.support.server_program import ServerProgram
from tests.support.shell_harness import ShellHarness, line_of, read_untimed

COUNT = 15
"""Past messages: fewer than the server takes at once."""


@pytest.fixture
def shell(tmp_path: Path, server_program: ServerProgram) -> ShellHarness:
    shell = ShellHarness(tmp_path, server_program.port)
    lines = "\n".join(f"message {number}" for number in range(COUNT))
    assert shell.run("alice", "--send", "ops", stdin=lines).returncode == 0
    return shell


def test_tail_since_prints_past_and_then_live_messages(
    shell: ShellHarness, server_program: ServerProgram
) -> None:
    with shell.running("bob", "--tail", "ops", "--since", "1h") as tail:
        past = [read_untimed(tail.stdout) for _ in range(COUNT)]
        assert past == [f"alice: message {number}" for number in range(COUNT)]
        assert shell.run("alice", "--send", "ops", "live").returncode == 0
        assert read_untimed(tail.stdout) == "alice: live"


def test_export_prints_json_and_ends(shell: ShellHarness) -> None:
    export = shell.run("bob", "--tail", "ops", "--since", "1h", "--until", "now", "--json")
    assert (export.returncode, export.stderr) == (0, "")
    objects = [json.loads(line) for line in export.stdout.splitlines()]
    assert [item["text"] for item in objects] == [f"message {number}" for number in range(COUNT)]
    first = objects[0]
    assert list(first) == ["stamp", "time", "room", "author", "text", "kind", "past"]
    assert (first["room"], first["author"], first["kind"]) == ("ops", "alice", "message")
    assert first["past"] is True
    assert first["stamp"][:19] == first["time"][:19]
    day = first["stamp"][:10]
    whole = shell.run("bob", "--tail", "ops", "--since", day, "--until", day, "--json")
    assert whole.stdout == export.stdout
    stamp = objects[10]["stamp"]
    part = shell.run("bob", "--tail", "ops", "--since", "1h", "--until", stamp)
    assert len(part.stdout.splitlines()) == 10


def test_live_json_has_a_stamp_and_is_not_past(shell: ShellHarness) -> None:
    with shell.running("bob", "--tail", "ops", "--json", "--since", "1h") as tail:
        for _ in range(COUNT):
            line_of(tail.stdout)
        assert shell.run("alice", "--send", "ops", "live").returncode == 0
        item = json.loads(line_of(tail.stdout))
        assert (item["text"], item["past"], len(item["stamp"])) == ("live", False, 32)


def test_tail_without_since_prints_nothing_past(shell: ShellHarness) -> None:
    with shell.running("bob", "--tail", "ops") as tail:
        while shell.run("alice", "--send", "ops", "live").returncode == 0:
            assert tail.stdout is not None
            if select.select([tail.stdout], [], [], 0.5)[0]:
                break
        assert read_untimed(tail.stdout) == "alice: live"


def test_bad_times_are_usage_errors(shell: ShellHarness) -> None:
    for arguments in (
        ("--tail", "ops", "--since", "yesterday"),
        ("--tail", "ops", "--until", "now"),
        ("--plain", "--since", "1h"),
        ("--plain", "--json"),
    ):
        assert shell.run("bob", *arguments).returncode == 2


def test_plain_shows_earlier_messages_on_entering_a_room(shell: ShellHarness) -> None:
    plain = shell.run("bob", "--plain", "--room", "ops", stdin="hello\n")
    assert plain.returncode == 0, plain.stderr
    lines = plain.stdout.splitlines()
    start = lines.index("-- Earlier in ops:")
    end = lines.index("-- Now in ops:")
    texts = [line.partition("] ")[2] for line in lines[start + 1 : end]]
    assert texts == [f"alice: message {number}" for number in range(COUNT)]
    assert lines[end + 1].endswith("bob (you): hello")
