"""The settings file: its values take effect, and each problem names the line and a fix."""

import os
import shlex
import sys
import types
from pathlib import Path

import pytest

from chat_tui.config import Configuration, PasswordError, Profile, load
from chat_tui.config.example import EXAMPLE
from chat_tui.config.settings import Settings
from tests.support.wait_until import until

GOOD = """\
theme = "night"
mention_words = [
    "deploy",
    "red build",
]
bell = false
log_folder = "/var/chat"

[keys]
jump = "ctrl+y"
room.open = "f9,ctrl+n"

[profiles.work]
server = "chat.example.org:7777"
user = "alice"
room = "dev"
password_command = "echo secret"

[profiles."at home"]
server = "[::1]"
user = "bob"

[themes.night]
base = "lobby-light"
accent = "#FA0"
"""


def read(folder: Path, text: str) -> Configuration:
    path = folder / "config.toml"
    path.write_text(text)
    return load(path)


def problems_of(folder: Path, text: str) -> list[str]:
    return [str(problem).removeprefix(f"{folder}/") for problem in read(folder, text).problems]


def test_config_file_settings_take_effect(tmp_path: Path) -> None:
    configuration = read(tmp_path, GOOD)
    assert configuration.problems == ()
    assert configuration.settings == Settings(
        theme="night",
        mention_words=("deploy", "red build"),
        bell=False,
        log_folder=Path("/var/chat"),
        keys={"jump": "ctrl+y", "room.open": "f9,ctrl+n"},
    )
    work, home = configuration.profiles
    assert (work.name, work.host, work.port, work.user, work.room) == (
        *("work", "chat.example.org", 7777, "alice", "dev"),
    )
    assert (home.name, home.host, home.port, home.needs_prompt) == ("at home", "::1", 9001, True)
    assert configuration.profile("work") is work
    assert work.password() == "secret"
    assert configuration.profile("nobody") is None
    assert "has no profile 'nobody'. Its profiles: work" in configuration.missing_profile("nobody")
    advice = Configuration().missing_profile("ops")
    assert advice.endswith("no profile 'ops'. To see how to add one: chat-tui config --example")
    assert configuration.profile_for("Chat.Example.org", 7777, "alice") is work
    assert configuration.profile_for("::1", 9002, "bob") is None
    (theme,) = configuration.themes
    assert (theme.name, theme.base, theme.colours) == (
        "night",
        "lobby-light",
        {"accent": "#ffaa00"},
    )
    assert configuration.lines["mention_words",] == 2
    assert configuration.lines["keys", "room", "open"] == 11
    assert configuration.lines["profiles", "at home", "user"] == 21


def test_missing_or_unreadable_config_file_gives_defaults(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    assert load(path) == Configuration(path)
    path.mkdir()
    assert "can't be read" in str(load(path).problems[0])
    assert load(path).settings == Settings()


def test_config_example_is_valid_and_changes_nothing(tmp_path: Path) -> None:
    configuration = read(tmp_path, EXAMPLE)
    assert configuration.problems == ()
    assert (configuration.settings, configuration.profiles) == (Settings(), ())
    used = "\n".join(
        line.removeprefix("#") if line.startswith("#") and not line.startswith("# ") else line
        for line in EXAMPLE.splitlines()
    )
    configuration = read(tmp_path, used)
    assert configuration.problems == ()
    assert len(configuration.profiles) == 2
    assert len(configuration.themes) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('\nthemes = "x"', ["line 2", "themes is not a table", "[themes]"]),
        ("# x\nbell = 'yes'", ["line 2", 'bell can\'t be "yes"', "true or false"]),
        ("mention_words = 'x'", ["line 1", 'Write mention_words = ["deploy"']),
        ("log_folder = 'logs'", ["line 1", "absolute path"]),
        ("bel = true", ["line 1", "'bel' is not a known setting", "Did you mean bell"]),
        ("bell = true\n\ntheme = lobby-light\n", ["line 3", "not valid TOML", "in quotes"]),
        ("bell = ", ["line 1", "not valid TOML"]),
        ("[keys]\njump = 3", ["line 2", "jump can't be 3", 'jump = "ctrl+y"']),
        ("[profiles]\nwork = 1", ["line 2", "[profiles.work]"]),
        ("[profiles.w]\nuser = 'al'", ["line 1", "the profile w has no server"]),
        ("[profiles.w]\nuser='al'\nserver='h:x'", ["line 3", 'server can\'t be "h:x"']),
        ("[profiles.w]\nuser='a b'\nserver='h'", ["line 2", 'user can\'t be "a b"']),
        ("[profiles.w]\nuser='a'\nserver='h'\nroon='x'", ["line 4", "Did you mean room"]),
        (
            "[profiles.w]\nuser='a'\nserver='h'\nservers=['h', 'i']",
            ["line 4", "server and servers can't be used together"],
        ),
        ("[profiles.w]\nuser='a'\nservers=[]", ["line 3", "servers can't be []", "chat2."]),
        ("[profiles.w]\nuser='a'\nservers=['h:x']", ["line 3", "servers can't be"]),
        ("[profiles.w]\nuser='a'\nservers='h'", ["line 3", 'servers can\'t be "h"']),
        ("[profiles.w]\nuser='a'\nservers=['h', 'H:9001']", ["line 3", "a server twice"]),
        ("[themes.w]\naccent='red'", ["line 2", 'accent = "#e9b25f"']),
        ("[themes.lobby-dark]\n", ["line 1", "Choose another name"]),
        ("[themes.w]\nbase='w'", ["line 2", "lobby-light"]),
        ("[themes.w]\nacent='#fff'", ["line 2", "Use one of: base, accent"]),
    ],
)
def test_config_problem_names_line_and_fix(tmp_path: Path, text: str, expected: list[str]) -> None:
    (problem,) = problems_of(tmp_path, text)
    assert problem.startswith("config.toml, line ")
    assert all(part in problem for part in expected), problem


