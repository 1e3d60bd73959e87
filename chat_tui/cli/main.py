"""The command `chat-tui`: its options and arguments, and the start of the client."""

from __future__ import annotations

import gc
import getpass
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chat_server.wire import canonical_name
from chat_tui.account import (
    PORT,
    TLS_PORT,
    Account,
    Address,
    default_port,
    make_account,
    parse_address,
)
from chat_tui.config import DEFAULT_HOST, sign_in_target
from chat_tui.input import WHEN_FORMS, guessed_netcat_command, is_when

if TYPE_CHECKING:
    from chat_tui.config import Configuration, Profile
    from chat_tui.storage import LastServer


def _to_address(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> tuple[str, int | None] | None:
    try:
        return None if text is None else parse_address(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _to_addresses(
    context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]
) -> tuple[tuple[str, int | None], ...]:
    found = (_to_address(context, parameter, text) for text in texts)
    return tuple(dict.fromkeys(filter(None, found)))


def _second_argument_problem(
    arguments: tuple[str, ...], server: tuple[str, int | None] | None
) -> str:
    """Return what to do about a second server, or about a port as `nc` and `telnet` take it."""
    host, port = arguments[0], arguments[-1]
    if server is None and len(arguments) == 2 and port.isdecimal():
        host = f"[{host}]" if ":" in host and not host.startswith("[") else host
        return f"write the port after a colon: {host}:{port}"
    return f"only one server can be named; remove {port!r}"


def _reject_port(context: click.Context, parameter: click.Parameter, text: str | None) -> None:
    if text is not None:
        raise click.UsageError(f"--port is not an option: write the port after HOST, HOST:{text}")


def _to_name(context: click.Context, parameter: click.Parameter, text: str | None) -> str | None:
    if text is None:
        return None
    name = canonical_name(text)
    if name is None:
        raise click.BadParameter(f"{text!r} is not a name: use up to 32 letters, digits, _ - or .")
    return name


def _to_when(context: click.Context, parameter: click.Parameter, text: str | None) -> str | None:
    if text is None or is_when(text):
        return text
    raise click.BadParameter(f"{text!r} is not a time: write {WHEN_FORMS}")


def _to_end(context: click.Context, parameter: click.Parameter, text: str | None) -> str | None:
    return text if text == "now" else _to_when(context, parameter, text)


def _to_names(
    context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]
) -> tuple[str, ...]:
    return tuple(filter(None, (_to_name(context, parameter, text) for text in texts)))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("arguments", metavar="[HOST[:PORT]]", nargs=-1)
@click.option(
    "--server",
    "servers",
    callback=_to_addresses,
    metavar="HOST[:PORT]",
    multiple=True,
    help="The server. Can be repeated if several servers are one chat.",
)
@click.option("--port", callback=_reject_port, hidden=True, expose_value=False)
@click.option(
    "--profile", metavar="NAME", help="Use the server and account of this profile in the settings."
)
@click.option(
    "--plaintext",
    is_flag=True,
    help="Do not encrypt, even to a remote HOST. Others on the way can read the password.",
)
@click.option("--user", callback=_to_name, metavar="NAME", help="The user to sign in as.")
@click.option("--room", callback=_to_name, metavar="ROOM", help="The room to enter first.")
@click.option(
    "--local",
    is_flag=True,
    help="Start a server for this client, or use the one that is running.",
)
@click.option("--plain", is_flag=True, help="Chat line by line, without a screen.")
@click.option(
    "--send",
    callback=_to_name,
    metavar="ROOM",
    help='Send a message and exit: --send ROOM "text", or the text on standard input.',
)
@click.option("--tail", callback=_to_name, metavar="ROOM", help="Print the messages of a room.")
@click.option(
    "--from",
    "authors",
    callback=_to_names,
    metavar="NAME",
    multiple=True,
    help="With --tail: print only the messages of this user. Can be repeated.",
)
@click.option(
    "--since",
    callback=_to_when,
    metavar="WHEN",
    help=f"With --tail: print past messages from then on first. WHEN is {WHEN_FORMS}.",
)
@click.option(
    "--until",
    callback=_to_end,
    metavar="WHEN",
    help="With --since: print what the server has up to then and end. A date includes its day; "
    "now prints all.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="With --tail: print each message as a JSON object."
)
@click.version_option(package_name="lobby-chat", prog_name="chat-tui")
@click.pass_context
def client_command(
    context: click.Context,
    arguments: tuple[str, ...],
    servers: tuple[tuple[str, int | None], ...],
    profile: str | None,
    plaintext: bool,
    user: str | None,
    room: str | None,
    local: bool,
    plain: bool,
    send: str | None,
    tail: str | None,
    authors: tuple[str, ...],
    since: str | None,
    until: str | None,
    as_json: bool,
) -> int:
    """Chat in the terminal.

    HOST is the name or address of the server, such as chat.example.org or [::1]:9001. Without it,
    the login form shows the server that was used last. The connection is encrypted, except to a
    server on this machine that does not support it.

    `chat-tui config` prints the settings in force, and with --example a file to start from.
    `chat-tui trust` lists the trusted keys of servers.
    """
    text = None
    server = servers[0] if servers else None
    if send is not None:
        if len(arguments) > 1:
            raise click.UsageError('put the text of --send in quotes: --send ROOM "text"')
        text = arguments[0] if arguments and arguments[0] != "-" else None
    elif arguments:
        if len(arguments) > 1 or server is not None:
            raise click.UsageError(_second_argument_problem(arguments, server))
        server = _to_address(context, client_command.params[0], arguments[0])
    if plain + (send is not None) + (tail is not None) + local > 1:
        raise click.UsageError("use only one of --plain, --send, --tail and --local")
    if authors and tail is None:
        raise click.UsageError("--from needs --tail")
    if tail is None and (since is not None or as_json):
        raise click.UsageError("--since needs --tail" if since else "--json needs --tail")
    if until is not None and since is None:
        raise click.UsageError("--until needs --since")
    if room and (send or tail):
        mode = "--send" if send else "--tail"
        raise click.UsageError(f"--room cannot be used with {mode}, which already names the room")
    if profile is not None and (local or server is not None or user is not None):
        raise click.UsageError(
            "--profile cannot be used with a server, --user or --local: it names server and user"
        )
    if local and server is not None:
        raise click.UsageError("--local cannot be used with a server: it starts its own")
    if plaintext and server is None:
        raise click.UsageError("--plaintext needs a server: add HOST[:PORT]")
    target = server and (server[0], server[1] or default_port(plaintext=plaintext))
    others = tuple(
        (make_account(host, 0, "", "").host, port or default_port(plaintext=plaintext))
        for host, port in servers[1:]
    )
    if plain or send is not None or tail is not None:
        from chat_tui.headless import HeadlessJob

        return HeadlessJob(
            profile,
            target,
            user,
            room,
            send,
            text,
            tail,
            authors,
            since or "",
            until or "",
            as_json,
            plaintext,
            others,
        ).run(_os_user())
    if not _has_terminal():
        host, port = target or (DEFAULT_HOST, TLS_PORT)
        account = Account(host, port, "", "", plaintext=plaintext)
        raise click.UsageError(
            "the full-screen client needs a terminal. Use --plain, --send or --tail, or connect"
            f" with: {guessed_netcat_command(account)}"
        )
    _run_full_screen(target, profile, user, room, local=local, plaintext=plaintext, others=others)
    return 0


