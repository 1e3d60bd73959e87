"""The files in deploy/: the systemd unit, the scripts and the image.

The tests need neither a running systemd nor a container engine. They start the programs that these
files start.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from chat_server.__main__ import cli
from chat_server.config import MAX_CLIENTS, RESERVED_FILES, Config
from tests.support.accounts import write_accounts_file
from tests.support.project import PROJECT
from tests.support.stored_history import write_history
from tests.support.systemd_units import DEPLOY, UNIT, settings_of

EXPOSURE = 2.0
"""Highest allowed score of `systemd-analyze security`; 10 is a service without restrictions."""

RequireProgram = Callable[[str], Path]


@pytest.fixture
def startable_unit(tmp_path: Path) -> Path:
    """Return the unit with programs that exist here, because systemd-analyze checks them."""
    unit = tmp_path / "lobby.service"
    text = re.sub(r"^(ExecStart|ExecReload)=\S+", r"\1=/bin/true", UNIT.read_text(), flags=re.M)
    unit.write_text(text)
    return unit


def test_systemd_accepts_the_unit(startable_unit: Path, require_program: RequireProgram) -> None:
    analyze = require_program("systemd-analyze")
    done = subprocess.run(
        [analyze, "verify", startable_unit], capture_output=True, text=True, timeout=50
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    broken = startable_unit.with_name("broken.service")
    broken.write_text(startable_unit.read_text().replace("ProtectSystem", "ProtectSytem"))
    done = subprocess.run([analyze, "verify", broken], capture_output=True, text=True, timeout=50)
    assert "ProtectSytem" in done.stderr  # proves that it reports an unknown setting


def test_systemd_unit_has_low_exposure_level(
    startable_unit: Path, require_program: RequireProgram
) -> None:
    analyze = require_program("systemd-analyze")
    version = subprocess.run([analyze, "--version"], capture_output=True, text=True).stdout
    if int(version.split()[1]) < 250:
        pytest.skip("this version of systemd-analyze cannot check a unit offline")
    done = subprocess.run(
        [
            *(analyze, "security", "--no-pager", "--offline=true"),
            *(f"--threshold={EXPOSURE * 10:.0f}", startable_unit),
        ],
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stdout
    assert "Overall exposure level" in done.stdout


def test_systemd_unit_matches_server_requirements() -> None:
    unit = settings_of(UNIT)
    assert unit["Type"] == ["notify"]
    assert unit["DynamicUser"] == ["yes"]
    assert unit["ProtectSystem"] == ["strict"]
    assert unit["StateDirectory"] == ["lobby"]
    assert int(unit["LimitNOFILE"][0]) >= MAX_CLIENTS + RESERVED_FILES
    assert int(unit["TasksMax"][0]) >= MAX_CLIENTS + 100  # main, acceptor, flusher, hashing
    # The log is on standard error. By default systemd sends it where standard output goes.
    assert (unit["StandardOutput"], unit["StandardError"]) == (["null"], ["journal"])
    config = Config(max_clients=1)
    needed = config.tuning.flush_seconds + config.tuning.history_drain_seconds
    assert float(unit["TimeoutStopSec"][0]) >= needed + 5
    assert float(unit["WatchdogSec"][0]) >= 10 * config.tuning.users_check_seconds
    assert unit["ExecReload"][0].split()[1:] == ["-HUP", "$MAINPID"]
    # A wrong configuration exits with 2 (click's usage errors). A restart would not help.
    assert unit["RestartPreventExitStatus"] == ["2"]


def test_systemd_unit_allows_needed_system_calls(
    require_program: RequireProgram,
) -> None:
    """The server lowers the priority of threads, writes files, and needs what Python needs."""
    analyze = require_program("systemd-analyze")
    allowed: set[str] = set()
    for value in settings_of(UNIT)["SystemCallFilter"]:
        is_denied = value.startswith("~")
        for group in value.removeprefix("~").split():
            calls = _calls_of(analyze, group)
            allowed = allowed - calls if is_denied else allowed | calls
    assert {"setpriority", "sched_getaffinity", "clone3", "accept4", "fchmod", "flock"} <= allowed
    assert {"getrandom", "prlimit64", "poll", "sendto", "renameat", "fsync"} <= allowed
    assert not {"mount", "ptrace", "reboot", "init_module", "setuid", "chown"} & allowed


def _calls_of(analyze: Path, group: str) -> set[str]:
    if not group.startswith("@"):
        return {group}
    listing = subprocess.run(
        [analyze, "syscall-filter", "--no-pager", group], capture_output=True, text=True, check=True
    ).stdout
    calls: set[str] = set()
    for line in listing.splitlines()[1:]:
        name = line.split("#")[0].strip()
        if name:
            calls |= _calls_of(analyze, name)
    return calls


def test_sample_configuration_has_only_known_options() -> None:
    text = (DEPLOY / "lobby.toml").read_text()
    known = {name.lstrip("-") for parameter in cli.params for name in parameter.opts}
    settings = tomllib.loads(text)
    assert set(settings) <= known
    # Root runs `chat-server check` on the file without the environment of the service.
    assert settings["state"] == f"/var/lib/{settings_of(UNIT)['StateDirectory'][0]}"
    assert Path(settings["users"]).parent == Path(settings["state"])


@pytest.fixture
def fake_systemd(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which systemd's programs record their arguments.

    `systemd-run` runs the command. What a shell writes into /var/lib/lobby goes into a folder of
    the test.
    """
    programs = tmp_path / "bin"
    programs.mkdir()
    (tmp_path / "var/lib/lobby").mkdir(parents=True)
    for name, script in {
        "systemd-run": f"""
            while [ "${{1#--}}" != "$1" ]; do echo "$1" >> "{tmp_path}/calls"; shift; done
            umask 077
            [ "$1" = /bin/sh ] || {{ echo "$@" >> "{tmp_path}/calls"; exec "$@"; }}
            exec "$1" "$2" "$3" "{tmp_path}$4"
        """,
        "systemctl": f'{{ ls "{tmp_path}/var/lib/lobby"; echo "$@"; }} >> "{tmp_path}/calls"',
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    return {"PATH": f"{programs}:{os.environ['PATH']}"}


def test_certbot_hook_installs_certificate_before_reload(
    tmp_path: Path, fake_systemd: dict[str, str]
) -> None:
    lineage = tmp_path / "live"
    lineage.mkdir()
    (lineage / "privkey.pem").write_text("a key")
    (lineage / "fullchain.pem").write_text("a chain")
    environment = {**fake_systemd, "RENEWED_LINEAGE": str(lineage)}
    subprocess.run([DEPLOY / "certbot-deploy-hook"], env=environment, check=True, timeout=30)
    state = tmp_path / "var/lib/lobby"
    assert (state / "certbot-key.pem").read_text() == "a key"
    assert (state / "certbot-cert.pem").read_text() == "a chain"
    assert (state / "certbot-key.pem").stat().st_mode & 0o777 == 0o600
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[-3:] == [
        "certbot-cert.pem",
        "certbot-key.pem",
        "try-reload-or-restart lobby.service",
    ]
    assert "--property=DynamicUser=yes" in calls
    (lineage / "privkey.pem").unlink()
    (tmp_path / "calls").unlink()
    done = subprocess.run(
        [DEPLOY / "certbot-deploy-hook"], env=environment, capture_output=True, timeout=30
    )
    assert done.returncode != 0
    assert (state / "certbot-key.pem").read_text() == "a key"
    assert not (tmp_path / "calls").exists()


def test_lobby_users_script_runs_as_service_user(
    tmp_path: Path, fake_systemd: dict[str, str]
) -> None:
    state = tmp_path / "var/lib/lobby"
    config = tmp_path / "lobby.toml"
    settings = (DEPLOY / "lobby.toml").read_text()
    config.write_text(settings.replace('"/var/lib/lobby', f'"{state}'))
    program, _, its_config = settings_of(UNIT)["ExecStart"][0].split()
    script = tmp_path / "lobby-users"
    text = (DEPLOY / "lobby-users").read_text()
    assert f"{program} --config {its_config} " in text
    text = text.replace(program, f"{shlex.quote(sys.executable)} -m chat_server")
    script.write_text(text.replace(its_config, shlex.quote(str(config))))
    script.chmod(0o755)

    def lobby_users(*arguments: str, stdin: str = "") -> str:
        done = subprocess.run(
            [script, *arguments],
            env={**fake_systemd, "PYTHONPATH": str(PROJECT)},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    lobby_users("add", "alice", "--password-stdin", stdin="pass-word-1\n")
    assert lobby_users("list") == "alice\n"
    assert (state / "users.json").stat().st_mode & 0o777 == 0o600
    # With both --pty and --pipe, if only stdin is a terminal, the output stays on standard output.
    required = {"--property=User=lobby", "--property=DynamicUser=yes", "--pty", "--pipe", "--wait"}
    assert required <= set((tmp_path / "calls").read_text().splitlines())


def test_lobby_history_script_runs_as_service_user_in_its_folder(
    tmp_path: Path, fake_systemd: dict[str, str]
) -> None:
    state = tmp_path / "var/lib/lobby"
    write_accounts_file(state / "users.json", ["alice"])
    history = write_history(state / "users.history.db")
    config = tmp_path / "lobby.toml"
    config.write_text((DEPLOY / "lobby.toml").read_text().replace('"/var/lib/lobby', f'"{state}'))
    program, _, its_config = settings_of(UNIT)["ExecStart"][0].split()
    text = (DEPLOY / "lobby-history").read_text()
    assert f"{program} --config {its_config} history " in text
    script = tmp_path / "lobby-history"
    text = text.replace(program, f"{shlex.quote(sys.executable)} -m chat_server")
    script.write_text(text.replace(its_config, shlex.quote(str(config))))
    script.chmod(0o755)
    for arguments in (["backup", "backup.db"], ["restore", "backup.db"]):  # as the manual says
        done = subprocess.run(
            [script, *arguments],
            cwd=state,
            env={**fake_systemd, "PYTHONPATH": str(PROJECT)},
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Restored {history} from backup.db\n")
    required = {
        "--property=User=lobby",
        "--property=DynamicUser=yes",
        "--property=WorkingDirectory=/var/lib/lobby",
        *("--pty", "--pipe", "--wait"),
    }
    assert required <= set((tmp_path / "calls").read_text().splitlines())


def test_lobby_check_script_checks_with_settings_of_service(
    tmp_path: Path, fake_systemd: dict[str, str]
) -> None:
    state = tmp_path / "var/lib/lobby"
    write_accounts_file(state / "users.json", ["alice"])
    config = tmp_path / "lobby.toml"
    config.write_text((DEPLOY / "lobby.toml").read_text().replace('"/var/lib/lobby', f'"{state}'))
    unit = settings_of(UNIT)
    program, _, its_config = unit["ExecStart"][0].split()
    text = (DEPLOY / "lobby-check").read_text()
    assert f"{program} --config {its_config} check " in text
    for setting in ("LimitNOFILE", "TasksMax"):  # so that the report is that of the service
        assert f"--property={setting}={unit[setting][0]} " in text
    script = tmp_path / "lobby-check"
    text = text.replace(program, f"{shlex.quote(sys.executable)} -m chat_server")
    script.write_text(text.replace(its_config, shlex.quote(str(config))))
    script.chmod(0o755)
    done = subprocess.run(
        [script, "--tls-port", "0", "--metrics", "0"],
        env={**fake_systemd, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.endswith("ok       a start would work\n")


def test_deploy_scripts_and_unit_use_same_user_and_folder() -> None:
    unit = settings_of(UNIT)
    for name in ("lobby-users", "lobby-check", "lobby-history", "certbot-deploy-hook"):
        text = (DEPLOY / name).read_text()
        for setting in ("DynamicUser", "User", "UMask", "StateDirectory", "StateDirectoryMode"):
            assert f"--property={setting}={unit[setting][0]} " in text


# The image

Instruction = tuple[str, str]


def instructions() -> list[Instruction]:
    """Return the instructions of the Dockerfile with their arguments, continued lines joined."""
    lines = [line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if line[:1] != "#"]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in joined.splitlines() if line]


def test_image_runs_unprivileged_with_health_check() -> None:
    stages = " ".join(name for name, _ in instructions()).split("FROM")
    assert len(stages) == 3
    last = dict(instructions()[-len(stages[-1].split()) :])
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", last["USER"])
    assert last["EXPOSE"] == "9001"
    assert last["STOPSIGNAL"] == "SIGTERM"
    assert last["VOLUME"] == last["WORKDIR"] == "/var/lib/lobby"
    assert json.loads(last["ENTRYPOINT"]) == ["chat-server"]
    environment = dict(word.split("=", 1) for word in shlex.split(last["ENV"]))
    assert environment["CHAT_SERVER_USERS"].startswith(last["VOLUME"])
    assert f":{environment['CHAT_SERVER_METRICS']}/healthz" in last["HEALTHCHECK"]


def test_image_copies_existing_files_within_build_context() -> None:
    allowed = {
        line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line[0] == "!"
    }
    sources = copied_paths()
    assert sources
    for source in sources:
        assert (PROJECT / source).exists()
        assert source in allowed
    assert allowed == set(sources)


def copied_paths() -> list[str]:
    """Return the paths that the Dockerfile copies from the checkout."""
    return [
        source
        for name, arguments in instructions()
        if name == "COPY" and not arguments.startswith("--from")
        for source in arguments.split()[:-1]
    ]


@pytest.mark.timeout(300)
def test_wheel_builds_from_files_copied_into_image(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in copied_paths():
        if (PROJECT / name).is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(PROJECT / name, source / name, ignore=ignore)
        else:
            shutil.copy(PROJECT / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    built = subprocess.run(
        [*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path, source],
        capture_output=True,
        text=True,
        timeout=200,
    )
    if built.returncode and os.environ.get("CI") != "true" and "setuptools" in built.stderr:
        pytest.skip("the build tools cannot be downloaded here")
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True, timeout=60)
    python = tmp_path / "venv/bin/python"
    subprocess.run(
        [python, *pip[1:], "install", "--no-deps", "--no-index", wheel], check=True, timeout=60
    )
    # Use the installed libraries, without the link that makes this checkout importable.
    libraries = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    Path(libraries, "libraries.pth").write_text(sysconfig.get_path("purelib"))
    for program in ("chat-server", "chat-tui"):
        shown = subprocess.run(
            [tmp_path / "venv/bin" / program, "--help"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=60,
        )
        assert shown.returncode == 0, shown.stderr
        assert "Usage" in shown.stdout
    found = subprocess.run(
        [python, "-c", "import chat_tui; print(chat_tui.__path__[0])"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    ).stdout.strip()
    assert found.startswith(str(tmp_path / "venv"))
    assert {file.name for file in Path(found).rglob("*.tcss")} == {
        file.name for file in (PROJECT / "chat_tui").rglob("*.tcss")
    }
