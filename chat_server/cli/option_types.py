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


def merge_uses(
    _: click.Context, __: click.Parameter, uses: Iterable[tuple[object, ...]]
) -> tuple[object, ...]:
    """Return the values of all uses, each once, in the order in which they were given."""
    return tuple(dict.fromkeys(value for use in uses for value in use))
