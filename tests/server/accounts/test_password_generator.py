"""Generated passwords."""

from chat_server.accounts.password_generator import generate_password
from chat_server.wire.password_rules import password_problem


def test_generated_passwords_are_valid_and_unique() -> None:
    passwords = {generate_password() for _ in range(100)}
    assert len(passwords) == 100
    assert all(password_problem(password) is None for password in passwords)
