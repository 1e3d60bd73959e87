"""The store in memory, for tests: simple and without any care for speed. One thread at a time."""

from chat_server.history.memory.store import MemoryStore

__all__ = ["MemoryStore"]
