"""`chat-server check`, and `--config` with the other commands, run as real processes."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chat_server.accounts.demo import DEMO_PASSWORD
from chat_server.history.history_file import HistoryFile
from chat_server.net.certificates import self_signed_certificate
from tests.support.accounts import cheap_hash, write_accounts_file
from tests.support.certificates import authority, write_certificate
from tests.support.project import PROJECT

pytestmark = pytest.mark.slow

COMMAND = (sys.executable, "-m", "chat_server")

ROOT_WARNING = "run it as a user of its own"
"""The end of the line that depends on the user who runs the tests."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a valid users file and a configuration file that sets only the port."""
    write_accounts_file(tmp_path / "users.json").chmod(0o600)
    (tmp_path / "chat.toml").write_text("port = 0\n")
    return tmp_path


def run(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    before = sorted(folder.iterdir())
    done = subprocess.run(
        [*COMMAND, *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert sorted(folder.iterdir()) == before
    return done


def findings(folder: Path, *options: str, status: int = 0, **environment: str) -> list[str]:
    """Return the lines of a check, each with its severity and its text."""
    done = run(folder, *options, **environment)
    assert (done.returncode, done.stderr) == (status, "")
    lines = done.stdout.splitlines()
    for line in lines:
        assert re.match(r"(ok      |warning |error   ) \S", line), line
    return [" ".join(line.split()) for line in lines if not line.endswith(ROOT_WARNING)]


def test_check_reports_valid_configuration(folder: Path) -> None:
    lines = findings(folder, "check", "--config", "chat.toml", "--max-clients", "10")
    assert lines[:3] == [
        "ok port = 0, from chat.toml: line 1",
        "ok max-clients = 10, from option --max-clients",
        "ok would listen on 127.0.0.1 port 0, plain text, any free port",
    ]
    assert "ok users file users.json: 5 accounts" in lines
    assert any(line.startswith("ok 10 clients at once need 138 open files") for line in lines)
    assert any("threads at most" in line for line in lines)
    assert any("memory: about" in line for line in lines)
    assert lines[-1] == "ok a start would work"


def test_check_reports_history_and_creates_nothing(folder: Path) -> None:
    lines = findings(folder, "check", "--config", "chat.toml")
    assert (
        "ok history file users.history.db: would be created; keeps 30 days, 100000 messages of"
        " each room, 1024 MiB"
    ) in lines
    off = findings(folder, "check", "--config", "chat.toml", "--history", "off")
    assert "ok history is off: no message is kept" in off
    unbounded = ("--history-days", "0", "--history-messages", "0", "--history-size", "0")
    lines = findings(folder, "check", "--config", "chat.toml", *unbounded)
    assert "ok history file users.history.db: would be created; keeps everything" in lines
    assert not list(folder.glob("*history*"))
    assert not list(folder.glob(".*history*"))


def test_check_warns_of_history_file_that_a_start_would_not_use(folder: Path) -> None:
    lines = findings(folder, "check", "--config", "chat.toml", "--history", "no/chat.db")
    assert (
        "warning history file no/chat.db: its folder does not exist; a start would go on without"
        " history"
    ) in lines
    lines = findings(folder, "check", "--config", "chat.toml", "--history", ".")
    assert any(line.startswith("warning history file .: is not a regular file") for line in lines)
    with closing(sqlite3.connect(folder / "other.db")) as other:
        other.execute("CREATE TABLE t(x)")
        other.execute("PRAGMA user_version = 5")
    lines = findings(folder, "check", "--config", "chat.toml", "--history", "other.db")
    assert (
        "warning history file other.db: it is a database of another program; a start would go on"
        " without history"
    ) in lines


def test_check_reports_history_file_that_a_server_uses(folder: Path) -> None:
    file = HistoryFile(folder / "users.history.db")
    file.lock()
    try:
        lines = findings(folder, "check", "--config", "chat.toml", status=1)
    finally:
        file.unlock()
    assert (
        "error history file users.history.db: another server uses it. Stop that one, or name"
        " another file with `--history`."
    ) in lines


def test_check_reports_source_of_each_setting(folder: Path) -> None:
    (folder / "chat.toml").write_text("burst = 5\nrate = 5\nport = 0\n")
    lines = findings(
        folder,
        *("--config", "chat.toml", "--rate", "7", "--outbox", "20000"),
        *("check", "--outbox", "30000"),
        CHAT_SERVER_BURST="6",
        CHAT_SERVER_OPERATORS="alice bob",
    )
    assert [line for line in lines if ", from " in line and " = " in line] == [
        "ok port = 0, from chat.toml: line 3",
        "ok operators = alice, bob, from environment CHAT_SERVER_OPERATORS",
        "ok rate = 7.0, from option --rate",
        "ok burst = 6, from environment CHAT_SERVER_BURST",
        "ok outbox = 30000, from option --outbox",
    ]


def test_check_config_option_overrides_environment(folder: Path) -> None:
    (folder / "other.toml").write_text("burst = 5\n")
    lines = findings(folder, "--config", "chat.toml", "check", CHAT_SERVER_CONFIG="other.toml")
    assert "ok port = 0, from chat.toml: line 1" in lines
    assert not any("burst" in line for line in lines)


def test_check_reports_port_in_use(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        lines = findings(folder, "check", "--port", str(port), status=1)
        taken.settimeout(0)
        with pytest.raises(BlockingIOError):
            taken.accept()  # the check did not connect
    assert any(re.match(rf"error can't listen on 127.0.0.1 port {port}: .*use", s) for s in lines)
    assert lines[-1] == "error a start would fail"


def test_check_reports_every_port_in_use(folder: Path) -> None:
    with ExitStack() as stack:
        ports = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
            for _ in range(3)
        ]
        plain, tls, metrics = map(str, ports)
        lines = findings(
            folder,
            *("check", "--tls", "--port", plain, "--tls-port", tls, "--metrics", metrics),
            status=1,
        )
    errors = [line.split(":")[0] for line in lines if line.startswith("error can't listen")]
    assert errors == [
        f"error can't listen on 127.0.0.1 port {plain}",
        f"error can't listen on 127.0.0.1 port {tls}",
        f"error can't listen on 127.0.0.1 port {metrics} for --metrics",
    ]


def test_check_reports_same_port_for_plaintext_and_tls(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    same = ("--tls", "--port", port, "--tls-port", port)
    lines = findings(folder, "check", *same, status=1)
    assert any(line.startswith(f"error can't listen on port {port} for plain") for line in lines)
    assert run(folder, *same).stderr.startswith(f"chat-server: can't listen on port {port} for")
    # Without TLS, only one of the two ports is used.
    findings(folder, "check", "--port", port, "--tls-port", port)


def test_check_reports_state_folder_that_is_a_broken_link(folder: Path) -> None:
    (folder / "state").symlink_to("nowhere")
    options = ("--port", "0", "--tls", "--tls-port", "0", "--state", str(folder / "state"))
    lines = findings(folder, "check", *options, status=1)
    assert any(line.startswith("error can't create a key and a self-signed") for line in lines)
    assert run(folder, *options).returncode == 2


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "a..b"])
def test_check_reports_address_that_cannot_be_bound(folder: Path, host: str) -> None:
    options = ("--host", host, "--port", "0", "--insecure-plaintext", "--state", str(folder))
    lines = findings(folder, "check", *options, status=1)
    assert lines[1].startswith("ok port = 0") or lines[0].startswith("ok host")
    assert any(line.startswith(f"error can't listen on {host} port 0: ") for line in lines)


@pytest.mark.parametrize("content", ["", "{", "{}", '{"alice": 5}', None])
def test_check_reports_unusable_users_file(folder: Path, content: str | None) -> None:
    users = folder / "users.json"
    if content is None:
        users.unlink()
    else:
        users.write_text(content)
    lines = findings(folder, "check", "--port", "0", "--operators", "alice", status=1)
    assert sum(line.startswith("error users file users.json: ") for line in lines) == 1


def test_check_warns_of_insecure_users_file(folder: Path) -> None:
    (folder / "users.json").chmod(0o644)
    (line,) = (x for x in findings(folder, "check", "--port", "0") if x.startswith("warning"))
    assert line == (
        "warning users file users.json: open to other users of this machine (mode 0644);"
        " chmod 600 users.json"
    )


def test_check_warns_of_demo_passwords(folder: Path) -> None:
    users = folder / "users.json"
    users.write_text(
        f'{{"alice": "{cheap_hash(DEMO_PASSWORD)}", "bob": "{cheap_hash("another one")}"}}'
    )
    (line,) = (x for x in findings(folder, "check", "--port", "0") if x.startswith("warning"))
    assert "the publicly known demo password is still set for alice;" in line
    assert "bob" not in line


def test_check_reports_trusted_proxies_and_warns_of_wide_ones(folder: Path) -> None:
    lines = findings(
        folder,
        *("check", "--port", "0", "--trusted-proxy", "10.0.0.5"),
        *("--trusted-proxy", "0.0.0.0/0"),
    )
    assert "ok connections from 10.0.0.5/32 must begin with a PROXY header" in lines
    wide = [line for line in lines if line.startswith("warning trusted proxy ")]
    assert len(wide) == 1
    assert wide[0].startswith("warning trusted proxy 0.0.0.0/0 contains")


def test_check_warns_of_unknown_operators_and_wide_trusted_networks(folder: Path) -> None:
    lines = findings(
        folder,
        *("check", "--port", "0", "--operators", "alice,alcie"),
        *("--trusted", "0.0.0.0/0", "--trusted", "10.0.0.0/8"),
        *("--connections-without-login", "5", "--max-connections-per-ip", "0"),
    )
    assert "warning operator 'alcie' has no account" in lines
    assert "ok operators: alice" in lines
    assert any(line.startswith("warning trusted network 0.0.0.0/0 contains") for line in lines)
    assert not any(line.startswith("warning trusted network 10.") for line in lines)
    assert "ok each address may have any number of connections at once" in lines
    assert (
        "ok each address may have 5 connections without a login in 10 minutes;"
        " exempt: 0.0.0.0/0, 10.0.0.0/8"
    ) in lines


def test_check_reports_max_clients_above_host_limits(folder: Path) -> None:
    lines = findings(folder, "check", "--port", "0", "--max-clients", "99999999", status=1)
    assert any(
        line.startswith("error `--max-clients 99999999` exceeds the open-file limit")
        for line in lines
    )


@pytest.mark.parametrize(
    "options",
    [("check", "--port", "x"), ("check", "--config", "none.toml"), ("check", "--nonsense")],
)
def test_check_usage_error_is_one_line(folder: Path, options: tuple[str, ...]) -> None:
    done = run(folder, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("chat-server: ")
    assert done.stderr.count("\n") == 1


def test_check_example_is_valid_configuration(folder: Path) -> None:
    done = run(folder, "check", "--example")
    assert done.returncode == 0
    (folder / "chat.toml").write_text(done.stdout.replace("#port = 9000", "port = 0"))
    lines = findings(folder, "check", "--config", "chat.toml")
    assert lines[0].startswith("ok port = 0, from chat.toml: line ")
    assert not lines[1].startswith("ok users =")


@pytest.mark.parametrize("by", ["option", "variable"])
def test_users_command_uses_users_file_of_configuration(folder: Path, by: str) -> None:
    (folder / "people").mkdir()
    write_accounts_file(folder / "people" / "users.json", ["erin"])
    (folder / "people" / "chat.toml").write_text('users = "users.json"\nport = 0\n')
    config = "people/chat.toml"
    options, environment = (
        (("--config", config), {}) if by == "option" else ((), {"CHAT_SERVER_CONFIG": config})
    )
    assert run(folder, *options, "users", "list", **environment).stdout == "erin\n"
    named = run(folder, *options, "users", "list", "--users", "users.json", **environment)
    assert "alice\n" in named.stdout


def test_start_with_broken_config_file_fails_with_one_line(folder: Path) -> None:
    (folder / "chat.toml").write_text("port = 0\nmax-client = 5\n")
    done = run(folder, "--config", "chat.toml")
    assert done.returncode == 2
    assert done.stderr == (
        "chat-server: chat.toml: line 2: unknown setting 'max-client';"
        " did you mean 'max-clients'?\n"
    )


TLS = ("--port", "0", "--tls-port", "0", "--tls")


def test_check_reports_key_that_would_be_created(folder: Path) -> None:
    state = folder / "state" / "chat-server"
    lines = findings(folder, "check", *TLS, "--state", str(state))
    assert "ok would listen on 127.0.0.1 port 0, TLS, any free port" in lines
    assert f"ok would create a key and a self-signed certificate in {state}" in lines
    assert not (folder / "state").exists()


def test_check_reports_key_that_cannot_be_created(folder: Path) -> None:
    state = folder / "users.json" / "state"
    lines = findings(folder, "check", *TLS, "--state", str(state), status=1)
    assert any(
        line.startswith(f"error can't create a key and a self-signed certificate in {state}: ")
        for line in lines
    )


def test_check_reports_fingerprint_of_existing_key(folder: Path) -> None:
    fingerprint = self_signed_certificate(folder, "127.0.0.1").fingerprint
    lines = findings(folder, "check", *TLS, "--state", str(folder))
    assert any(line.endswith(f", key {fingerprint}") for line in lines)
    (folder / "tls-key.pem").chmod(0o644)
    lines = findings(folder, "check", *TLS, "--state", str(folder))
    assert any("open to other users of this machine (mode 0644)" in line for line in lines)


def test_check_reports_unusable_certificate(folder: Path) -> None:
    certificate, key = write_certificate(folder)
    certificate.write_text("none")
    named = ("--tls-cert", str(certificate), "--tls-key", str(key))
    lines = findings(folder, "check", *TLS, *named, status=1)
    assert any(line.startswith(f"error {certificate}: is not a certificate") for line in lines)


def test_check_reports_own_key_without_usable_certificate(folder: Path) -> None:
    """A start would create the missing certificate from the key."""
    write_certificate(folder)
    (folder / "tls-key.pem").write_bytes((folder / "cert.pem").read_bytes())
    options = (*TLS, "--state", str(folder))
    (line,) = (s for s in findings(folder, "check", *options, status=1) if "tls-key.pem: " in s)
    assert line.startswith(
        f"error {folder / 'tls-key.pem'}: is not a key that this server created; "
    )
    assert run(folder, *options).stderr == f"chat-server: {line.removeprefix('error ')}\n"


def test_check_reports_certificate_that_would_be_recreated(folder: Path) -> None:
    self_signed_certificate(folder, "127.0.0.1")
    (folder / "tls-cert.pem").unlink()
    lines = findings(folder, "check", *TLS, "--state", str(folder))
    assert f"ok would create another certificate for the key tls-key.pem in {folder}" in lines


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_check_reports_certificate_that_cannot_be_recreated(folder: Path) -> None:
    state = folder / "state"
    self_signed_certificate(state, "127.0.0.1")
    (state / "tls-cert.pem").unlink()
    state.chmod(0o500)
    lines = findings(folder, "check", *TLS, "--state", str(state), status=1)
    assert any(line.startswith("error can't create another certificate for") for line in lines)


def test_check_warns_of_certificate_not_yet_valid(folder: Path) -> None:
    start = datetime.now(UTC) + timedelta(days=3)
    leaf = authority().issue_cert(
        "127.0.0.1", not_before=start, not_after=start + timedelta(days=1)
    )
    certificate, key = folder / "cert.pem", folder / "key.pem"
    leaf.private_key_and_cert_chain_pem.write_to_path(certificate)
    leaf.private_key_pem.write_to_path(key)
    named = ("--tls-cert", str(certificate), "--tls-key", str(key))
    lines = findings(folder, "check", *TLS, *named)
    assert any(f"{certificate} is not valid before {start.date()}" in line for line in lines)


def test_check_of_public_host_reports_tls_and_warns_of_plaintext(folder: Path) -> None:
    public = ("--host", "0.0.0.0", "--port", "0", "--tls-port", "0", "--state", str(folder))
    lines = findings(folder, "check", *public)
    assert "ok would listen on 0.0.0.0 port 0, TLS, any free port" in lines
    assert not any("plain text" in line for line in lines)
    lines = findings(folder, "check", *public, "--insecure-plaintext")
    assert any(line.startswith("warning plain text on an address") for line in lines)


def test_check_reports_member_places_that_leave_none_for_others(folder: Path) -> None:
    options = ("--port", "0", "--max-clients", "10", "--member-places", "10")
    lines = findings(folder, "check", *options, status=1)
    assert (
        "error `--member-places 10` leaves no place for a connection that has not logged in yet."
        " Set it below `--max-clients`, which is 10."
    ) in lines
