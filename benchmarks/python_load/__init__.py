"""The load generator in Python: slower than the one in C, but it speaks TLS."""