def test_config_problem_leaves_other_settings_in_effect(tmp_path: Path) -> None:
    configuration = read(
        tmp_path, "bell = false\nmouse = 3\n[profiles.w]\nuser='a'\nserver='h'\nx=1"
    )
    assert len(configuration.problems) == 2
    assert (configuration.settings.bell, configuration.settings.mouse) == (False, True)
    assert configuration.profiles == (Profile("w", "h", 9001, "a"),)


def test_profile_with_plaintext_uses_plaintext_port(tmp_path: Path) -> None:
    text = "[profiles.{}]\nuser='a'\nserver='{}'\nplaintext=true\n"
    configuration = read(tmp_path, text.format("w", "h") + text.format("v", "h:9100"))
    assert configuration.profiles == (
        Profile("w", "h", 9000, "a", plaintext=True),
        Profile("v", "h", 9100, "a", plaintext=True),
    )


def test_password_in_config_file_is_rejected_and_not_shown(tmp_path: Path) -> None:
    text = "[profiles.w]\nuser='a'\nserver='h'\npassword = 'hunter2'"
    configuration = read(tmp_path, text)
    assert "a password must not be in this file" in str(configuration.problems[0])
    assert "line 4" in str(configuration.problems[0])
    assert "hunter2" not in repr(configuration)
    both = problems_of(
        tmp_path, "[profiles.w]\nuser='a'\nserver='h'\nkeyring=true\npassword_env='X'"
    )
    assert "Keep one of them" in both[0]


