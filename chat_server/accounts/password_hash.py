"""bcrypt hashes of passwords. A check takes equally long for every wrong password."""

from __future__ import annotations

from typing import Final

import bcrypt

from chat_server.config import DEFAULT_COST
from chat_server.wire import MAX_PASSWORD_BYTES, clean

_DUMMY_SALT: Final = b"abcdefghijklmnopqrstuu"


def hash_password(password: str, cost: int = DEFAULT_COST) -> str:
    """Return a new bcrypt hash of a password in which `password_problem` finds no fault.

    Uses one core for 2**`cost` rounds: about a quarter of a second at cost 12.
    """
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()


def hash_cost(hashed: str) -> int:
    """Return the cost of a bcrypt hash: the base 2 logarithm of its number of rounds."""
    return int(hashed[4:6])


def password_matches(password: str, hashed: str | None, highest_cost: int) -> bool:
    """Return True if `hashed` is the hash of `password`. `hashed` is None for an unknown user.

    A wrong password takes 2**`highest_cost` rounds, whatever made it wrong. So the response time
    does not show which users exist. `highest_cost` is the highest cost in the users file.
    """
    # A password with a control character (NUL is one) is wrong, even if the hash was made from it.
    if hashed is None or clean(password) != password or len(password.encode()) > MAX_PASSWORD_BYTES:
        _burn_rounds(highest_cost)
        return False
    if bcrypt.checkpw(password.encode(), hashed.encode()):
        return True
    # This took 2**cost rounds. To reach 2**highest_cost, as for an unknown user, spend the
    # difference, which is 2**cost + 2**(cost + 1) + ... + 2**(highest_cost - 1).
    for cost in range(hash_cost(hashed), highest_cost):
        _burn_rounds(cost)
    return False


def _burn_rounds(cost: int) -> None:
    bcrypt.hashpw(b"", b"$2b$%02d$%s" % (cost, _DUMMY_SALT))
