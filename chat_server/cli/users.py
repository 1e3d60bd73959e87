"""`chat-server users`: commands that edit the accounts."""

from __future__ import annotations

import os
import shlex
import sqlite3
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import click

from chat_server.accounts import (
    DEMO_PASSWORD,
    NAME_RULE,
    NoSuchAccountError,
    check_new_name,
    create_demo_accounts,
    generate_password,
    hash_password,
    write_new_files,
)
from chat_server.cli.account_options import (
    add_redis_options,
    report_problems,
    users_option,
    with_accounts,
)
from chat_server.cli.account_places import AccountsPlace, FileAccounts
from chat_server.cli.options import history_file
from chat_server.config import DEFAULT_COST
from chat_server.escape import one_line, quoted
from chat_server.history import StoreError
from chat_server.history.sqlite import HistoryUpkeep
from chat_server.wire import canonical_name, password_problem, replies

_MAX_LINE_BYTES: Final = 4096
"""Most bytes read from standard input for a password: far more than the 72 of a valid one, so a
password that is too long is rejected, not truncated to a valid one."""

_Decorator = Callable[[Callable[..., None]], Callable[..., None]]


_stdin_option: Final[_Decorator] = click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the password from the first line of standard input instead of prompting.",
)

_generate_option: Final[_Decorator] = click.option(
    "--generate",
    is_flag=True,
    help="Generate a strong password and print it, once, as the only line of standard output.",
)


# Without this map, click would look for one in the file under "users", which is a path there.
@click.group(context_settings={"default_map": {}})
@add_redis_options
def users(**redis_options: object) -> None:
    """Add, list, change and remove accounts. A running server applies changes within a second.

    The accounts of several servers are in Redis: chat-server users --redis URL list.
    """


@users.command()
@click.argument("name")
@_stdin_option
@_generate_option
@with_accounts
def add(name: str, accounts: AccountsPlace, password_stdin: bool, generate: bool) -> None:
    """Add the account NAME, with a password of 8 to 72 bytes without white space.

    Creates the users file if it does not exist. Rejects a name that looks like that of another
    account.
    """
    user = _canonical(name)
    check_new_name(user, accounts.read_or_empty())  # before the user types a password
    password = _new_password(password_stdin, generate)
    accounts.add(user, hash_password(password, _bcrypt_cost()))
    _report_done(f"Added {user} to {accounts.shown}", password if generate else None)


@users.command()
@click.argument("name")
@_stdin_option
@_generate_option
@with_accounts
def passwd(name: str, accounts: AccountsPlace, password_stdin: bool, generate: bool) -> None:
    """Change the password of the account NAME, to 8 to 72 bytes without white space.

    Its session continues. The next login needs the new password.
    """
    user = _canonical(name)
    if user not in accounts.read().all_hashes:
        raise NoSuchAccountError(user)
    password = _new_password(password_stdin, generate)
    accounts.set_hash(user, hash_password(password, _bcrypt_cost()))
    _report_done(f"Changed the password of {user}", password if generate else None)


@users.command("list")
@click.option(
    "--long",
    is_flag=True,
    help="Also print, after tabs, whether each account is enabled and when it was created.",
)
@with_accounts
def list_names(accounts: AccountsPlace, long: bool) -> None:
    """Print the names of all accounts, one a line.

    The name of a disabled account is followed by a tab and the word disabled.
    """
    listed = accounts.read()
    for name in sorted(listed.all_hashes):
        state = "disabled" if name in listed.disabled else "enabled"
        if long:
            click.echo(f"{name}\t{state}\t{listed.created.get(name, '-')}")
        else:
            click.echo(name if name in listed else f"{name}\t{state}")


@users.command()
@click.argument("name")
@with_accounts
def remove(name: str, accounts: AccountsPlace) -> None:
    """Remove the account NAME, and end its session.

    The last account that may log in cannot be removed: a server rejects a file without one, and
    would keep the account. Disable it instead.
    """
    user = _canonical(name)
    if list(accounts.read()) == [user]:
        raise click.ClickException(
            f"{user} is the last account that may log in, and a server does not work without"
            f" one; add another first, or: chat-server users disable {user} {accounts.option}"
        )
    accounts.remove(user)
    click.echo(f"Removed {user} from {accounts.shown}")
    if isinstance(accounts, FileAccounts):
        history = _existing_history(accounts.path)
        if history is None:
            return
        where, option = "", one_line(f" --history {shlex.quote(str(history))}")
    else:
        where, option = ", on every server", ""
    click.echo(
        f"The messages of {user} stay in rooms. To remove them{where}: chat-server history forget"
        f" {user}{option}",
        err=True,
    )


@users.command()
@click.argument("old")
@click.argument("new")
@with_accounts
def rename(old: str, new: str, accounts: AccountsPlace) -> None:
    """Rename the account OLD to NEW. Its password stays the same, and so does its history.

    A session of OLD ends. Rejects a name that looks like that of another account.
    """
    old_name, new_name = _canonical(old), _canonical(new)
    accounts.rename(old_name, new_name)
    click.echo(f"Renamed {old_name} to {new_name}")
    # Several servers rename it in their histories when they read the change.
    history = _existing_history(accounts.path) if isinstance(accounts, FileAccounts) else None
    if history is not None:
        _rename_in_history(history, old_name, new_name)


