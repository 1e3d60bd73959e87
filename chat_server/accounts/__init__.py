"""User accounts: the users file and its companion, passwords and hashes."""
