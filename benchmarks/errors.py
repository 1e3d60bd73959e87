"""What can go wrong, and must not go unnoticed."""

from __future__ import annotations


class BenchmarkError(Exception):
    """The benchmark can't go on; the text is for whoever started it."""


class NotInstalledError(BenchmarkError):
    """A peer is not on this machine: its row says so, and the others go on."""


class SetUpError(BenchmarkError):
    """A server did not admit everybody."""


class DeliveryError(BenchmarkError):
    """A message came twice, out of order, cut, or not at all. No figure counts after this."""
