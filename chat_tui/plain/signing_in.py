"""Who signs in without a screen, and with which password: a script holds none."""

from __future__ import annotations

import getpass
import os
from typing import Final

from chat_tui.account import Account, account
from chat_tui.configuration import Configuration, PasswordError, Profile
from chat_tui.model.text import safe_text

PASSWORD: Final = "LOBBY_PASSWORD"
"""The environment variable with the password, where no profile says where to find it."""


class NobodyToSignInError(Exception):
    """It is not known who is to sign in, or with which password; the text says why."""


def chosen_profile(
    configuration: Configuration, name: str | None, *, or_only: bool
) -> Profile | None:
    """The profile of that name; where none is named, the only one if `or_only`.

    Of several none is guessed: a script must not speak as whoever signed in last. Raises
    `NobodyToSignInError`.
    """
    names = ", ".join(profile.name for profile in configuration.profiles)
    if name is not None:
        found = configuration.profile(name)
        if found is None:
            there = f"there are: {names}" if names else f"{configuration.path} has none"
            raise NobodyToSignInError(f"there is no profile {safe_text(name)}; {there}")
        return found
    if not or_only or not configuration.profiles:
        return None
    if len(configuration.profiles) > 1:
        raise NobodyToSignInError(f"which profile? Add --profile and one of: {names}")
    return configuration.profiles[0]


def with_password(
    configuration: Configuration, profile: Profile | None, host: str, port: int, user: str
) -> Account:
    """The account with its password; may ask at the terminal. Raises `NobodyToSignInError`."""
    profile = profile or configuration.profile_for(host, port, user)
    try:
        password = profile.password() if profile is not None else None
    except PasswordError as error:
        raise NobodyToSignInError(safe_text(str(error))) from error
    if password is None:
        password = os.environ.get(PASSWORD)
    if password is None and _somebody_is_there():
        password = getpass.getpass(f"Password of {safe_text(user)}: ")
    if password is None:
        raise NobodyToSignInError(
            "no password: let a profile say where it is, or set the environment variable "
            f"{PASSWORD}; there is no terminal to ask at"
        )
    who = account(host, port, user, password)
    if who.problem is not None:
        raise NobodyToSignInError(who.problem)
    return who


def _somebody_is_there() -> bool:
    """Whether there is a terminal to ask at, whatever the standard streams are."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
