"""Who signs in without a screen, and with which password: a script holds none."""

from __future__ import annotations

import getpass
import os
from typing import Final

from chat_tui.account import Account, make_account
from chat_tui.config import Configuration, PasswordError, Profile, SignInTarget
from chat_tui.headless.prompt import has_terminal
from chat_tui.sanitize import safe_text

PASSWORD_VARIABLE: Final = "LOBBY_PASSWORD"
"""The environment variable with the password, where no profile says where to find it."""


class SignInConfigError(Exception):
    """It is not known who is to sign in, or with which password; the text says why."""


def select_profile(
    configuration: Configuration, name: str | None, *, default_to_only: bool
) -> Profile | None:
    """The profile of that name; where none is named, the only one if `or_only`.

    Of several none is guessed: a script must not speak as whoever signed in last. Raises
    `SignInConfigError`.
    """
    names = ", ".join(profile.name for profile in configuration.profiles)
    if name is not None:
        found = configuration.profile(name)
        if found is None:
            there = f"there are: {names}" if names else f"{configuration.path} has none"
            raise SignInConfigError(f"there is no profile {safe_text(name)}; {there}")
        return found
    if not default_to_only or not configuration.profiles:
        return None
    if len(configuration.profiles) > 1:
        raise SignInConfigError(f"which profile? Add --profile and one of: {names}")
    return configuration.profiles[0]


def account_with_password(
    configuration: Configuration, profile: Profile | None, target: SignInTarget
) -> Account:
    """The account with its password; may ask at the terminal. Raises `SignInConfigError`."""
    profile = profile or configuration.profile_for(target.host, target.port, target.user)
    try:
        password = profile.password() if profile is not None else None
    except PasswordError as error:
        raise SignInConfigError(safe_text(str(error))) from error
    if password is None:
        password = os.environ.get(PASSWORD_VARIABLE)
    if password is None and has_terminal():
        password = getpass.getpass(f"Password of {safe_text(target.user)}: ")
    if password is None:
        raise SignInConfigError(
            "no password: let a profile say where it is, or set the environment variable "
            f"{PASSWORD_VARIABLE}; there is no terminal to ask at"
        )
    plaintext = target.plaintext or (profile is not None and profile.plaintext)
    who = make_account(target.host, target.port, target.user, password, plaintext=plaintext)
    if who.problem is not None:
        raise SignInConfigError(who.problem)
    return who
