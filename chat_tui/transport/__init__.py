"""A wire without a screen: dialling, a connection and its two threads, and what it brought."""
