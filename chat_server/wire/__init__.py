"""The wire: the only part of the server that the client may import."""
