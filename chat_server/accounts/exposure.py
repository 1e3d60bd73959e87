"""Exposure: why a server that others can reach must not use these accounts.

A start, a reload and `chat-server check` call the same function. On loopback the reasons are
warnings, because only users of this machine can use them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from chat_server.accounts.accounts import Accounts
from chat_server.accounts.demo import accounts_with_demo_password
from chat_server.accounts.file_reader import companion_path
from chat_server.escape import one_line
from chat_server.strict_modes import ModeProblem, mode_problems


def exposure_problems(path: Path, accounts: Accounts) -> Iterator[str]:
    """Yield each reason as a sentence that follows the path of the users file.

    Blocks on the disk, and for as long as a login if demo accounts are present.
    """
    demo = demo_password_problem(accounts)
    if demo is not None:
        yield demo
    for problem in users_file_mode_problems(path):
        is_users_file = problem.path in (Path(os.path.realpath(path)), Path(os.path.abspath(path)))
        where = "" if is_users_file else f"{one_line(str(problem.path))}: "
        yield f"{where}{problem.why}; {problem.cure}"


def demo_password_problem(accounts: Accounts) -> str | None:
    """Return that accounts have the demo password, or None. Blocks like a login if some do."""
    names = accounts_with_demo_password(accounts)
    if not names:
        return None
    return (
        f"the publicly known demo password is still set for {', '.join(names)}; a server that"
        " others can reach must not use it: change it with chat-server users passwd NAME, or"
        " remove the account"
    )


def users_file_mode_problems(path: Path) -> list[ModeProblem]:
    """Return why others may write the users file, its companion or their folders."""
    return list(dict.fromkeys([*mode_problems(path), *mode_problems(companion_path(path))]))
