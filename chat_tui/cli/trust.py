"""`chat-tui trust`: which keys of servers are trusted for good, and letting go of them."""

from __future__ import annotations

import sys
import threading
from typing import Final

import click

from chat_tui.account import Account, default_port, make_account, parse_address
from chat_tui.events import KeyChanged, KeyUnknown, TrustDecision
from chat_tui.headless import ExitCode, ask_trust, has_terminal
from chat_tui.sanitize import safe_text
from chat_tui.session import trust_text as trust_words
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
"""Seconds that a dialling may be late."""


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
    whole = text.strip().rstrip("=")
    whole = whole if whole.startswith("SHA256:") else f"SHA256:{whole}"
    if not FINGERPRINT.fullmatch(whole):
        raise click.BadParameter("a fingerprint is SHA256: and 43 characters, as a server shows it")
    return whole


_host = click.argument("at", metavar="HOST[:PORT]", callback=_to_address)


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.pass_context
def trust_command(context: click.Context) -> None:
    """The keys of servers that are trusted for good.

    A server that shows another key than the one that is kept here is not talked to.
    """
    if context.invoked_subcommand is None:
        raise click.UsageError("trust what? Say one of: list, add HOST, forget HOST")


@trust_command.command("list")
def list_() -> int:
    """Print them: server, fingerprint, and since when."""
    known = KnownServers(state_folder())
    try:
        servers = known.listed()
    except KnownServersError as problem:
        return _fail(str(problem), ExitCode.UNTRUSTED)
    for one in servers:
        print(safe_text(f"{one.server}  {one.fingerprint}  {one.since}"))
    sys.stdout.flush()
    if not servers:
        print(f"chat-tui: no key is kept in {known.path}", file=sys.stderr)
    return ExitCode.DONE


@trust_command.command()
@_host
def forget(at: tuple[str, int | None]) -> int:
    """Let go of the key of HOST, at all its ports where none is named.

    At the next sign-in there the key is looked at anew.
    """
    host, port = at
    try:
        gone = KnownServers(state_folder()).forget(host, port)
    except KnownServersError as problem:
        return _fail(str(problem), ExitCode.UNTRUSTED)
    for one in gone:
        print(safe_text(f"forgotten: {one.server}  {one.fingerprint}"))
    if not gone:
        name = host if port is None else Account(host, port, "", "").server
        words = f"no key of {safe_text(name)} is kept; see: chat-tui trust list"
        return _fail(words, ExitCode.UNCONFIRMED)
    return ExitCode.DONE


@trust_command.command()
@_host
@click.argument("fingerprint", required=False, callback=_to_fingerprint)
def add(at: tuple[str, int | None], fingerprint: str | None) -> int:
    """Look at the key of HOST, and keep it.

    With a FINGERPRINT, which its operator told you, only that one is kept and nothing is asked.
    """
    host, port = at
    who = Account(host, port or default_port(plaintext=False), "", "")
    known = KnownServers(state_folder())
    outcome = _dial(who, known)
    server = safe_text(who.server)
    match outcome:
        case ConnectFailed(reason, untrusted=untrusted):
            code = ExitCode.UNTRUSTED if untrusted else ExitCode.NO_CONNECTION
            return _fail(safe_text(reason), code)
        case ChangedKey(trusted, seen, pinned):
            changed = KeyChanged(who.server, trusted, seen, pinned)
            return _fail(safe_text(trust_words.changed_key_text(changed)), ExitCode.UNTRUSTED)
        case Connected(fingerprint=""):
            words = f"{server} does not encrypt: there is no key to keep"
            return _fail(words, ExitCode.NO_CONNECTION)
    seen = outcome.fingerprint
    if fingerprint is not None and seen != fingerprint:
        words = f"{server} has another key: {seen}. Nothing was kept"
        return _fail(words, ExitCode.UNTRUSTED)
    try:
        if known.trusted(who.host, who.port) is None:
            if fingerprint is None:
                if isinstance(outcome, Connected):
                    print(f"{server} needs no key here: this machine knows who vouches for it")
                    return ExitCode.DONE
                event = KeyUnknown(who.server, seen, outcome.why)
                if not has_terminal():
                    return _fail(safe_text(trust_words.unknown_key_text(event)), ExitCode.UNTRUSTED)
                if ask_trust(event, only_permanent=True) is not TrustDecision.ALWAYS:
                    return _fail("nothing was kept", ExitCode.UNTRUSTED)
            known.pin(who.host, who.port, seen)
    except KnownServersError as problem:
        return _fail(str(problem), ExitCode.UNTRUSTED)
    print(f"kept: {server}  {seen}")
    return ExitCode.DONE


def _dial(account: Account, known: KnownServers) -> Outcome:
    """Connect, look, and hang up. Blocks."""
    done = threading.Event()
    dialling = Dialer(account.host, account.port, done.set, known)
    done.wait(CONNECT_TIMEOUT + _GRACE_SECONDS)
    outcome = dialling.outcome()
    assert outcome is not None  # the deadline is over
    if isinstance(outcome, Connected):
        outcome.stream.close()
    return outcome


def _fail(message: str, code: ExitCode) -> int:
    print(f"chat-tui: {message}", file=sys.stderr)
    return code