def test_config_file_rejects_bad_encoding_deep_nesting_and_large_size(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    for data, expected in (
        (b"\nbell = '\xff'", "line 2: the file is not UTF-8"),
        (b"x = " + b"[" * 20_000, "Nested too deeply"),
        (b"#" * (1 << 20) + b"##", "Larger than 1 MiB"),
    ):
        path.write_bytes(data)
        assert expected in str(load(path).problems[0])
    path.write_bytes(b"\xef\xbb\xbfbell = false\r\n")
    assert load(path).settings.bell is False


def sh(line: str) -> tuple[str, ...]:
    """Return the command of `password_command = "line"` in the file."""
    return ("/bin/sh", "-c", line)


def is_alive(process: int) -> bool:
    """Return whether the process runs. A zombie does not run."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{process}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return Path("/proc/self").exists() is False


class TestProfilePassword:
    """Each source of a password, and the error if it gives none."""

    def profile(self, **source: object) -> Profile:
        return Profile("work", "h", 9000, "alice", **source)  # type: ignore[arg-type]

    def test_profile_without_password_source_prompts_user(self) -> None:
        assert self.profile().password() is None
        assert self.profile().needs_prompt

    def test_password_is_read_from_environment_variable(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        profile = self.profile(password_env="CHAT_SECRET")
        monkeypatch.setenv("CHAT_SECRET", "hunter2")
        assert profile.password() == "hunter2"
        monkeypatch.delenv("CHAT_SECRET")
        with pytest.raises(PasswordError, match="the environment variable CHAT_SECRET is not set"):
            profile.password()

    def test_password_is_first_output_line_of_command(self, tmp_path: Path) -> None:
        assert self.profile(password_command=sh("printf 'a%s\\nlogin: x' b")).password() == "ab"
        assert self.profile(password_command=("echo", "$HOME")).password() == "$HOME"

    @pytest.mark.parametrize(
        ("command", "reason"),
        [
            (sh("echo oops >&2; exit 3"), "failed: oops"),
            (sh("exit 3"), "failed: exit code 3"),
            (sh("true"), "printed nothing"),
            (("/nowhere/at/all",), "can't be run: No such file"),
        ],
    )
    def test_failing_password_command_is_reported_with_reason(
        self, command: tuple[str, ...], reason: str
    ) -> None:
        with pytest.raises(PasswordError, match=reason):
            self.profile(password_command=command).password()

    @pytest.mark.slow
    def test_password_command_gets_no_stdin_and_is_killed_on_timeout(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        old_stdin, (read_end, write_end) = os.dup(0), os.pipe()
        os.write(write_end, b"a message to send\n")
        os.close(write_end)
        os.dup2(read_end, 0)
        try:
            assert self.profile(password_command=sh("cat; echo end")).password() == "end"
        finally:
            os.dup2(old_stdin, 0)
            os.close(old_stdin)
            os.close(read_end)
        pid_file = tmp_path / "pid"
        for limit in (0.2, 1.0, 5.0):  # until the command had time to start
            monkeypatch.setattr("chat_tui.config.profile._COMMAND_TIMEOUT", limit)
            with pytest.raises(PasswordError, match="timed out after"):
                self.profile(
                    password_command=sh(f"sleep 50 & echo $! > {shlex.quote(str(pid_file))}; wait")
                ).password()
            if pid_file.exists() and pid_file.read_text().endswith("\n"):
                break
        started = int(pid_file.read_text())
        until(lambda: not is_alive(started), "the child of the command has ended")

    def test_password_is_read_from_keyring(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stored = {("lobby-chat", "alice@h:9000"): "hunter2"}
        ring = types.ModuleType("keyring")
        ring.get_password = lambda service, name: stored.get((service, name))  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "keyring", ring)
        profile = self.profile(keyring=True)
        assert profile.password() == "hunter2"
        stored.clear()
        with pytest.raises(PasswordError, match="keyring set lobby-chat alice@h:9000"):
            profile.password()
        ring.get_password = lambda service, name: 1 / 0  # type: ignore[attr-defined]
        with pytest.raises(PasswordError, match="the keyring failed: division by zero"):
            profile.password()
        monkeypatch.setitem(sys.modules, "keyring", None)
        with pytest.raises(PasswordError, match=r"pip install 'lobby-chat\[keyring\]'"):
            profile.password()


@pytest.mark.parametrize("kind", ["FIFO", "folder", "device"])
def test_settings_file_that_is_not_a_file_is_a_problem(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "config.toml"
    match kind:
        case "FIFO":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case _:
            path.symlink_to("/dev/zero")
    [problem] = load(path).problems
    assert f"can't be read: it is a {kind}, not a file" in str(problem)
    assert load(path).settings == Settings()


@pytest.mark.parametrize("stream", ["", " >&2"])
def test_password_command_that_prints_forever_is_ended(stream: str) -> None:
    command = ("/bin/sh", "-c", f"exec cat /dev/zero{stream}")
    profile = Profile("work", "h", 9001, "alice", password_command=command)
    with pytest.raises(PasswordError, match="password_command printed more than 64 KiB"):
        profile.password()


def test_password_command_that_prints_no_utf8_is_an_error() -> None:
    profile = Profile("work", "h", 9001, "alice", password_command=("printf", "caf\\351"))
    with pytest.raises(PasswordError, match="password_command printed bytes that are not UTF-8"):
        profile.password()


def test_profile_lists_several_servers_of_one_chat(tmp_path: Path) -> None:
    text = "[profiles.w]\nuser='al'\nservers=['chat1:9100', 'chat2', '[::1]:7', '::2']\n"
    (profile,) = read(tmp_path, text).profiles
    assert (profile.host, profile.port) == ("chat1", 9100)
    assert profile.others == (("chat2", 9001), ("::1", 7), ("::2", 9001))
    assert profile.keyring_entry == "al@chat1:9100"
    (plain,) = read(tmp_path, f"{text}plaintext=true").profiles
    assert plain.others[0] == ("chat2", 9000)


def test_profile_with_one_entry_in_servers_is_a_profile_with_a_server(tmp_path: Path) -> None:
    (several,) = read(tmp_path, "[profiles.w]\nuser='al'\nservers=['h']").profiles
    (single,) = read(tmp_path, "[profiles.w]\nuser='al'\nserver='h'").profiles
    assert several == single
