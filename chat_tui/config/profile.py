"""Profiles of the settings file: a server, an account, and the source of its password."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from chat_tui.account import Account, Address, make_account

KEYRING_SERVICE: Final = "lobby-chat"
"""The service name of the client's passwords in the system's keyring."""

_COMMAND_TIMEOUT: Final = 120.0
"""Seconds that `password_command` may take. It may ask the user to unlock a password store."""


_MAX_OUTPUT: Final = 64 * 1024
"""Most bytes that `password_command` may print. It may print forever, and quickly."""


class PasswordError(Exception):
    """The profile's source did not give a password. The text is the reason, for the user."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A server, an account and the source of its password, but never the password itself.

    At most one of the three sources is set. Without any, the user types the password.
    """

    name: str
    host: str
    port: int
    user: str
    room: str | None = None
    """The room to enter first."""
    password_env: str | None = None
    """The environment variable that holds the password."""
    password_command: tuple[str, ...] | None = None
    """A program and its arguments. The first line of its output is the password."""
    keyring: bool = False
    """True if the password is in the system's keyring."""
    plaintext: bool = False
    """True if the connection must not be encrypted, even to a remote host."""
    others: tuple[Address, ...] = ()
    """The other servers of the same chat. `host` and `port` are the first one, whose address is
    part of the keyring entry and of the names of the client's files."""

    @property
    def needs_prompt(self) -> bool:
        """True if the user has to type the password."""
        return not self.source

    @property
    def source(self) -> str:
        """The source of the password as text for the form. Empty if the user types it."""
        if self.password_env is not None:
            return f"the variable {self.password_env}"
        if self.password_command is not None:
            return "password_command"
        return "the keyring" if self.keyring else ""

    @property
    def keyring_entry(self) -> str:
        """The user name of the keyring entry: user@host:port."""
        return f"{self.user}@{self.account('').server}"

    def account(self, password: str) -> Account:
        """Return the account of this profile with `password`."""
        return make_account(self.host, self.port, self.user, password, others=self.others)

    def matches(self, host: str, port: int, user: str) -> bool:
        """Return whether this profile is for that user at that server."""
        return self.account("").identity == make_account(host, port, user, "").identity

    def password(self) -> str | None:
        """Fetch the password. Return None if the user has to type it.

        Blocks up to two minutes for a command. Raises `PasswordError`.
        """
        if self.password_env is not None:
            return self._password_from_environment(self.password_env)
        if self.password_command is not None:
            return self._password_from_command(self.password_command)
        return self._password_from_keyring() if self.keyring else None

    def _password_from_environment(self, variable: str) -> str:
        found = os.environ.get(variable)
        if not found:
            raise PasswordError(f"the environment variable {variable} is not set, or is empty")
        return found

    def _password_from_command(self, command: tuple[str, ...]) -> str:
        """Return the first line of the command's output.

        The command gets no standard input, which may hold the messages to send. It runs in its own
        process group, so that all its children are killed with it.
        """
        import subprocess

        from chat_tui.config.process_output import OutputTooLongError, read_output

        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise PasswordError(f"password_command can't be run: {reason}") from error
        with process:
            try:
                out, complaint = read_output(process, _MAX_OUTPUT, _COMMAND_TIMEOUT)
            except BaseException as error:
                with suppress(OSError):
                    os.killpg(process.pid, signal.SIGKILL)
                if isinstance(error, subprocess.TimeoutExpired):
                    reason = f"password_command timed out after {_COMMAND_TIMEOUT:.0f} s"
                    raise PasswordError(reason) from error
                if isinstance(error, OutputTooLongError):
                    reason = f"password_command printed more than {_MAX_OUTPUT >> 10} KiB"
                    raise PasswordError(reason) from error
                raise
        if process.returncode:
            complaints = complaint.decode("utf-8", "replace").strip().splitlines()
            reason = complaints[-1] if complaints else f"exit code {process.returncode}"
            raise PasswordError(f"password_command failed: {reason}")
        try:
            found = out.decode("utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise PasswordError("password_command printed bytes that are not UTF-8") from error
        if not found or not found[0]:
            raise PasswordError("password_command printed nothing")
        return found[0]

    def _password_from_keyring(self) -> str:
        try:
            import keyring
        except ImportError as error:
            raise PasswordError(
                "keyring support is not installed. Run: pip install 'lobby-chat[keyring]'"
            ) from error
        try:
            found: str | None = keyring.get_password(KEYRING_SERVICE, self.keyring_entry)
        except Exception as error:  # each backend raises errors of its own
            raise PasswordError(f"the keyring failed: {error or type(error).__name__}") from error
        if not found:
            raise PasswordError(
                "the keyring has no password for this profile. Store it with: "
                f"keyring set {KEYRING_SERVICE} {self.keyring_entry}"
            )
        return found
