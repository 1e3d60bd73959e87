"""The environment of every test: known variables and signals, the leak check, short folders."""

import atexit
import gc
import os
import shutil
import signal
import site
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Modules by name: pytest cannot rewrite the assertions of a plugin that is already imported.
pytest_plugins = [
    "tests.support.fake_clock",
    "tests.support.redis_server",
    "tests.support.running_server",
    "tests.support.small_disk",
    "tests.support.tmux_terminal",
    "tests.support.users_file",
    "tests.support.cluster",
]

SLOW_FOLDERS = ("abuse", "benchmarks", "cluster", "end_to_end")
"""Folders whose tests are all slow. In other folders, the tests have the marker themselves."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow folders."""
    slow = {Path(__file__).parent / folder for folder in SLOW_FOLDERS}
    for item in items:
        if slow.intersection(item.path.parents):
            item.add_marker(pytest.mark.slow)


gc.disable()  # while the tests are collected: nothing becomes garbage


def pytest_collection_finish() -> None:
    """Run garbage collections again, but rarely and without what exists now: modules and tests.

    Otherwise a full collection of 0.2 to 0.3 s takes place in every second test of the client: a
    third of their time. `nothing_left_behind` collects by itself when it must.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    gc.enable()


OWN_VARIABLES = {
    "TERM": "xterm-256color",  # with fewer colours, the client uses other themes
    "LC_ALL": "C.UTF-8",
    "PYTHONUSERBASE": site.getuserbase(),  # otherwise it would depend on HOME
}
"""Variables that have the same value in every run."""

FOREIGN_VARIABLES = (
    *("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "COLORTERM", "CLICOLOR", "TTY_"),
    *("LANG", "LC_", "TEXTUAL", "TERM_PROGRAM", "TMUX", "STY", "WT_"),
    *("KITTY_", "ALACRITTY_", "WEZTERM_", "VTE_"),
    *("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "SSH_", "XDG_", "LOBBY_", "CHAT_SERVER_"),
    *("NOTIFY_SOCKET", "WATCHDOG_", "STATE_DIRECTORY"),
    *("PYTHONUNBUFFERED", "PYTHONUTF8", "PYTHONIOENCODING", "PYTHONCOERCECLOCALE"),
    *("PYTHONDEVMODE", "PYTHONWARNINGS", "PYTHONINSPECT", "PYTHONSAFEPATH", "PYTHONFAULTHANDLER"),
)
"""Beginnings of variables that a shell, a terminal or a CI system may set and a program under test
would obey. Tests run without them, unless they set them."""


def normalise_environment() -> None:
    """Set the same environment everywhere for this process and the programs that tests start."""
    for name in [name for name in os.environ if name.startswith(FOREIGN_VARIABLES)]:
        del os.environ[name]
    os.environ.update(OWN_VARIABLES)
    if "PYTEST_XDIST_WORKER" not in os.environ:  # a worker has inherited the home of its controller
        # Short, like a real home folder, so that texts with a path in it fit in their lines.
        os.environ["HOME"] = home = tempfile.mkdtemp(prefix="lobby-home-", dir="/tmp")
        atexit.register(shutil.rmtree, home, ignore_errors=True)
    # `nohup` and `&` in a script ignore signals, and child processes inherit that, but they do not
    # inherit a handler. With one, this process survives the signal and they get the default.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


normalise_environment()

LEAK_TIMEOUT = 5.0
"""Seconds after a test within which its threads must end and its sockets must be closed."""


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail a test whose threads are alive or whose sockets and pipes are open soon after it.

    Autouse and of function scope: set up first, torn down after every other fixture of the test.
    """
    threads_before = set(threading.enumerate())
    channels_before = _open_channels()
    yield
    deadline = time.monotonic() + LEAK_TIMEOUT
    started = set(threading.enumerate()) - threads_before
    for thread in started:
        thread.join(max(0.0, deadline - time.monotonic()))
    alive = sorted(thread.name for thread in started if thread.is_alive())
    assert not alive, f"threads still alive {LEAK_TIMEOUT:.0f} s after the test: {alive}"
    if _open_channels() - channels_before:
        gc.collect()
    left_open = _open_channels() - channels_before
    assert not left_open, f"sockets or pipes still open after the test: {sorted(left_open)}"


def _open_channels() -> set[tuple[int, str, int]]:
    """Return the open sockets, pipes and selectors of this process as (number, kind, inode).

    Plain files are left out: libraries may open some at first use and keep them.
    """
    channels = set()
    for number in map(int, os.listdir("/dev/fd")):
        try:
            status = os.fstat(number)
        except OSError:  # the listing's own descriptor
            continue
        if stat.S_ISSOCK(status.st_mode):
            channels.add((number, "socket", status.st_ino))
        elif stat.S_ISFIFO(status.st_mode):
            channels.add((number, "pipe", status.st_ino))
        elif stat.S_IFMT(status.st_mode) == 0:
            channels.add((number, "selector", status.st_ino))
    return channels


@pytest.fixture
def require_program() -> Callable[[str], Path]:
    """Return a function that maps a program's name to its path.

    If the program is missing, the test is skipped on a developer's machine and fails if CI=true:
    CI installs every program, and a silent skip would be a test that never runs.
    """

    def find(name: str) -> Path:
        found = shutil.which(name)
        if found is not None:
            return Path(found)
        reason = f"the program {name!r} is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}, and CI must have it")
        pytest.skip(reason)

    return find


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Yield an empty folder for Unix sockets, whose paths end at 104 bytes on macOS, 108 on Linux.

    `tmp_path` can be longer than that: a temporary folder of macOS alone has 50 characters.
    """
    with tempfile.TemporaryDirectory(prefix="lobby-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def tmp_path(tmp_path: Path) -> Path:
    """Return a folder whose path has spaces and an umlaut, and is too long for a Unix socket in it.

    So a test that needs a simple path fails on every machine, and not only on some.
    """
    folder = (
        tmp_path / "folder with spaces, an ü and a name that is too long for the path of a socket"
    )
    folder.mkdir()
    return folder
