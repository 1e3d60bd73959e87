"""Owners and modes of a file and its folders: only root and the server may write them.

Another user who may write the users file, or replace it because of its folder, could add an account
or an operator. The rules are those of sshd's `StrictModes`, with two differences. A group-writable
file is accepted if the group is the private group of its owner, as on systems whose umask is 002
(Debian's sshd does the same). A writable folder is accepted if it is sticky, such as /tmp: others
cannot rename or delete in it what belongs to root or to the server.
"""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from chat_server.escape import one_line

_ROOT: Final = 0

_MAX_LINKS: Final = 40
"""Most symlinks that are followed, as in Linux."""


@dataclass(frozen=True, slots=True)
class ModeProblem:
    """A file or folder that other users may write."""

    path: Path
    why: str
    """Such as "its group 'staff' may write it (mode 0664)"."""
    cure: str
    """A command that an operator can run."""

    def __str__(self) -> str:
        return f"{one_line(str(self.path))}: {self.why}; {self.cure}"


def mode_problems(path: Path, uid: int | None = None) -> list[ModeProblem]:
    """Return why others than root and user `uid` may write the file or one of its folders.

    `uid` None is the user of this process. The path is checked as given and after each symlink on
    it, whose folder decides where it leads. A missing file has no problem; its folders may have.
    Reads the user database only if something is group-writable. Never raises.
    """
    trusted = {_ROOT, os.geteuid() if uid is None else uid}
    return list(_problems(path, trusted))


def _problems(path: Path, trusted: set[int]) -> Iterator[ModeProblem]:
    seen: set[tuple[int, int]] = set()
    for start in (Path(os.path.realpath(path)), *_followed(path)):
        for each in (start, *start.parents):
            try:
                status = each.stat()
            except OSError:
                continue  # missing, or a reader of the file reports it
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            problem = _problem(each, status, trusted)
            if problem is not None:
                yield problem


def _followed(path: Path) -> list[Path]:
    """Return the absolute path and, in turn, the path behind its first symlink."""
    found = [Path(os.path.abspath(path))]
    for current in found:  # it grows in the loop
        for each in (*reversed(current.parents), current):
            try:
                target = os.readlink(each)
            except OSError:  # not a symlink, or missing
                continue
            rest = current.relative_to(each)
            found.append(Path(os.path.normpath(each.parent / target / rest)))
            break
        if len(found) > _MAX_LINKS:
            break
    return found


def _problem(path: Path, status: os.stat_result, trusted: set[int]) -> ModeProblem | None:
    shown, mode = one_line(shlex.quote(str(path))), stat.S_IMODE(status.st_mode)
    if status.st_uid not in trusted:
        owner = f"user {_user_name(status.st_uid)}"
        mine = _user_name(max(trusted))
        cure = f"run: chown {mine} {shown}"
        if trusted == {_ROOT}:  # it may be the home folder of that user
            cure = f"run the server as that user, or {cure}"
        wanted = " or ".join(dict.fromkeys(_user_name(uid) for uid in sorted(trusted)))
        return ModeProblem(path, f"belongs to {owner}, not to {wanted}", cure)
    if stat.S_ISDIR(status.st_mode) and mode & stat.S_ISVTX:
        return None
    if mode & stat.S_IWOTH:
        return ModeProblem(
            path, f"every user may write it (mode {mode:04o})", f"run: chmod go-w {shown}"
        )
    if mode & stat.S_IWGRP and _has_access_list(path):  # then these bits are its upper bound
        return ModeProblem(
            path,
            f"its access control list lets others write it (mode {mode:04o})",
            f"run: chmod g-w {shown}",
        )
    if mode & stat.S_IWGRP and not _is_private_group(status.st_gid, status.st_uid):
        group = _group_name(status.st_gid)
        return ModeProblem(
            path, f"its group {group} may write it (mode {mode:04o})", f"run: chmod g-w {shown}"
        )
    return None


def _has_access_list(path: Path) -> bool:
    """Return True if the file has a POSIX access control list with more than the mode."""
    try:
        return bool(os.getxattr(path, "system.posix_acl_access"))
    except (OSError, AttributeError):  # it has none, or this system has no such lists
        return False


@lru_cache(maxsize=64)
def _is_private_group(gid: int, uid: int) -> bool:
    """Return True if no other user is in the group. Cached: a change needs a restart."""
    try:
        name: str | None = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = None
    try:
        group = grp.getgrgid(gid)
    except KeyError:
        # A group without a name, as containers have. Only a process can be in it, not an account.
        return gid in (os.getegid(), *os.getgroups()) and not _is_primary_of_others(gid, uid)
    if group.gr_name != name or any(member != name for member in group.gr_mem):
        return False
    # System accounts without a login, such as `sync`, have the group of root on some systems.
    return gid == _ROOT or not _is_primary_of_others(gid, uid)


def _is_primary_of_others(gid: int, uid: int) -> bool:
    return any(entry.pw_gid == gid and entry.pw_uid != uid for entry in pwd.getpwall())


def _user_name(uid: int) -> str:
    try:
        return one_line(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return str(uid)


def _group_name(gid: int) -> str:
    try:
        return one_line(grp.getgrgid(gid).gr_name)
    except KeyError:
        return str(gid)
