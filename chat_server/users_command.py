"""`chat-server users`: the accounts, from the command line."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import click

from chat_server.demo_accounts import provide_demo_accounts
from chat_server.passwords import hash_password, password_problem
from chat_server.printable import one_line, quoted
from chat_server.users import NAME_RULE, Accounts, UsersFileError, read_accounts
from chat_server.users_file_changes import (
    AccountExistsError,
    NoSuchAccountError,
    add_account,
    remove_account,
)
from chat_server.wire.protocol import canonical_name

_DEFAULT_FILE: Final = Path("users.json")
_LONGEST_LINE: Final = 4096


def _chosen_file(context: click.Context, _: click.Parameter, given: Path | None) -> Path:
    """The file named here or, as in `chat-server --users FILE users list`, before."""
    before = context.find_root().params.get("users")
    return given or (before if isinstance(before, Path) else _DEFAULT_FILE)


_users_option: Final[Callable[[Callable[..., None]], Callable[..., None]]] = click.option(
    "--users",
    "users_file",
    type=click.Path(path_type=Path),
    callback=_chosen_file,
    default=None,
    metavar="FILE",
    help="The accounts; users.json in the working directory where no other is named.",
)


# A map of its own: click would look for it in the file's settings, under "users", which is a path.
@click.group(context_settings={"default_map": {}})
def users() -> None:
    """Add, list and remove accounts. A running server notices within two seconds."""


@users.command()
@click.argument("name")
@_users_option
@click.option(
    "--password-stdin",
    is_flag=True,
    help="Take the password from the first line of standard input instead of asking for it.",
)
def add(name: str, users_file: Path, password_stdin: bool) -> None:
    """Add the account NAME, with a password of 8 to 72 bytes without white space.

    Makes the users file where there is none.
    """
    user = _canonical(name)
    with _told_in_one_line(users_file):
        if os.path.exists(users_file) and user in read_accounts(users_file):
            raise AccountExistsError(user)  # before anybody has typed a password
        password = _password_from_stdin() if password_stdin else _password_asked_for()
        add_account(users_file, user, hash_password(password))
    click.echo(f"Added {user} to {one_line(str(users_file))}")


@users.command("list")
@_users_option
def list_names(users_file: Path) -> None:
    """Print the names that have an account, one a line."""
    with _told_in_one_line(users_file):
        accounts: Accounts = read_accounts(users_file)
    for name in sorted(accounts):
        click.echo(name)


@users.command()
@click.argument("name")
@_users_option
def remove(name: str, users_file: Path) -> None:
    """Remove the account NAME. Its session, if there is one, ends."""
    user = _canonical(name)
    with _told_in_one_line(users_file):
        remove_account(users_file, user)
    click.echo(f"Removed {user} from {one_line(str(users_file))}")


@users.command(hidden=True)
@_users_option
def demo(users_file: Path) -> None:
    """Make the users file with the demo accounts where there is none.

    Prints the demo accounts that have the demo password in it, one a line.
    """
    with _told_in_one_line(users_file):
        names = provide_demo_accounts(users_file)
    for name in names:
        click.echo(name)


def _canonical(name: str) -> str:
    with suppress(UnicodeError):  # in a locale that is not UTF-8 Python left its bytes escaped
        name = os.fsencode(name).decode()
    user = canonical_name(name)
    if user is None:
        raise click.UsageError(f"{quoted(name)} can't be an account: {NAME_RULE}")
    return user


@contextmanager
def _told_in_one_line(users_file: Path) -> Iterator[None]:
    option = one_line(f"--users {shlex.quote(str(users_file))}")
    try:
        yield
    except UsersFileError as error:
        raise click.UsageError(str(error)) from error
    except AccountExistsError as error:
        raise click.ClickException(
            f"{error} has an account already; for another password: chat-server users remove"
            f" {error} {option}, then chat-server users add {error} {option}"
        ) from error
    except NoSuchAccountError as error:
        raise click.ClickException(
            f"{error} has no account; those who have: chat-server users list {option}"
        ) from error


def _password_asked_for() -> str:
    if sys.stdin is None or not sys.stdin.isatty():
        raise click.UsageError("no terminal to ask for the password on; use --password-stdin")
    password: str = click.prompt(
        "Password",
        hide_input=True,
        confirmation_prompt="The same password again",
        value_proc=_acceptable,
        err=True,
    )
    return password


def _acceptable(password: str) -> str:
    problem = password_problem(password)
    if problem is not None:
        raise click.UsageError(problem)
    return password


def _password_from_stdin() -> str:
    line = b"" if sys.stdin is None else sys.stdin.buffer.readline(_LONGEST_LINE)
    if not line:
        raise click.UsageError("no password on standard input")
    try:
        return _acceptable(line.removesuffix(b"\n").removesuffix(b"\r").decode())
    except UnicodeDecodeError:
        raise click.UsageError("the password on standard input is not UTF-8") from None
