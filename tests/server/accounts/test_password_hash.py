"""bcrypt hashes of passwords."""

import bcrypt

from chat_server.accounts.password_hash import hash_password


def test_hash_password_uses_cost_12_by_default() -> None:
    hashed = hash_password("password123")
    assert hashed.startswith("$2b$12$")
    assert bcrypt.checkpw(b"password123", hashed.encode())
