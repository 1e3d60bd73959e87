"""How fast the server is, beside other servers on the same machine: `python -m benchmarks`."""
