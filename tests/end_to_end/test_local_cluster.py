"""`make cluster`: one chat of two servers, which two `nc` see, and nothing is left after Ctrl+C."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.project import PROJECT
from tests.support.wait_until import WAIT_TIMEOUT, until

SCRIPT = PROJECT / "deploy/local_cluster.py"

START = (
    "import sys; sys.path.insert(0, sys.argv[1]); import local_cluster;"
    " local_cluster.RESTART_SECONDS = 0.3; local_cluster.BALANCER_PORT = 0;"
    " local_cluster.SERVER_PORTS = dict.fromkeys(local_cluster.SERVER_PORTS, 0);"
    " sys.exit(local_cluster.main())"
)
"""Run the script without the wait that lets a user see what a fault does, and on free ports: those
that are easy to type may be chosen by two tests at once."""

RequireProgram = Callable[[str], Path]


@contextmanager
def running_cluster(folder: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run the script of `make cluster` in a session of its own, as in a terminal."""
    with subprocess.Popen(
        [sys.executable, "-c", START, SCRIPT.parent],
        env={**os.environ, "TMPDIR": str(folder), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()  # it stops its programs, also if the test has failed
            process.wait(WAIT_TIMEOUT)


def read_introduction(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or "Ctrl+C" not in lines[-1]:
        line = process.stdout.readline()
        assert line, process.stderr and process.stderr.read()
        lines.append(line)
    return "".join(lines)


def read_until(nc: subprocess.Popen[bytes], *texts: str) -> None:
    """Read what netcat prints until all these texts have come, in any order."""
    assert nc.stdout is not None
    read = b""
    while not all(text.encode() in read for text in texts):
        assert select.select([nc.stdout], [], [], WAIT_TIMEOUT)[0], read
        part = os.read(nc.stdout.fileno(), 4096)
        assert part, read
        read += part


def write(nc: subprocess.Popen[bytes], line: str) -> None:
    assert nc.stdin is not None
    nc.stdin.write(f"{line}\n".encode())
    nc.stdin.flush()


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of the processes whose working directory is in `folder`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(process / "cwd")).is_relative_to(folder):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def test_netcats_chat_through_both_servers_until_ctrl_c_stops_all_of_it(
    tmp_path: Path, require_program: RequireProgram
) -> None:
    for program in ("redis-server", "haproxy", "nc"):
        require_program(program)
    with running_cluster(tmp_path) as process:
        shown = read_introduction(process)
        commands = re.findall(r"^ +(nc 127\.0\.0\.1 \d+) ", shown, flags=re.M)
        assert len(set(commands)) == 3
        clients = [
            subprocess.Popen(each.split(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for each in commands
        ]
        try:
            for nc, user in zip(clients, ("alice", "bob", "carol"), strict=True):
                write(nc, f"LOGIN {user} password123")
                write(nc, "/subscribe *")
                read_until(nc, "[SERVER] Subscribed to *\n")
            for nc, user in zip(clients, ("alice", "bob", "carol"), strict=True):
                write(nc, f"I am {user}")
            for nc, others in zip(
                clients, (("bob", "carol"), ("alice", "carol"), ("alice", "bob")), strict=True
            ):
                read_until(nc, *(f" {other}: I am {other}\n" for other in others))
            assert processes_of(tmp_path)
            process.send_signal(signal.SIGINT)
            assert process.wait(WAIT_TIMEOUT) == 0
            for nc in clients:
                read_until(nc, "[SERVER] Server is shutting down\n")
        finally:
            for nc in clients:
                nc.kill()
                nc.communicate()
        assert processes_of(tmp_path) == []
        assert list(tmp_path.iterdir()) == []


def test_cluster_stops_when_one_of_its_programs_ends(
    tmp_path: Path, require_program: RequireProgram
) -> None:
    for program in ("redis-server", "haproxy"):
        require_program(program)
    with running_cluster(tmp_path) as process:
        read_introduction(process)
        (line,) = subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", str(process.pid)], capture_output=True, text=True
        ).stdout.splitlines()[-1:]
        assert "haproxy" in line
        os.kill(int(line.split()[0]), signal.SIGKILL)
        assert process.wait(WAIT_TIMEOUT) == 1
        assert process.stderr is not None
        assert process.stderr.read().startswith("make cluster: haproxy has ended: ")
    until(lambda: not processes_of(tmp_path), "no program is left")
    assert list(tmp_path.iterdir()) == []


def test_killed_server_starts_again_and_the_other_programs_go_on(
    tmp_path: Path, require_program: RequireProgram
) -> None:
    for program in ("redis-server", "haproxy"):
        require_program(program)
    with running_cluster(tmp_path) as process:
        read_introduction(process)
        lines = subprocess.run(
            ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(process.pid)],
            capture_output=True,
            text=True,
        ).stdout.splitlines()
        (server,) = [line for line in lines if "--node one" in line]
        os.kill(int(server.split()[0]), signal.SIGKILL)
        assert process.stdout is not None
        assert process.stdout.readline().startswith("server-one has ended: ")
        assert "It starts again in " in process.stdout.readline()
        assert any("--node two" in each for each in processes_of(tmp_path))
        assert process.stdout.readline() == "server-one has started again.\n"
        until(
            lambda: any("--node one" in each for each in processes_of(tmp_path)),
            "the server runs again",
        )
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_TIMEOUT) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("present", "error"),
    [
        (
            ["haproxy"],
            "redis-server is not installed; on Debian or Ubuntu: sudo apt install redis-server",
        ),
        (
            [],
            "redis-server and haproxy are not installed; on Debian or Ubuntu:"
            " sudo apt install redis-server haproxy",
        ),
    ],
)
def test_missing_programs_are_named_in_one_line(
    tmp_path: Path, present: list[str], error: str
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in present:
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import local_cluster;"
        " local_cluster.FOLDERS = (); sys.exit(local_cluster.main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(SCRIPT.parent)],
        env={"PATH": str(programs), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"make cluster: {error}\n"
