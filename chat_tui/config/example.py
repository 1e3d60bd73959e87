"""An example of the settings file, in which every setting is commented out."""

from __future__ import annotations

from typing import Final

EXAMPLE: Final = """\
# Settings of chat-tui. Remove the # before a line to set it. F5 reads the file again.
# `chat-tui config` prints the settings in force.

# Theme: lobby-dark, lobby-light, a name from the palette ("theme:"), or a custom theme (see below).
#theme = "lobby-dark"

# Whether the client uses the mouse. If false, the terminal selects text as usual.
#mouse = true

# Words that count as a mention of you, in addition to your name. Whether a mention rings the bell
# or sends a desktop notification (OSC 9) while the terminal is not in front.
#mention_words = []
#bell = true
#desktop_notification = false

# The folder for chat logs, one file per room. If it is not set, no logs are written.
#log_folder = "~/chat-logs"

# Whether the log shows that people joined and left. The widths of the sidebars in cells, 12 to 40:
# if they are not set, each sidebar is as wide as its content needs.
#comings_and_goings = true
#rooms_width = 16
#people_width = 16

# Whether characters that terminals draw with different widths are replaced by stand-ins.
#stand_ins = true

# Keys that replace the default keys of an action. Separate several keys with commas.
# `chat-tui config` lists the names of the actions.
#[keys]
#jump = "ctrl+k"
#"room.open" = "ctrl+o,f9"

# Servers and accounts: `chat-tui --profile work`. Do not write a password here. It comes from a
# command (the first line of its output), an environment variable or the system's keyring. Without
# any of the three, the client asks for it.
#[profiles.work]
#server = "chat.example.org"
# or, if several servers are one chat: servers = ["chat1.example.org:9001", "chat2.example.org"]
#user = "alice"
#room = "dev"
#password_command = "pass show chat/alice"
# or: password_env = "CHAT_PASSWORD"
# or: keyring = true    (stored with: keyring set lobby-chat alice@chat.example.org:9001)
# The connection is encrypted (port 9001). Plain text is allowed only to this machine. For a remote
# server that does not support encryption (port 9000), set the next line. Others on the way can
# then read everything, including the password.
#plaintext = true

#[profiles.home]
#server = "127.0.0.1"
#user = "alice"

# Custom themes, based on lobby-dark or lobby-light. Colours: accent, foreground, background,
# panel, surface, primary, secondary, warning, error, success.
#[themes.night]
#base = "lobby-dark"
#accent = "#6cc9fd"
#background = "#000000"
"""
