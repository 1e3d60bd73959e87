"""The other servers: a plain one of our protocol, and the settings of two IRC servers."""
