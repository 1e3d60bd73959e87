"""Lobby's full-screen client for the terminal. Importing the package imports nothing."""
