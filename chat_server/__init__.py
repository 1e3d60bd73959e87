"""Lobby's chat server: threads, sockets and plain text. Importing the package imports nothing."""

TYPE_CHECKING = False  # `typing` would be an import
if TYPE_CHECKING:
    __version__: str
else:

    def __getattr__(name):
        """Return `__version__`, the version of the installed distribution."""
        if name == "__version__":
            from importlib.metadata import version

            return version("lobby-chat")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
