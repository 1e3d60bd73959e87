"""A naive chat server on asyncio streams that speaks Lobby's protocol."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import bcrypt


class NaiveAsyncioServer:
    """Sessions, rooms and subscriptions, written in the most obvious way."""

    def __init__(self, users: dict[str, str]) -> None:
        self._users = users
        self._writers: dict[str, asyncio.StreamWriter] = {}
        self._rooms: dict[str, str] = {}
        self._subscribers: dict[str, set[str]] = {}

    async def serve_client(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve one client until it disconnects."""
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
                for subscribers in self._subscribers.values():
                    subscribers.discard(name)
            writer.close()

    async def _log_in(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> str | None:
        await _send(writer, "[SERVER] Login using: LOGIN <username> <password>")
        fields = (await reader.readline()).decode().split()
        if len(fields) != 3 or fields[0] != "LOGIN":
            await _send(writer, "[ERROR] Invalid login format")
            return None
        _, name, password = fields
        digest = self._users.get(name)
        if digest is None or not bcrypt.checkpw(password.encode(), digest.encode()):
            await _send(writer, "[ERROR] Authentication failed")
            return None
        self._writers[name] = writer
        self._rooms[name] = "lobby"
        await _send(writer, "[SERVER] Login successful")
        await _send(writer, "[SERVER] Available commands: /join, /subscribe")
        return name

    async def _take_line(self, name: str, writer: asyncio.StreamWriter, text: str) -> None:
        if text.startswith("/join "):
            self._rooms[name] = text.removeprefix("/join ")
            await _send(writer, f"[SERVER] Joined room '{self._rooms[name]}'")
        elif text.startswith("/subscribe "):
            publisher = text.removeprefix("/subscribe ")
            self._subscribers.setdefault(publisher, set()).add(name)
            await _send(writer, f"[SERVER] Subscribed to {publisher}")
        elif text:
            line = f"[{time.strftime('%H:%M:%S')}] {name}: {text}"
            for subscriber in list(self._subscribers.get(name, ())):
                other = self._writers.get(subscriber)
                if other is not None and self._rooms[subscriber] == self._rooms[name]:
                    await _send(other, line)


async def _send(writer: asyncio.StreamWriter, line: str) -> None:
    try:
        writer.write(f"{line}\n".encode())
        await writer.drain()
    except ConnectionError:
        pass  # the task of that client sees the error too


async def _main(port: int, users_file: Path) -> None:
    chat = NaiveAsyncioServer(json.loads(users_file.read_text()))
    server = await asyncio.start_server(chat.serve_client, "127.0.0.1", port, backlog=4096)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), Path(sys.argv[2])))
