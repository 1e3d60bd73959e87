"""The file as it could be: everything in it is out of force until somebody takes the # away."""

from __future__ import annotations

from typing import Final

EXAMPLE: Final = """\
# Settings of chat-tui. A line is in force once the # before it is gone; F5 reads the file again.
# `chat-tui config` prints what is in force.

# Colours: lobby-dark, lobby-light, one of the palette's ("Theme"), or one of your own, see below.
#theme = "lobby-dark"

# Whether the client takes the mouse; without, the terminal selects text as it always does.
#mouse = true

# What is addressed to you, beside your name; whether that rings the bell or asks the desktop to
# notify (OSC 9) while the terminal is not in front.
#mention_words = []
#bell = true
#desktop_notification = false

# Where what is said is written to, one file a room. Nowhere, unless you name a folder.
#log_folder = "~/chat-logs"

# Whether something else is drawn for what terminals disagree about.
#stand_ins = true

# Keys, instead of those an action has by itself; several stand between commas. The names of the
# actions are in the list of `chat-tui config`.
#[keys]
#jump = "ctrl+k"
#"room.open" = "ctrl+o,f9"

# Servers and accounts: `chat-tui --profile work`. A password never stands in here: it comes from
# a command (the first line it prints), a variable of the environment or the system's keyring;
# without any of the three you are asked.
#[profiles.work]
#server = "chat.example.org"
#user = "alice"
#room = "dev"
#password_command = "pass show chat/alice"
# or: password_env = "CHAT_PASSWORD"
# or: keyring = true    (put there with: keyring set lobby-chat alice@chat.example.org:9001)
# The talk is encrypted (port 9001); plain text goes to this machine alone. For a server elsewhere
# that can't encrypt, where everybody on the way may read the password (port 9000):
#plaintext = true

#[profiles.home]
#server = "127.0.0.1"
#user = "alice"

# Colours of your own, on the base of lobby-dark or lobby-light: accent, foreground, background,
# panel, surface, primary, secondary, warning, error, success.
#[themes.night]
#base = "lobby-dark"
#accent = "#6cc9fd"
#background = "#000000"
"""
