"""Isolation of the tests and the programs that they start from the environment of a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.support.project import PROJECT

CHILD = """
import json, os, signal
ignored = [number for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
           if signal.getsignal(number) == signal.SIG_IGN]
print(json.dumps([dict(os.environ), ignored]))
"""

STARTER = f"""
import subprocess, sys
import tests.conftest
sys.exit(subprocess.run([sys.executable, "-c", {CHILD!r}]).returncode)
"""

HOSTILE = {
    "CHAT_SERVER_PORT": "1",
    "COLUMNS": "20",
    "LANG": "de_DE",
    "LC_ALL": "C",
    "LINES": "5",
    "NOTIFY_SOCKET": "/nowhere",
    "NO_COLOR": "1",
    "PYTHONIOENCODING": "latin-1",
    "PYTHONUNBUFFERED": "1",
    "TERM": "dumb",
    "TMUX": "/tmp/tmux",
    "XDG_STATE_HOME": "/nowhere",
}


def test_programs_of_tests_inherit_neither_variables_nor_ignored_signals() -> None:
    done = subprocess.run(
        ["sh", "-c", "trap '' HUP INT QUIT; exec \"$@\"", "sh", sys.executable, "-c", STARTER],
        env={"PATH": os.environ["PATH"], "HOME": "/nowhere", **HOSTILE},
        cwd=PROJECT,
        capture_output=True,
        check=True,
    )
    variables, ignored = json.loads(done.stdout)
    assert ignored == []
    assert variables["TERM"] == "xterm-256color"
    assert variables["LC_ALL"] == "C.UTF-8"
    assert "/lobby-home-" in variables["HOME"]
    assert not (HOSTILE.keys() - {"TERM", "LC_ALL"}) & variables.keys()
