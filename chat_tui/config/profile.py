"""Profile: a server, an account there, and where its password is found, never the password."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from chat_tui.account import Account, account

SERVICE: Final = "lobby-chat"
"""Under which the keyring holds our passwords."""

_COMMAND_SECONDS: Final = 120.0
"""How long a command may take: it may ask somebody to unlock something."""


class PasswordError(Exception):
    """The password was not found where the profile says; the text says why, for a person."""


@dataclass(frozen=True, slots=True)
class Profile:
    """At most one of the three sources is set; without any, a person is asked."""

    name: str
    host: str
    port: int
    user: str
    room: str | None = None
    """The room to begin in."""
    password_env: str | None = None
    password_command: tuple[str, ...] | None = None
    """A program and its arguments."""
    keyring: bool = False
    plaintext: bool = False
    """Whether nothing is encrypted there, wherever it is."""

    @property
    def needs_prompt(self) -> bool:
        """Whether a person has to type the password."""
        return not self.source

    @property
    def source(self) -> str:
        """Where the password comes from, in words for the form; empty where one types it."""
        if self.password_env is not None:
            return f"the variable {self.password_env}"
        if self.password_command is not None:
            return "password_command"
        return "the keyring" if self.keyring else ""

    @property
    def keyring_entry(self) -> str:
        """The name that the keyring has for it: user@host:port."""
        return f"{self.user}@{self.account('').server}"

    def account(self, password: str) -> Account:
        """Who signs in, with a password."""
        return account(self.host, self.port, self.user, password)

    def matches(self, host: str, port: int, user: str) -> bool:
        """Whether this is the profile of that user at that server."""
        return self.account("").identity == account(host, port, user, "").identity

    def password(self) -> str | None:
        """Fetch it; None where a person is to be asked. Blocks. Raises `PasswordError`."""
        if self.password_env is not None:
            return self._password_from_environment(self.password_env)
        if self.password_command is not None:
            return self._password_from_command(self.password_command)
        return self._password_from_keyring() if self.keyring else None

    def _password_from_environment(self, variable: str) -> str:
        found = os.environ.get(variable)
        if not found:
            raise PasswordError(f"the environment has no {variable}")
        return found

    def _password_from_command(self, command: tuple[str, ...]) -> str:
        """The first line that the command prints.

        It reads nothing: what stands on the standard input may be what is to be sent. It has a
        process group of its own, so that whatever it started ends with it.
        """
        import subprocess

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
                out, complaint = process.communicate(timeout=_COMMAND_SECONDS)
            except BaseException as error:
                with suppress(OSError):
                    os.killpg(process.pid, signal.SIGKILL)
                if isinstance(error, subprocess.TimeoutExpired):
                    words = f"password_command gave nothing within {_COMMAND_SECONDS:.0f} s"
                    raise PasswordError(words) from error
                raise
        if process.returncode:
            said = complaint.decode("utf-8", "replace").strip().splitlines()
            reason = said[-1] if said else f"exit code {process.returncode}"
            raise PasswordError(f"password_command failed: {reason}")
        found = out.decode("utf-8", "replace").splitlines()
        if not found or not found[0]:
            raise PasswordError("password_command printed nothing")
        return found[0]

    def _password_from_keyring(self) -> str:
        try:
            import keyring
        except ImportError as error:
            cure = "pip install 'lobby-chat[keyring]'"
            raise PasswordError(f"the library for the keyring is not there: {cure}") from error
        try:
            found: str | None = keyring.get_password(SERVICE, self.keyring_entry)
        except Exception as error:  # each backend has errors of its own
            raise PasswordError(f"the keyring failed: {error or type(error).__name__}") from error
        if not found:
            cure = f"keyring set {SERVICE} {self.keyring_entry}"
            raise PasswordError(f"the keyring has no password for it; put it there with: {cure}")
        return found