def _existing_history(users_file: Path) -> Path | None:
    """Return the history file of a server with these settings, if it exists."""
    found = history_file(click.get_current_context().find_root().params["history"], users_file)
    return found if found is not None and found.exists() else None


def _rename_in_history(history: Path, old: str, new: str) -> None:
    """Rename the account in the history file. A running server may do the same at this moment."""
    try:
        with HistoryUpkeep(history) as opened:
            opened.rename(old, new)
    except (StoreError, sqlite3.Error, OSError) as error:
        raise click.ClickException(
            f"the account is renamed, but not what is kept of it in {_format_path(history)}:"
            f" {one_line(str(error))}. A running server does that itself. If none runs, correct"
            f" this before the next start: chat-server history rename {old} {new}"
            f" --history {shlex.quote(str(history))}"
        ) from error


@users.command()
@click.argument("name")
@with_accounts
def disable(name: str, accounts: AccountsPlace) -> None:
    """Disable logins to the account NAME until it is enabled, and end its session."""
    user = _canonical(name)
    done = accounts.disable(user)
    click.echo(f"Disabled {user}" if done else f"{user} is already disabled")


@users.command()
@click.argument("name")
@with_accounts
def enable(name: str, accounts: AccountsPlace) -> None:
    """Enable logins to the account NAME again, with its old password."""
    user = _canonical(name)
    done = accounts.enable(user)
    click.echo(f"Enabled {user}" if done else f"{user} is already enabled")


@users.command()
@click.argument("file", type=click.Path(path_type=Path))
@with_accounts
def export(file: Path, accounts: AccountsPlace) -> None:
    """Write all accounts to the new users file FILE, for a server without --redis.

    What is not for that file, such as disabled accounts, goes to a companion next to it.
    """
    exported = accounts.read()
    if not write_new_files(file, exported):
        raise click.ClickException(
            f"{_format_path(file)} or its companion already exists; name another file"
        )
    click.echo(f"Exported {len(exported.all_hashes)} accounts to {_format_path(file)}")


@users.command(hidden=True)
@users_option
def demo(users_file: Path) -> None:
    """Create the users file with the demo accounts if it does not exist.

    Prints the demo accounts that have the demo password in it, one a line.
    """
    with report_problems(FileAccounts(users_file)):
        names = create_demo_accounts(users_file)
    for name in names:
        click.echo(name)


def _canonical(name: str) -> str:
    with suppress(UnicodeError):  # in a locale that is not UTF-8, Python escapes bytes
        name = os.fsencode(name).decode()
    user = canonical_name(name)
    if user is None:
        raise click.UsageError(f"{quoted(name)} is not a valid account name: {NAME_RULE}")
    return user


def _bcrypt_cost() -> int:
    """Return the requested cost, as in `chat-server --bcrypt-cost 13 users add NAME`."""
    chosen = click.get_current_context().find_root().params.get("bcrypt_cost")
    return chosen if isinstance(chosen, int) else DEFAULT_COST


def _format_path(users_file: Path) -> str:
    return one_line(str(users_file))


def _report_done(message: str, password: str | None) -> None:
    """Print a report. A generated password is alone on standard output, for scripts."""
    click.echo(message, err=password is not None)
    if password is not None:
        click.echo("The password, which is shown only this once:", err=True)
        click.echo(password)


def _new_password(from_stdin: bool, generate: bool) -> str:
    if generate and from_stdin:
        raise click.UsageError(
            "`--generate` cannot be used with `--password-stdin`. Use one of them."
        )
    if generate:
        return generate_password()
    return _password_from_stdin() if from_stdin else _prompt_for_password()


def _prompt_for_password() -> str:
    if sys.stdin is None or not sys.stdin.isatty():
        raise click.UsageError(
            "can't prompt for a password without a terminal; use --password-stdin or --generate"
        )
    password: str = click.prompt(
        "Password",
        hide_input=True,
        confirmation_prompt="Repeat the password",
        value_proc=_validate_password,
        err=True,
    )
    return password


def _validate_password(password: str) -> str:
    # A start on a public address checks only the demo accounts for this password.
    known = f"{replies.DEMO_PASSWORD_REFUSED}." if password == DEMO_PASSWORD else None
    problem = known or password_problem(password)
    if problem is not None:
        raise click.UsageError(problem)
    return password


def _password_from_stdin() -> str:
    line = b"" if sys.stdin is None else sys.stdin.buffer.readline(_MAX_LINE_BYTES)
    if not line:
        raise click.UsageError("no password on standard input")
    try:
        return _validate_password(line.removesuffix(b"\n").removesuffix(b"\r").decode())
    except UnicodeDecodeError:
        raise click.UsageError("the password on standard input is not UTF-8") from None