def _require_profile(configuration: Configuration, name: str | None) -> Profile | None:
    """Return the profile of that name, or None without a name.

    Raises `click.UsageError` if there is no such profile.
    """
    profile = None if name is None else configuration.profile(name)
    if name is not None and profile is None:
        raise click.UsageError(configuration.missing_profile(name))
    return profile


def _initial_profile(
    configuration: Configuration, last: LastServer | None, name: str | None
) -> Profile | None:
    """Return the named profile. Without a name: the profile used last, or the first one.

    Raises `click.UsageError` if there is no profile of that name.
    """
    if name is not None:
        return _require_profile(configuration, name)
    used = last and configuration.profile_for(last.host, last.port, last.user, last.profile)
    return used or next(iter(configuration.profiles), None)


def _run_full_screen(
    server: tuple[str, int] | None,
    profile_name: str | None,
    user: str | None,
    room: str | None,
    *,
    local: bool,
    plaintext: bool,
    others: tuple[Address, ...],
) -> None:
    """Run the full-screen client until the user quits. Called by the main thread.

    Textual takes a moment to load, so it is imported here and not at the top.
    """
    gc.disable()  # there is no garbage yet; the app enables it once the form is drawn
    from chat_tui.config import load
    from chat_tui.launch import LaunchOptions
    from chat_tui.storage import ClientState, state_folder
    from chat_tui.ui import ChatApp
    from chat_tui.ui.terminal import extend_exit_alarm

    folder = state_folder()
    state = ClientState(folder)
    configuration = load()
    if local:
        from chat_tui.local_server import LocalServer, remembered_demo_accounts, users_file

        options = LaunchOptions(
            DEFAULT_HOST,
            PORT,
            user or "alice",
            room,
            lambda: LocalServer.start(folder, Path.cwd()),
            configuration=configuration,
            plaintext=True,
            local_accounts=remembered_demo_accounts(folder, users_file(folder, Path.cwd())) or (),
        )
    else:
        is_named = server is not None or user is not None
        profile = None if is_named else _initial_profile(configuration, state.last, profile_name)
        target = sign_in_target(
            profile, server, user, state.last, _os_user(), plaintext=plaintext, others=others
        )
        options = LaunchOptions(
            target.host,
            target.port,
            target.user,
            room,
            configuration=configuration,
            profile=profile.name if profile else None,
            plaintext=target.plaintext,
            others=target.others,
        )
    app = ChatApp(options, state)
    try:
        app.run()
    finally:
        extend_exit_alarm()
        if app.local_server is not None:
            app.local_server.stop()
    if app.return_code:
        sys.exit(app.return_code)


def _os_user() -> str:
    """Return the name of the operating system's user if it is a valid user name, or ''."""
    try:
        return canonical_name(getpass.getuser()) or ""
    except (OSError, KeyError):  # this user id has no name
        return ""


def _has_terminal() -> bool:
    """Return whether standard input, output and error are a terminal with a screen."""
    streams = (sys.__stdin__, sys.__stdout__, sys.__stderr__)
    all_there = all(stream is not None and stream.isatty() for stream in streams)
    return all_there and os.environ.get("TERM") != "dumb"
