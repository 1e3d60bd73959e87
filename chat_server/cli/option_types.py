"""Options that hold several values: given several times, or several of them between commas."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, Final, Generic, TypeVar

import click

from chat_server.accounts.file_format import NAME_RULE
from chat_server.addresses import Network, parse_network
from chat_server.escape import quoted
from chat_server.wire.protocol import canonical_name

_T = TypeVar("_T")

_BETWEEN: Final = re.compile(r"[,\s]+")


class _Several(click.ParamType, Generic[_T]):  # type: ignore[type-arg]  # generic from 8.5 on
    """One use of the option: any number of values between commas or spaces."""

    @abstractmethod
    def parse(self, word: str) -> _T:
        """One value. Raises `ValueError` with what is wrong and the cure."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[_T, ...]:
        """The values of one use; those that were converted already as they are."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(self.parse(word) for word in _BETWEEN.split(value) if word)
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def split_envvar_value(self, rv: str) -> list[str]:
        """The whole variable counts as one use."""
        return [rv]


class _Names(_Several[str]):
    name = "names"

    def parse(self, word: str) -> str:
        canonical = canonical_name(word)
        if canonical is None:
            raise ValueError(f"{quoted(word)} can't be an account: {NAME_RULE}")
        return canonical


class _Networks(_Several[Network]):
    name = "networks"

    def parse(self, word: str) -> Network:
        return parse_network(word)


NAMES: Final = _Names()
"""Names of accounts, in their canonical form."""

NETWORKS: Final = _Networks()
"""Networks, as `addresses.parse_network` takes them."""


def joined(
    _: click.Context, __: click.Parameter, uses: Iterable[tuple[object, ...]]
) -> tuple[object, ...]:
    """All values of all uses, each once, in the order in which they were given."""
    return tuple(dict.fromkeys(value for use in uses for value in use))
