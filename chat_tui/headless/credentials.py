"""Who signs in without a screen, and with which password: a script holds none."""

from __future__ import annotations

import getpass
import os
from typing import Final

from chat_tui.account import Account, account
from chat_tui.config import Configuration, PasswordError, Profile
from chat_tui.config.target import Whom
from chat_tui.headless.prompt import somebody_is_there
from chat_tui.sanitize import safe_text

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


def with_password(configuration: Configuration, profile: Profile | None, whom: Whom) -> Account:
    """The account with its password; may ask at the terminal. Raises `NobodyToSignInError`."""
    profile = profile or configuration.profile_for(whom.host, whom.port, whom.user)
    try:
        password = profile.password() if profile is not None else None
    except PasswordError as error:
        raise NobodyToSignInError(safe_text(str(error))) from error
    if password is None:
        password = os.environ.get(PASSWORD)
    if password is None and somebody_is_there():
        password = getpass.getpass(f"Password of {safe_text(whom.user)}: ")
    if password is None:
        raise NobodyToSignInError(
            "no password: let a profile say where it is, or set the environment variable "
            f"{PASSWORD}; there is no terminal to ask at"
        )
    plaintext = whom.plaintext or (profile is not None and profile.plaintext)
    who = account(whom.host, whom.port, whom.user, password, plaintext=plaintext)
    if who.problem is not None:
        raise NobodyToSignInError(who.problem)
    return who
