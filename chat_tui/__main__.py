"""The command line of the client. Textual, which takes a moment to load, is imported last."""

from __future__ import annotations

import gc
import getpass
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chat_server.wire import canonical_name
from chat_tui.account import PORT, TLS_PORT, Account, address, default_port
from chat_tui.config import DEFAULT_HOST, sign_in_target
from chat_tui.input import guessed_netcat_command

if TYPE_CHECKING:
    from chat_tui.config import Configuration, Profile
    from chat_tui.storage import LastServer


def _to_address(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> tuple[str, int | None] | None:
    try:
        return None if text is None else address(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _to_name(context: click.Context, parameter: click.Parameter, text: str | None) -> str | None:
    if text is None:
        return None
    name = canonical_name(text)
    if name is None:
        raise click.BadParameter(f"{text!r} is no name: up to 32 letters, digits, _ - or .")
    return name


def _to_names(
    context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]
) -> tuple[str, ...]:
    return tuple(filter(None, (_to_name(context, parameter, text) for text in texts)))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("words", metavar="[HOST[:PORT]]", nargs=-1)
@click.option("--server", callback=_to_address, metavar="HOST[:PORT]", help="The same.")
@click.option("--profile", metavar="NAME", help="A server and an account of your settings file.")
@click.option(
    "--plaintext",
    is_flag=True,
    help="Do not encrypt, wherever HOST is: all on the way may read it, the password too.",
)
@click.option("--user", callback=_to_name, metavar="NAME", help="Who signs in.")
@click.option("--room", callback=_to_name, metavar="ROOM", help="The room to begin in.")
@click.option(
    "--local",
    is_flag=True,
    help="Start a server of your own beside the client, or join the one that is there.",
)
@click.option("--plain", is_flag=True, help="Talk line by line, without a screen.")
@click.option(
    "--send",
    callback=_to_name,
    metavar="ROOM",
    help='Say something there and leave: --send ROOM "text", or the text as standard input.',
)
@click.option("--tail", callback=_to_name, metavar="ROOM", help="Print what is said there.")
@click.option(
    "--from",
    "authors",
    callback=_to_names,
    metavar="NAME",
    multiple=True,
    help="With --tail: only what this person says. May be given several times.",
)
@click.version_option(package_name="lobby-chat", prog_name="chat-tui")
@click.pass_context
def cli(
    context: click.Context,
    words: tuple[str, ...],
    server: tuple[str, int | None] | None,
    profile: str | None,
    plaintext: bool,
    user: str | None,
    room: str | None,
    local: bool,
    plain: bool,
    send: str | None,
    tail: str | None,
    authors: tuple[str, ...],
) -> int:
    """Chat in the terminal.

    HOST is the server's name or address, like chat.example.org or [::1]:9001; without it the form
    begins with the server that was used last. The talk is encrypted, but for servers of this
    machine that can't.

    `chat-tui config` prints the settings in force, with --example a file to begin with. `chat-tui
    trust` tells which keys of servers are trusted.
    """
    text = None
    if send is not None:
        if len(words) > 1:
            raise click.UsageError('put what is to be sent in quotes: --send ROOM "text"')
        text = words[0] if words and words[0] != "-" else None
    elif words:
        if len(words) > 1 or server is not None:
            raise click.UsageError(f"one server is enough; {words[-1]!r} is too much")
        server = _to_address(context, cli.params[0], words[0])
    if plain + (send is not None) + (tail is not None) + local > 1:
        raise click.UsageError("one of --plain, --send, --tail and --local at a time")
    if authors and tail is None:
        raise click.UsageError("--from is for --tail")
    if room and (send or tail):
        raise click.UsageError("--send and --tail name the room themselves; leave --room away")
    if profile is not None and (local or server is not None or user is not None):
        raise click.UsageError("--profile names server and user; leave them and --local away")
    if local and server is not None:
        raise click.UsageError("--local brings its own server; leave HOST away")
    if plaintext and server is None:
        raise click.UsageError("--plaintext is for a server that is named: add HOST[:PORT]")
    at = server and (server[0], server[1] or default_port(plaintext=plaintext))
    if plain or send is not None or tail is not None:
        from chat_tui.headless import HeadlessJob

        return HeadlessJob(profile, at, user, room, send, text, tail, authors, plaintext).run(
            _os_user()
        )
    if not _has_terminal():
        host, port = at or (DEFAULT_HOST, TLS_PORT)
        asked = Account(host, port, "", "", plaintext=plaintext)
        raise click.UsageError(
            "this needs a terminal; without one use --plain, --send or --tail, or talk to the "
            f"server with: {guessed_netcat_command(asked)}"
        )
    run(at, profile, user, room, local=local, plaintext=plaintext)
    return 0


def _require_profile(configuration: Configuration, name: str | None) -> Profile | None:
    """The profile of that name. Raises `UsageError` where there is none."""
    profile = None if name is None else configuration.profile(name)
    if name is not None and profile is None:
        names = ", ".join(one.name for one in configuration.profiles) or "none at all"
        raise click.UsageError(f"no profile {name!r} in {configuration.path}; there is: {names}")
    return profile


def _initial_profile(
    configuration: Configuration, last: LastServer | None, name: str | None
) -> Profile | None:
    """The profile of that name; where none is named, the one used last, else the first."""
    if name is not None:
        return _require_profile(configuration, name)
    used = last and configuration.profile_for(last.host, last.port, last.user, last.profile)
    return used or next(iter(configuration.profiles), None)


def run(
    server: tuple[str, int] | None,
    profile_name: str | None,
    user: str | None,
    room: str | None,
    *,
    local: bool,
    plaintext: bool,
) -> None:
    """Fill the terminal until somebody leaves. Main thread."""
    gc.disable()  # nothing is garbage yet; the app enables it once the form is drawn
    from chat_tui.config import load
    from chat_tui.launch import LaunchOptions
    from chat_tui.storage import ClientState, state_folder
    from chat_tui.ui import ChatApp
    from chat_tui.ui.terminal import cancel_exit_alarm

    folder = state_folder()
    state = ClientState(folder)
    configuration = load()
    if local:
        from chat_tui.local_server import LocalServer

        start = LaunchOptions(
            DEFAULT_HOST,
            PORT,
            user or "alice",
            room,
            lambda: LocalServer.start(folder, Path.cwd()),
            configuration=configuration,
            plaintext=True,
        )
    else:
        named = server is not None or user is not None
        profile = None if named else _initial_profile(configuration, state.last, profile_name)
        who = sign_in_target(profile, server, user, state.last, _os_user(), plaintext=plaintext)
        start = LaunchOptions(
            who.host,
            who.port,
            who.user,
            room,
            configuration=configuration,
            profile=profile.name if profile else None,
            plaintext=who.plaintext,
        )
    app = ChatApp(start, state)
    try:
        app.run()
    finally:
        cancel_exit_alarm()
        if app.local_server is not None:
            app.local_server.stop()
    if app.return_code:
        sys.exit(app.return_code)


def _os_user() -> str:
    """The user of this machine, where that can be a user of a chat; else nobody."""
    try:
        return canonical_name(getpass.getuser()) or ""
    except (OSError, KeyError):  # no name for this user id
        return ""


def _has_terminal() -> bool:
    """Whether there is a screen to fill and a keyboard to hear."""
    streams = (sys.__stdin__, sys.__stdout__, sys.__stderr__)
    all_there = all(stream is not None and stream.isatty() for stream in streams)
    return all_there and os.environ.get("TERM") != "dumb"


def main(arguments: Sequence[str] | None = None) -> None:
    """The script `chat-tui`: whatever is wrong is told in one line, without a traceback."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    command: click.Command = cli
    name = "chat-tui"
    if arguments[:1] == ["config"]:  # a server of this name is config:9001
        from chat_tui.cli import config

        command, name = config, "chat-tui config"
        del arguments[0]
    elif arguments[:1] == ["trust"]:  # and so is trust:9001
        from chat_tui.cli import trust

        command, name = trust, "chat-tui trust"
        del arguments[0]
    try:
        status = command.main(args=arguments, prog_name=name, standalone_mode=False)
    except click.ClickException as error:
        message = " ".join(error.format_message().split())
        print(f"chat-tui: {message}", file=sys.stderr)
        sys.exit(error.exit_code)
    except click.Abort:
        print("chat-tui: stopped", file=sys.stderr)
        sys.exit(130)
    sys.exit(status if isinstance(status, int) else 0)


if __name__ == "__main__":
    main()
