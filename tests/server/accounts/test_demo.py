"""Accounts with the demo password, found with a bounded number of hashes."""

from pathlib import Path

import bcrypt
import pytest

from chat_server.accounts import demo
from chat_server.accounts.accounts import Accounts
from chat_server.accounts.demo import accounts_with_demo_password
from chat_server.accounts.password_hash import hash_password


def demo_hash() -> str:
    return hash_password("password123", cost=4)


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return the list of the hashes that were checked."""
    checked: list[bytes] = []

    class Counting:
        @staticmethod
        def checkpw(secret: bytes, hashed: bytes) -> bool:
            checked.append(hashed)
            return bcrypt.checkpw(secret, hashed)

    monkeypatch.setattr(demo, "bcrypt", Counting)
    return checked


def test_accounts_with_demo_password_and_copied_hash_are_listed() -> None:
    copied, other = demo_hash(), hash_password("password456", cost=4)
    accounts = Accounts(
        {"zoe": copied, "carol": demo_hash(), "alice": other, "DPS": copied, "dave": demo_hash()}
    )
    assert accounts_with_demo_password(accounts) == ("DPS", "carol", "zoe")


def test_disabled_accounts_with_demo_password_are_not_listed() -> None:
    assert accounts_with_demo_password(Accounts({"bob": demo_hash()}, {"alice": demo_hash()})) == (
        "bob",
    )


def test_demo_password_check_hashes_each_account_once(hashes: list[bytes]) -> None:
    accounts = Accounts({"alice": demo_hash(), "bob": hash_password("password456", cost=4)})
    for _ in range(3):
        assert accounts_with_demo_password(accounts) == ("alice",)
    assert len(hashes) == 2


def test_demo_password_check_skips_other_names(hashes: list[bytes]) -> None:
    accounts = Accounts({f"user{number}": demo_hash() for number in range(5)})
    assert accounts_with_demo_password(accounts) == ()
    assert hashes == []


def test_demo_password_check_without_accounts_lists_none() -> None:
    assert accounts_with_demo_password(Accounts({})) == ()


def test_create_demo_accounts_reports_only_demo_names(tmp_path: Path) -> None:
    copied = demo_hash()
    file = tmp_path / "users.json"
    file.write_text(f'{{"zoe": "{copied}", "bob": "{copied}"}}')
    assert demo.create_demo_accounts(file) == ("bob",)
