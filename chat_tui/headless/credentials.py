"""The account of a headless job: its profile, and the source of its password."""

from __future__ import annotations

import getpass
import os
from typing import Final

from chat_tui.account import Account, make_account
from chat_tui.config import Configuration, PasswordError, Profile, SignInTarget
from chat_tui.headless.prompt import has_terminal
from chat_tui.sanitize import safe_text

PASSWORD_VARIABLE: Final = "LOBBY_PASSWORD"
"""The environment variable that holds the password if no profile names a source."""


class SignInConfigError(Exception):
    """The account or its password can't be determined. The text gives the reason and a fix."""


def select_profile(
    configuration: Configuration, name: str | None, *, default_to_only: bool
) -> Profile | None:
    """Return the profile of that name, or None.

    Without a name and with `default_to_only`, return the only profile. With several profiles, raise
    an error and do not guess: a script must not use the account of the last sign-in. Raises
    `SignInConfigError`.
    """
    if name is not None:
        found = configuration.profile(name)
        if found is None:
            raise SignInConfigError(configuration.missing_profile(name))
        return found
    if not default_to_only or not configuration.profiles:
        return None
    if len(configuration.profiles) > 1:
        names = ", ".join(profile.name for profile in configuration.profiles)
        raise SignInConfigError(f"there are several profiles. Add --profile with one of: {names}")
    return configuration.profiles[0]


def account_with_password(
    configuration: Configuration, profile: Profile | None, target: SignInTarget
) -> Account:
    """Return the account with its password.

    The password comes from the profile, or from `PASSWORD_VARIABLE`, or the user types it on the
    terminal. Blocks. Raises `SignInConfigError`.
    """
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
            "no password, and no terminal to ask for it. Set the environment variable "
            f"{PASSWORD_VARIABLE}, or a password source in a profile"
        )
    plaintext = target.plaintext or (profile is not None and profile.plaintext)
    others = target.others or (profile.others if profile is not None else ())
    result = make_account(
        target.host, target.port, target.user, password, plaintext=plaintext, others=others
    )
    if result.problem is not None:
        raise SignInConfigError(result.problem)
    return result
