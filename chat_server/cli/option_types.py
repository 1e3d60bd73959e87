"""Types of options with several values: given several times, or separated by commas."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import click

from chat_server.accounts import NAME_RULE
from chat_server.addresses import Network, parse_network
from chat_server.escape import quoted
from chat_server.wire import canonical_name

_T = TypeVar("_T")

_SEPARATORS: Final = re.compile(r"[,\s]+")


class _CommaSeparated(click.ParamType, Generic[_T]):  # type: ignore[type-arg]  # generic from 8.5 on
    """One use of the option: any number of values, separated by commas or spaces."""

    @abstractmethod
    def parse(self, text: str) -> _T:
        """Return one value. Raises `ValueError` with the problem and a hint."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[_T, ...]:
        """Return the values of one use. Values that are already converted are unchanged."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(self.parse(word) for word in _SEPARATORS.split(value) if word)
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def split_envvar_value(self, rv: str) -> list[str]:
        """Return the whole variable as one use of the option."""
        return [rv]


class _AccountList(_CommaSeparated[str]):
    name = "names"

    def parse(self, text: str) -> str:
        canonical = canonical_name(text)
        if canonical is None:
            raise ValueError(f"{quoted(text)} is not a valid account name: {NAME_RULE}")
        return canonical


class _NetworkList(_CommaSeparated[Network]):
    name = "networks"

    def parse(self, text: str) -> Network:
        return parse_network(text)


ACCOUNT_LIST: Final = _AccountList()
"""Names of accounts, in canonical form."""

NETWORK_LIST: Final = _NetworkList()
"""Networks, as `addresses.parse_network` accepts them."""


OFF: Final = "off"
"""The value of an `OptionalFile` that names no file, in any case. A file of this name is written
`./off`."""


class OptionalFile(click.Path):
    """The path of a file, or `off`. The value of `off` is that text, not a `Path`."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, readable=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Convert like `click.Path`, except for `off`."""
        if isinstance(value, str) and value.lower() == OFF:
            return OFF
        return super().convert(value, param, ctx)


_NODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


class NodeName(click.ParamType):  # type: ignore[type-arg]  # generic from 8.5 on
    """The name of a server among those that share a Redis."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name unchanged. Empty: the default."""
        if value and _NODE.fullmatch(value) is None:
            self.fail(
                f"{quoted(value)} is not a name of a server: 1 to 64 of A-Z, a-z, 0-9, '.', '_',"
                " '-' and ':'",
                param,
                ctx,
            )
        return str(value)


class RedisUrlText(click.ParamType):  # type: ignore[type-arg]  # generic from 8.5 on
    """The URL of a Redis, as text. Loads the library for Redis, to report if it is missing."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the URL. The error never contains a password."""
        try:
            # Loaded on demand: without this option nothing of Redis is imported.
            from chat_server.backplane import RedisSettingsError, parse_redis_url
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] not in ("redis", "hiredis"):
                raise
            self.fail("needs the library for Redis: pip install 'lobby-chat[redis]'", param, ctx)
        try:
            return str(parse_redis_url(value))
        except RedisSettingsError as error:
            self.fail(str(error), param, ctx)


def merge_uses(
    _: click.Context, __: click.Parameter, uses: Iterable[tuple[object, ...]]
) -> tuple[object, ...]:
    """Return the values of all uses, each once, in the order in which they were given."""
    return tuple(dict.fromkeys(value for use in uses for value in use))
