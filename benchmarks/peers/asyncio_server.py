"""A chat server on asyncio streams, of the same protocol, as one would write it in an afternoon."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import bcrypt


class AfternoonServer:
    """Who is here, in which room, and who hears whom."""

    def __init__(self, users: dict[str, str]) -> None:
        self._users = users
        self._writers: dict[str, asyncio.StreamWriter] = {}
        self._rooms: dict[str, str] = {}
        self._listeners: dict[str, set[str]] = {}

    async def serve_client(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """The life of one client."""
        name = None
        try:
            name = await self._log_in(reader, writer)
            while name and (line := await reader.readline()):
                await self._take_line(name, writer, line.decode().rstrip())
        except ConnectionError:
            pass
        finally:
            if name and self._writers.get(name) is writer:
                del self._writers[name]
                for listeners in self._listeners.values():
                    listeners.discard(name)
            writer.close()

    async def _log_in(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> str | None:
        await _say(writer, "[SERVER] Login using: LOGIN <username> <password>")
        words = (await reader.readline()).decode().split()
        if len(words) != 3 or words[0] != "LOGIN":
            await _say(writer, "[ERROR] Invalid login format")
            return None
        _, name, password = words
        digest = self._users.get(name)
        if digest is None or not bcrypt.checkpw(password.encode(), digest.encode()):
            await _say(writer, "[ERROR] Authentication failed")
            return None
        self._writers[name] = writer
        self._rooms[name] = "lobby"
        await _say(writer, "[SERVER] Login successful")
        await _say(writer, "[SERVER] Available commands: /join, /subscribe")
        return name

    async def _take_line(self, name: str, writer: asyncio.StreamWriter, text: str) -> None:
        if text.startswith("/join "):
            self._rooms[name] = text.removeprefix("/join ")
            await _say(writer, f"[SERVER] Joined room '{self._rooms[name]}'")
        elif text.startswith("/subscribe "):
            publisher = text.removeprefix("/subscribe ")
            self._listeners.setdefault(publisher, set()).add(name)
            await _say(writer, f"[SERVER] Subscribed to {publisher}")
        elif text:
            line = f"[{time.strftime('%H:%M:%S')}] {name}: {text}"
            for listener in list(self._listeners.get(name, ())):
                other = self._writers.get(listener)
                if other is not None and self._rooms[listener] == self._rooms[name]:
                    await _say(other, line)


async def _say(writer: asyncio.StreamWriter, line: str) -> None:
    try:
        writer.write(f"{line}\n".encode())
        await writer.drain()
    except ConnectionError:
        pass  # its own task finds out, too


async def _main(port: int, users_file: Path) -> None:
    chat = AfternoonServer(json.loads(users_file.read_text()))
    server = await asyncio.start_server(chat.serve_client, "127.0.0.1", port, backlog=4096)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), Path(sys.argv[2])))
