"""The errors of a benchmark run."""

from __future__ import annotations


class BenchmarkError(Exception):
    """The benchmark cannot continue. The text is for the user."""


class NotInstalledError(BenchmarkError):
    """A peer is not installed. Its row says so, and the other peers are still measured."""


class SetUpError(BenchmarkError):
    """A server did not accept all clients."""


class DeliveryError(BenchmarkError):
    """A message was duplicated, reordered, truncated or lost. No figure counts after this."""
