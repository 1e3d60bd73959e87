"""What the command line asks for without a screen, done from its words to its exit code."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from chat_tui.account import Account
from chat_tui.config import load, sign_in_target
from chat_tui.headless import entry_points as start
from chat_tui.headless.credentials import SignInConfigError, account_with_password, select_profile
from chat_tui.headless.exit_code import ExitCode
from chat_tui.storage import ClientState, KnownServers, state_folder


@dataclass(frozen=True, slots=True)
class HeadlessJob:
    """The options, as they were given; names and addresses are possible ones."""

    profile: str | None = None
    """Not beside `server` and `user`: a password goes to the server that it is for."""
    server: tuple[str, int] | None = None
    user: str | None = None
    room: str | None = None
    send: str | None = None
    """The room to say something in; else `tail` or neither, which is a talk."""
    text: str | None = None
    """What to say there; None: the standard input."""
    tail: str | None = None
    """The room to listen in."""
    authors: tuple[str, ...] = ()
    plaintext: bool = False
    """Nothing is to be encrypted; only beside `server`."""

    def run(self, os_user: str) -> int:
        """Do it; the exit code. `user_here`: who signs in where nothing says who."""
        configuration, state = load(), ClientState(state_folder())
        for problem in configuration.problems:
            print(f"chat-tui: {problem}", file=sys.stderr)
        try:
            profile = select_profile(
                configuration, self.profile, default_to_only=not (self.server or self.user)
            )
            if profile is None and self.server is None and not self._is_interactive:
                raise SignInConfigError(
                    "which server? Add --server HOST[:PORT], or --profile and one that "
                    f"{configuration.path} has"
                )
            asked = sign_in_target(
                profile, self.server, self.user, state.last, os_user, plaintext=self.plaintext
            )
            who = account_with_password(configuration, profile, asked)
        except SignInConfigError as error:
            print(f"chat-tui: {error}", file=sys.stderr)
            return ExitCode.USAGE
        known = KnownServers(state.folder)
        if not self._is_interactive:
            return self._run_in_room(who, known)
        everyone = state.follows_everyone(who.host, who.port)
        name = profile.name if profile else ""
        room = self.room or (profile.room if profile else None)
        return start.run_interactive(
            who,
            known,
            room,
            everyone,
            configuration.settings.log_folder,
            lambda: state.signed_in(who.host, who.port, who.user, everyone, name),
            profile.source if profile else "",
        )

    @property
    def _is_interactive(self) -> bool:
        """Whether somebody is there who sees whom they speak as; else it is a script's errand."""
        return self.send is None and self.tail is None

    def _run_in_room(self, account: Account, known: KnownServers) -> int:
        if self.send is not None:
            return start.run_send(account, known, self.send, self.text)
        return start.run_tail(account, known, self.tail or "", self.authors)
