"""Performance of the server compared with other servers on one machine: `python -m benchmarks`."""
