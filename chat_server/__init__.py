"""Lobby's chat server: threads, sockets and plain text. Importing the package imports nothing."""
