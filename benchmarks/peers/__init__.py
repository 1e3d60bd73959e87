"""The peers: a naive server of Lobby's protocol, and configuration files of two IRC servers."""
