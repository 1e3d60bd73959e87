"""Listening sockets: endpoints, TLS certificates and the lingering close."""
