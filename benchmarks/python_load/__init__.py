"""The load generator in Python: slower than the one in C, and it speaks TLS."""
