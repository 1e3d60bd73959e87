"""The options of `chat-server users` that name a place for accounts, and the errors of a place."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource

from chat_server.accounts import (
    AccountExistsError,
    ConfusableNameError,
    InvisibleNameError,
    NoSuchAccountError,
    UsersFileError,
)
from chat_server.cli.account_places import AccountsPlace, FileAccounts, RedisAccounts
from chat_server.cli.option_types import RedisUrlText
from chat_server.escape import one_line

_DEFAULT_FILE: Final = Path("users.json")

_REDIS_SECONDS: Final = 5.0
"""Longest wait for each reply of Redis."""

_PlaceT = TypeVar("_PlaceT", bound=AccountsPlace)

_Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def _resolve_users_file(context: click.Context, _: click.Parameter, value: Path | None) -> Path:
    """Return `--users` of this command, or else of the parent command."""
    before = context.find_root().params.get("users")
    return value or (before if isinstance(before, Path) else _DEFAULT_FILE)


users_option: Final[_Decorator] = click.option(
    "--users",
    "users_file",
    type=click.Path(
        path_type=Path, readable=False
    ),  # the reader of the file reports this with a hint
    callback=_resolve_users_file,
    default=None,
    metavar="FILE",
    help="Users file. Default: users.json in the working directory.",
)

_redis_options: Final = (
    click.option(
        "--redis",
        type=RedisUrlText(),
        default=None,
        metavar="URL",
        help="Redis of several servers, which holds their accounts. Instead of --users.",
    ),
    click.option(
        "--redis-password-file",
        type=click.Path(path_type=Path, readable=False),
        default=None,
        metavar="FILE",
        help="File with the password for --redis. Default: the variable"
        " CHAT_SERVER_REDIS_PASSWORD, or none.",
    ),
    click.option(
        "--redis-ca",
        type=click.Path(path_type=Path, readable=False),
        default=None,
        metavar="FILE",
        help="Certificates of the authority that signed the one of --redis, in PEM format.",
    ),
)


def add_redis_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that name a Redis and its password."""
    for option in reversed(_redis_options):
        command = option(command)
    return command


def with_accounts(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command `accounts`, the place that its options name. Report errors in one line."""

    @wraps(command)
    def run(
        users_file: Path,
        redis: str | None,
        redis_password_file: Path | None,
        redis_ca: Path | None,
        **given: object,
    ) -> None:
        context = click.get_current_context()
        is_file_chosen = context.get_parameter_source("users_file") is ParameterSource.COMMANDLINE
        if redis is not None and is_file_chosen:
            raise click.UsageError(
                "`--users` cannot be used with `--redis`, which holds the accounts."
            )
        inherited = _inherited(context, "redis")
        url = redis or (None if is_file_chosen else inherited)
        if url is None:
            with report_problems(FileAccounts(users_file)) as file:
                command(accounts=file, **given)
            return
        password_file = redis_password_file or _inherited(context, "redis_password_file")
        ca = redis_ca or _inherited(context, "redis_ca")
        with _open_redis(url, password_file, ca) as place, report_problems(place):
            command(accounts=place, **given)

    return users_option(add_redis_options(run))


def _inherited(context: click.Context, name: str) -> Any:
    """Return the value of an option of `users` itself, or else of `chat-server`."""
    while context.parent is not None:
        context = context.parent
        if context.params.get(name) is not None:
            return context.params[name]
    return None


@contextmanager
def _open_redis(url: str, password_file: Path | None, ca: Path | None) -> Iterator[RedisAccounts]:
    """Connect to Redis. Report its errors in one line."""
    # Loaded on demand: without `--redis` nothing of Redis is imported.
    from chat_server.backplane import (
        BackplaneError,
        RedisSettings,
        open_account_editor,
        parse_redis_url,
    )

    settings = RedisSettings(parse_redis_url(url), password_file, ca)
    try:
        with open_account_editor(settings, _REDIS_SECONDS) as editor:
            yield RedisAccounts(editor, url)
    except BackplaneError as error:
        raise click.UsageError(one_line(str(error))) from error


@contextmanager
def report_problems(accounts: _PlaceT) -> Iterator[_PlaceT]:
    """Report errors of the block in one line, and a file mode that the block has tightened."""
    option = accounts.option
    mode = _mode(accounts)
    try:
        yield accounts
    except UsersFileError as error:
        raise click.UsageError(str(error)) from error
    except AccountExistsError as error:
        raise click.ClickException(
            f"the account {error} already exists; to change its password: chat-server users passwd"
            f" {error} {option}"
        ) from error
    except ConfusableNameError as error:
        raise click.ClickException(
            f"{error.name} looks like the existing account {error.account}; choose another name"
        ) from error
    except InvisibleNameError as error:
        raise click.ClickException(
            f"the name {str(error)!a} has no visible character; choose another name"
        ) from error
    except NoSuchAccountError as error:
        raise click.ClickException(
            f"there is no account {error}; to list all accounts: chat-server users list {option}"
        ) from error
    if mode & 0o077 and not _mode(accounts) & 0o077:
        click.echo(
            f"{accounts.shown} had mode {mode:04o}: now only its owner can read it,"
            " and the server must run as that user",
            err=True,
        )


def _mode(accounts: AccountsPlace) -> int:
    """Return the mode of the users file. 0: there is none."""
    if not isinstance(accounts, FileAccounts):
        return 0
    try:
        return stat.S_IMODE(accounts.path.stat().st_mode)
    except OSError:
        return 0
