"""`chat-server history`: commands that work on the kept messages, most of them next to a server."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import click

from chat_server.accounts import NAME_RULE, UsersFileError, read_accounts
from chat_server.cli.history_options import file_options
from chat_server.cli.history_report import (
    ProgressLine,
    count_of,
    format_path,
    format_size,
    report_problems,
)
from chat_server.escape import one_line, quoted
from chat_server.files import LockFileError, LockTimeoutError, LockUnsupportedError, lock_file
from chat_server.history import NewerSchemaError, NotHistoryFileError, Retention
from chat_server.history.sqlite import (
    HistoryUpkeep,
    back_up,
    check_file,
    check_version,
    restore_backup,
)
from chat_server.wire import canonical_name, format_stamp, parse_stamp

_MIB: Final = 1024 * 1024


# Without this map, click would look for one in the file under "history", which is a path there.
@click.group(context_settings={"default_map": {}})
def history() -> None:
    """Check, export, erase, back up and restore the kept messages.

    The commands find the file of a server with the same settings. All but restore, compact and
    check --repair also work while that server runs.
    """


@history.command()
@file_options
def stats(file: Path, users_file: Path) -> None:
    """Print what is kept: the size, and how many messages of which time.

    The rooms follow as a table with tabs: name, messages, oldest, newest.
    """
    with report_problems(file), HistoryUpkeep(file, read_only=True) as opened:
        found = opened.stats()
    click.echo(f"File: {format_path(file)}")
    click.echo(
        f"Size: {format_size(found.file_bytes)}, {format_size(found.used_bytes)} of it in use"
    )
    click.echo(f"Messages in rooms: {sum(room.messages for room in found.rooms)}")
    click.echo(f"Private messages: {found.private} ({found.unread} not read yet)")
    click.echo(f"Not kept: {found.not_kept}")
    click.echo(f"Accounts: {found.accounts}")
    for room in found.rooms:
        span = f"{format_stamp(room.oldest)}\t{format_stamp(room.newest)}"
        click.echo(f"{one_line(room.name)}\t{room.messages}\t{span}")


@history.command()
@file_options
@click.option(
    "--repair",
    is_flag=True,
    help="Bring back stamps that are in the future. The server must be stopped.",
)
def check(file: Path, users_file: Path, repair: bool) -> None:
    """Check every page and index of the file, and that no stamp is in the future.

    The exit status is 1 if something is wrong.
    """
    now = time.time_ns() // 1000
    progress = ProgressLine("Checking")
    with report_problems(file):
        with HistoryUpkeep(file, read_only=True, progress=progress) as opened, progress:
            opened.check()
            ahead = opened.stamps_ahead(now)
        if repair:
            with _server_stopped(file), HistoryUpkeep(file, progress=progress) as opened, progress:
                opened.check_search()
                opened.bring_back_stamps(now)
        else:
            _check_search(file, progress)
    if ahead and not repair:
        raise click.ClickException(
            f"{format_path(file)}: {count_of(ahead, 'stamp')} more than 60 s in the future, and"
            " all new messages are later than those. If the clock is right, stop the server and run"
            " this with --repair"
        )
    if ahead:
        click.echo(f"Moved {count_of(ahead, 'stamp')} from the future to now")
    click.echo(f"{format_path(file)} is in order")


def _check_search(file: Path, progress: ProgressLine) -> None:
    """Check the index of words, unless a server would have to wait for that.

    It needs to write, which may not be possible for a backup on another disk.
    """
    if not (
        os.access(file, os.W_OK) and os.access(os.path.dirname(os.path.realpath(file)), os.W_OK)
    ):
        why = "the file or its folder can't be written"
    else:
        try:
            with (
                lock_file(file, timeout=0),
                HistoryUpkeep(file, progress=progress) as opened,
                progress,
            ):
                opened.check_search()
            return
        except LockTimeoutError:
            why = "a server uses the file"
        except LockFileError as error:
            why = f"the lock file {error}"
        except LockUnsupportedError:
            why = "the file system cannot lock files"
    click.echo(f"The index of words was not checked: {why}", err=True)


@history.command()
@click.argument("user")
@file_options
def export(user: str, file: Path, users_file: Path) -> None:
    """Print everything that is kept of USER, one JSON object a line.

    That is the user's messages in rooms, the private messages that the user sent or received,
    subscriptions, and visits of rooms. docs/operating.md lists the fields.
    """
    name = _canonical(user)
    is_empty = True
    with report_problems(file), HistoryUpkeep(file, read_only=True) as opened:
        for entry in opened.export(name):
            click.echo(json.dumps(entry, ensure_ascii=False))
            is_empty = False
    if is_empty:
        raise _nothing_kept(name)


@history.command()
@click.argument("user")
@file_options
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(user: str, file: Path, users_file: Path, yes: bool) -> None:
    """Remove everything that is kept of USER, so that no byte of the texts is left in the file.

    That is what export prints, and the name itself. Backups are not changed.
    """
    name = _canonical(user)
    progress = ProgressLine(f"Forgetting {name}")
    with report_problems(file), HistoryUpkeep(file, progress=progress) as opened:
        if not opened.knows(name):
            raise _nothing_kept(name)
        count = opened.count_messages(name)
        if not yes:
            _confirm(
                f"Remove {count_of(count, 'message')} by or to {name} from"
                f" {format_path(file)} for ever?"
            )
        is_shared = opened.log_position() > 0
        has_account = not is_shared and _has_account(name, users_file)
        with progress:
            for _ in opened.forget(name, keeps_account=has_account):
                pass
            is_clean = opened.wipe()
    click.echo(f"Forgot {name}: {count_of(count, 'message')}")
    _warn_of_other_servers(is_shared)
    click.echo("Backups are not changed. Delete those that are older than this.", err=True)
    for other in _set_aside_files(file):
        click.echo(f"Also not changed: {format_path(other)}", err=True)
    if not is_clean:
        raise click.ClickException(
            "another program reads the file, so its -wal may still contain the text; run this"
            " again later, or restart the server"
        )
    if is_shared:  # the accounts are in Redis
        click.echo(
            f"If the account {name} still exists, new messages are kept. To remove it:"
            f" chat-server users --redis URL remove {name}",
            err=True,
        )
    elif has_account:
        click.echo(
            f"The account {name} still exists, so new messages are kept. To remove it:"
            f" chat-server users remove {name} {_users_option(users_file)}",
            err=True,
        )


@history.command(hidden=True)
@click.argument("old")
@click.argument("new")
@file_options
def rename(old: str, new: str, file: Path, users_file: Path) -> None:
    """Give what is kept of OLD to NEW, as `chat-server users rename` does.

    For a file that could not be written then. Does nothing if it was done already.
    """
    with report_problems(file), HistoryUpkeep(file) as opened:
        opened.rename(_canonical(old), _canonical(new))
        is_shared = opened.log_position() > 0
    click.echo(f"{_canonical(old)} is {_canonical(new)} in {format_path(file)}")
    _warn_of_other_servers(is_shared)


@history.command()
@click.argument("room")
@click.argument("stamp")
@file_options
def erase(room: str, stamp: str, file: Path, users_file: Path) -> None:
    """Remove the message of ROOM with this STAMP, as /history shows it."""
    at = parse_stamp(stamp)
    if at is None:
        raise click.UsageError(
            f"{quoted(stamp)} is not a stamp; copy one from /history, like"
            " 2026-11-22T14:03:07.123456+01:00"
        )
    with report_problems(file), HistoryUpkeep(file) as opened:
        author = opened.erase(_canonical(room), at)
        if author is None:
            raise click.ClickException(f"there is no message in {_canonical(room)} at {stamp}")
        opened.wipe()
        is_shared = opened.log_position() > 0
    click.echo(f"Erased 1 message by {author}")
    _warn_of_other_servers(is_shared)


@history.command()
@file_options
def prune(file: Path, users_file: Path) -> None:
    """Remove what is older or more than the settings keep, now."""
    chosen = click.get_current_context().find_root().params
    retention = Retention(
        days=chosen["history_days"],
        messages=chosen["history_messages"],
        size=chosen["history_size"] * _MIB,
    )
    progress = ProgressLine("Pruning")
    with (
        report_problems(file),
        HistoryUpkeep(file, progress=progress) as opened,
        progress,
    ):
        removed = sum(opened.prune(retention, time.time_ns() // 1000))
        is_shared = opened.log_position() > 0
    click.echo(f"Removed {count_of(removed, 'message')}")
    _warn_of_other_servers(is_shared)


@history.command()
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
@file_options
def backup(target: Path, file: Path, users_file: Path) -> None:
    """Write a copy to FILE, which must not exist yet. Its mode is 0600.

    The copy is complete and contains nothing that was erased.
    """
    progress = ProgressLine("Backing up")
    with report_problems(file):
        with HistoryUpkeep(file, read_only=True):
            pass  # not any database
        with report_problems(target, ""), progress:
            size = back_up(file, target, progress)
    click.echo(f"Wrote {format_size(size)} to {format_path(target)}")


@history.command()
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path, readable=False))
@file_options
def restore(source: Path, file: Path, users_file: Path) -> None:
    """Replace the history by the backup FILE. The server must be stopped.

    The backup is checked before anything is changed. The old history is kept under another name.
    """
    progress = ProgressLine("Restoring")
    with report_problems(file):
        _check_replaceable(file)
    with report_problems(file), _server_stopped(file), report_problems(source, ""), progress:
        old = restore_backup(source, file, check_version, progress)
    click.echo(f"Restored {format_path(file)} from {format_path(source)}")
    if old is not None:
        click.echo(f"The old history is in {format_path(old)}")


@history.command()
@file_options
def compact(file: Path, users_file: Path) -> None:
    """Make the file as small as possible. The server must be stopped.

    Needs as much free space as the file has.
    """
    progress = ProgressLine("Compacting")
    with (
        report_problems(file),
        _server_stopped(file),
        HistoryUpkeep(file, progress=progress) as opened,
        progress,
    ):
        before = opened.stats().file_bytes
        opened.compact()
        after = opened.stats().file_bytes
    click.echo(f"Compacted {format_path(file)}: {format_size(before)} to {format_size(after)}")


def _warn_of_other_servers(is_shared: bool) -> None:
    """Say that other files have the messages, too. `is_shared`: the file is of a log."""
    if is_shared:
        click.echo("Other servers of this chat keep theirs: run this on each of them", err=True)


def _set_aside_files(file: Path) -> list[Path]:
    """Return the files that a server or `restore` has set aside. They have the texts, too."""
    target = Path(os.path.realpath(file))
    beginnings = tuple(f"{target.name}.{kind}-" for kind in ("broken", "before-restore"))
    return sorted(path for path in target.parent.iterdir() if path.name.startswith(beginnings))


def _check_replaceable(file: Path) -> None:
    """Reject a file that is not a history. A damaged one, or one of a newer server, may go."""
    try:
        with suppress(FileNotFoundError, NewerSchemaError):
            check_file(file)
    except NotHistoryFileError as error:
        raise click.ClickException(
            f"{format_path(file)}: {error}; name the right one with --history, or move this one"
            " away"
        ) from error


@contextmanager
def _server_stopped(file: Path) -> Iterator[None]:
    """Exclude servers. Raises `LockTimeoutError` if one uses the file."""
    with lock_file(file, timeout=0):
        yield


def _canonical(name: str) -> str:
    found = canonical_name(name)
    if found is None:
        raise click.UsageError(f"{quoted(name)} is not a valid name: {NAME_RULE}")
    return found


def _nothing_kept(name: str) -> click.ClickException:
    return click.ClickException(f"nothing is kept of {name}")


def _confirm(question: str) -> None:
    if sys.stdin is None or not sys.stdin.isatty():
        raise click.UsageError("can't ask without a terminal; use --yes")
    if not click.confirm(question, err=True):
        raise click.ClickException("nothing was removed")


def _has_account(name: str, users_file: Path) -> bool:
    try:
        return name in read_accounts(users_file).all_hashes
    except UsersFileError:
        return False


def _users_option(users_file: Path) -> str:
    return one_line(f"--users {shlex.quote(str(users_file))}")
