"""A headless job of the command line, from its options to its exit code."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from chat_tui.account import Account, Address
from chat_tui.config import load, sign_in_target
from chat_tui.headless import entry_points
from chat_tui.headless.credentials import SignInConfigError, account_with_password, select_profile
from chat_tui.headless.exit_code import ExitCode
from chat_tui.headless.tail import TailOptions
from chat_tui.storage import ClientState, KnownServers, state_folder


@dataclass(frozen=True, slots=True)
class HeadlessJob:
    """The options of the command line. Names and addresses are valid already."""

    profile: str | None = None
    """A profile name. Never set together with `server` or `user`: a profile's password goes only to
    its own server."""
    server: tuple[str, int] | None = None
    user: str | None = None
    room: str | None = None
    send: str | None = None
    """The room of `--send`. Without `send` and `tail` the job is interactive (`--plain`)."""
    text: str | None = None
    """The text to send. None: read standard input."""
    tail: str | None = None
    """The room of `--tail`."""
    authors: tuple[str, ...] = ()
    """With `tail`: print only the messages of these users. Empty: of all users."""
    since: str = ""
    """With `tail`: print past messages from then on."""
    until: str = ""
    """With `since`: print what there is up to then, and end."""
    json: bool = False
    """With `tail`: print one JSON object a line."""
    plaintext: bool = False
    """Do not encrypt the connection. Set only together with `server`."""
    others: tuple[Address, ...] = ()
    """The other servers of the same chat. Set only together with `server`."""

    def run(self, os_user: str) -> int:
        """Run the job and return its exit code. `os_user` is the default user name."""
        configuration, state = load(), ClientState(state_folder())
        for problem in configuration.problems:
            print(f"chat-tui: {problem}", file=sys.stderr)
        _print_problems(state)
        try:
            profile = select_profile(
                configuration, self.profile, default_to_only=not (self.server or self.user)
            )
            if profile is None and self.server is None and not self._is_interactive:
                raise SignInConfigError(
                    "no server is named. Add --server HOST[:PORT], or --profile with a profile of "
                    f"{configuration.path}"
                )
            target = sign_in_target(
                profile,
                self.server,
                self.user,
                state.last,
                os_user,
                plaintext=self.plaintext,
                others=self.others,
            )
            account = account_with_password(configuration, profile, target)
        except SignInConfigError as error:
            print(f"chat-tui: {error}", file=sys.stderr)
            return ExitCode.USAGE
        known_servers = KnownServers(state.folder)
        if not self._is_interactive:
            return self._run_in_room(account, known_servers)
        follow_everyone = state.follows_everyone(account.host, account.port)
        profile_name = profile.name if profile else ""
        room = self.room or (profile.room if profile else None)

        def store_sign_in() -> None:
            state.signed_in(account.host, account.port, account.user, follow_everyone, profile_name)
            _print_problems(state)

        return entry_points.run_interactive(
            account,
            known_servers,
            room,
            follow_everyone,
            configuration.settings.log_folder,
            store_sign_in,
            profile.source if profile else "",
        )

    @property
    def _is_interactive(self) -> bool:
        """True for `--plain`, whose user sees the account in use. The others run in scripts."""
        return self.send is None and self.tail is None

    def _run_in_room(self, account: Account, known_servers: KnownServers) -> int:
        if self.send is not None:
            return entry_points.run_send(account, known_servers, self.send, self.text)
        options = TailOptions(frozenset(self.authors), self.since, self.until, self.json)
        return entry_points.run_tail(account, known_servers, self.tail or "", options)


def _print_problems(state: ClientState) -> None:
    for text in state.problems.take():
        print(f"chat-tui: {text}", file=sys.stderr)
