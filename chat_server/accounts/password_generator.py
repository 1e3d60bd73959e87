"""Random passwords that are easy to read aloud and to type."""

from __future__ import annotations

import secrets
from typing import Final

_UNAMBIGUOUS_CHARACTERS: Final = "abcdefghijkmnpqrstuvwxyz23456789"
"""32 characters, five bits each, without those that look alike: l, o, 0 and 1."""
_GROUP: Final = 5
_GROUPS: Final = 4


def generate_password() -> str:
    """Return a new password of 100 random bits, such as `k7wqh-3mzp4-x9dkc-7vbtn`."""
    return "-".join(
        "".join(secrets.choice(_UNAMBIGUOUS_CHARACTERS) for _ in range(_GROUP))
        for _ in range(_GROUPS)
    )
