"""`chat-tui trust`: list, pin and forget the keys of servers."""

from __future__ import annotations

import sys
import threading
from typing import Final

import click

from chat_tui.account import Account, default_port, make_account, parse_address
from chat_tui.events import KeyChanged, KeyUnknown, TrustDecision
from chat_tui.headless import ExitCode, ask_trust, has_terminal
from chat_tui.sanitize import safe_text
from chat_tui.session import trust_text
from chat_tui.storage import FINGERPRINT, KnownServers, KnownServersError, state_folder
from chat_tui.transport import (
    CONNECT_TIMEOUT,
    ChangedKey,
    Connected,
    ConnectFailed,
    Dialer,
    Outcome,
)

_GRACE_SECONDS: Final = 1.0
"""Seconds that the dialer may exceed its own timeout."""


def _to_address(
    context: click.Context, parameter: click.Parameter, text: str
) -> tuple[str, int | None]:
    try:
        host, port = parse_address(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    return make_account(host, 0, "", "").host, port


def _to_fingerprint(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> str | None:
    if text is None:
        return None
    fingerprint = text.strip().rstrip("=")
    if not fingerprint.startswith("SHA256:"):
        fingerprint = f"SHA256:{fingerprint}"
    if not FINGERPRINT.fullmatch(fingerprint):
        raise click.BadParameter(
            "a fingerprint is SHA256: and 43 characters, as the server logs it"
        )
    return fingerprint


_host_argument = click.argument("target", metavar="HOST[:PORT]", callback=_to_address)


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.pass_context
def trust_command(context: click.Context) -> None:
    """Manage the pinned keys of servers.

    The client never connects to a server whose key differs from the pinned one.
    """
    if context.invoked_subcommand is None:
        raise click.UsageError("a command is missing. Use one of: list, add HOST, forget HOST")


@trust_command.command("list")
def list_() -> int:
    """Print the pinned keys: server, fingerprint and date.

    A key that was pinned because another server of the same profile has it names that server.
    """
    known = KnownServers(state_folder())
    try:
        servers = known.listed()
    except KnownServersError as error:
        return _fail(str(error), ExitCode.UNTRUSTED)
    for pinned in servers:
        like = f"  same key as {pinned.like}" if pinned.like else ""
        print(safe_text(f"{pinned.server}  {pinned.fingerprint}  {pinned.since}{like}"))
    sys.stdout.flush()
    if not servers:
        print(f"chat-tui: no keys are pinned in {known.path}", file=sys.stderr)
    return ExitCode.DONE


@trust_command.command()
@_host_argument
def forget(target: tuple[str, int | None]) -> int:
    """Remove the pinned key of HOST, at all its ports if none is given.

    At the next sign-in, the client asks about the key again.
    """
    host, port = target
    try:
        removed = KnownServers(state_folder()).forget(host, port)
    except KnownServersError as error:
        return _fail(str(error), ExitCode.UNTRUSTED)
    for pinned in removed:
        print(safe_text(f"forgotten: {pinned.server}  {pinned.fingerprint}"))
    if not removed:
        name = host if port is None else Account(host, port, "", "").server
        message = f"no key of {safe_text(name)} is pinned. See: chat-tui trust list"
        return _fail(message, ExitCode.UNCONFIRMED)
    return ExitCode.DONE


@trust_command.command()
@_host_argument
@click.argument("fingerprint", required=False, callback=_to_fingerprint)
def add(target: tuple[str, int | None], fingerprint: str | None) -> int:
    """Fetch the key of HOST, ask, and pin it.

    With a FINGERPRINT, which you got from the operator of the server, pin the key only if it
    matches, and ask nothing.
    """
    host, port = target
    account = Account(host, port or default_port(plaintext=False), "", "")
    known = KnownServers(state_folder())
    outcome = _dial(account, known)
    server = safe_text(account.server)
    match outcome:
        case ConnectFailed(reason, untrusted=untrusted):
            code = ExitCode.UNTRUSTED if untrusted else ExitCode.NO_CONNECTION
            return _fail(safe_text(reason), code)
        case ChangedKey(trusted, seen, pinned):
            changed = KeyChanged(account.server, trusted, seen, pinned)
            return _fail(safe_text(trust_text.changed_key_text(changed)), ExitCode.UNTRUSTED)
        case Connected(fingerprint=""):
            message = f"{server} does not encrypt, so it has no key to pin"
            return _fail(message, ExitCode.NO_CONNECTION)
    seen = outcome.fingerprint
    if fingerprint is not None and seen != fingerprint:
        message = f"{server} has another key: {seen}. It was not pinned"
        return _fail(message, ExitCode.UNTRUSTED)
    try:
        if known.trusted(account.host, account.port) is None:
            if fingerprint is None:
                if isinstance(outcome, Connected):
                    print(f"{server} has a certificate that this machine trusts: nothing to pin")
                    return ExitCode.DONE
                event = KeyUnknown(account.server, seen, outcome.why)
                if not has_terminal():
                    return _fail(safe_text(trust_text.unknown_key_text(event)), ExitCode.UNTRUSTED)
                if ask_trust(event, only_permanent=True) is not TrustDecision.ALWAYS:
                    return _fail("the key was not pinned", ExitCode.UNTRUSTED)
            known.pin(account.host, account.port, seen)
    except KnownServersError as error:
        return _fail(str(error), ExitCode.UNTRUSTED)
    print(f"pinned: {server}  {seen}")
    return ExitCode.DONE


def _dial(account: Account, known: KnownServers) -> Outcome:
    """Connect to the server, do the TLS handshake and close the connection. Blocks."""
    done = threading.Event()
    dialer = Dialer(account.host, account.port, done.set, known)
    done.wait(CONNECT_TIMEOUT + _GRACE_SECONDS)
    outcome = dialer.outcome()
    assert outcome is not None  # the deadline has passed
    if isinstance(outcome, Connected):
        outcome.stream.close()
    return outcome


def _fail(message: str, code: ExitCode) -> int:
    """Print an error and return the exit code."""
    print(f"chat-tui: {message}", file=sys.stderr)
    return code
