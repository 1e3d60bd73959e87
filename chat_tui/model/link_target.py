"""The host that a browser reaches for a link, by the rules of the URL standard. Pure.

Browsers follow https://url.spec.whatwg.org and UTS 46 without transitional mappings: `faß.de` is
`xn--fa-hia.de`. The codec "idna" of Python implements an older standard and names another host.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import unquote_to_bytes

import idna

# "https:" with any number of slashes or backslashes, then everything up to the path.
_AUTHORITY: Final = re.compile(r"(https?):[/\\]+([^/\\?#]*)", re.IGNORECASE)

# Forbidden domain code points of the URL standard.
_FORBIDDEN: Final = re.compile(r"[\x00-\x20#%/:<>?@\[\\\]^|\x7f]")

_MAX_NAME: Final = 253
"""Longest name that DNS can resolve, in characters, without the dot at its end."""

_MAX_LABEL: Final = 63
_MAX_PORT: Final = 65_535

# Scripts that are written together. Any other combination with letters is suspicious.
_WRITTEN_TOGETHER: Final = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
)


class InvalidHostError(Exception):
    """A browser cannot reach the host. The message says why: a part of a sentence."""


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """Where a link leads.

    `host` is ASCII, as it is resolved and as it appears in the address bar or the certificate.
    `readable` is the same host with its Unicode letters; equal to `host` if it has none.
    """

    host: str
    readable: str
    address: str
    """The whole link with `host` in it: every browser reaches the same host with it."""
    port: int | None = None
    """None: the scheme's default port."""
    user: str = ""
    """The part before the "@": it is sent to the host and may look like a host itself."""
    mixed_scripts: tuple[str, ...] = ()
    """Names of scripts that are mixed in one label, such as Latin and Cyrillic; else empty."""


def resolve_link(target: str) -> LinkTarget:
    """Return where an http or https link leads. Raises `InvalidHostError` if it leads nowhere."""
    match = _AUTHORITY.match(target)
    if match is None:
        raise InvalidHostError("it is not an http or https address")
    user, _, rest = match[2].rpartition("@")
    if rest.startswith("["):
        name, bracket, port_part = rest[1:].partition("]")
        if not bracket or (port_part and not port_part.startswith(":")):
            raise InvalidHostError("its IPv6 address is malformed")
        host = readable = f"[{_ipv6(name)}]"
        port = _port(port_part[1:])
    else:
        name, _, port_text = rest.partition(":")
        host, readable = _domain(name)
        port = _port(port_text)
    # Programs disagree about a second "@"; escaped, it cannot end the user's part.
    credentials = user.replace("@", "%40") + "@" if user else ""
    at_port = "" if port is None else f":{port}"
    path = target[match.end() :]
    return LinkTarget(
        host,
        readable,
        f"{match[1].lower()}://{credentials}{host}{at_port}{path}",
        port,
        user,
        _mixed_scripts(readable),
    )


def _port(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) > _MAX_PORT:
        raise InvalidHostError("its port is not a number up to 65535")
    return int(text)


def _ipv6(text: str) -> str:
    try:
        # A scope (`%eth0`) is not allowed in a URL.
        address = IPv6Address(text if "%" not in text else "")
    except ValueError:
        raise InvalidHostError("its IPv6 address is malformed") from None
    if address.ipv4_mapped is None:
        return address.compressed
    # Browsers show no dots here; later versions of Python do.
    number = int(address.ipv4_mapped)
    return f"::ffff:{number >> 16:x}:{number & 0xFFFF:x}"


def _domain(name: str) -> tuple[str, str]:
    """Return a host name in ASCII and with Unicode letters, or an IPv4 address twice."""
    # A browser decodes percent escapes first: `%65vil.example` is `evil.example`.
    text = unquote_to_bytes(name).decode("utf-8", "replace")
    try:
        mapped = text.lower() if text.isascii() else idna.uts46_remap(text, std3_rules=False)
        pairs = [_label(label) for label in mapped.split(".")]
    except (idna.IDNAError, UnicodeError):
        raise InvalidHostError("its name has characters that a host cannot have") from None
    host = ".".join(ascii_label for ascii_label, _ in pairs)
    readable = ".".join(unicode_label for _, unicode_label in pairs)
    if _FORBIDDEN.search(host):
        raise InvalidHostError("its name has characters that a host cannot have")
    labels = host.removesuffix(".").split(".")
    if not all(labels):
        raise InvalidHostError("its name has an empty part")
    if _is_number(labels[-1]):
        address = _ipv4(labels)
        return address, address
    if len(host.removesuffix(".")) > _MAX_NAME or any(len(label) > _MAX_LABEL for label in labels):
        raise InvalidHostError("its name is too long")
    return host, readable


def _label(label: str) -> tuple[str, str]:
    """Return a label in ASCII and with Unicode letters. Raises `IDNAError` or `UnicodeError`."""
    if not label.isascii():
        _check_label(label)
        return "xn--" + label.encode("punycode").decode("ascii"), label
    if not label.startswith("xn--"):
        return label, label
    decoded = label[4:].encode("ascii").decode("punycode")
    is_canonical = decoded.encode("punycode").decode("ascii") == label[4:]
    if decoded.isascii() or not is_canonical:
        raise idna.IDNAError(label)
    if idna.uts46_remap(decoded, std3_rules=False) != decoded:
        raise idna.IDNAError(label)
    _check_label(decoded)
    return label, decoded


def _check_label(label: str) -> None:
    """Check what UTS 46 requires of a label. Symbols such as emoji are valid in it."""
    idna.check_nfc(label)
    idna.check_initial_combiner(label)
    for index, character in enumerate(label):
        if character in "\u200c\u200d" and not idna.valid_contextj(label, index):
            raise idna.IDNAError(label)
    idna.check_bidi(label)


def _is_number(label: str) -> bool:
    return label.isdigit() or re.fullmatch("0x[0-9a-f]*", label) is not None


def _ipv4(labels: list[str]) -> str:
    """Return an IPv4 address from its odd forms: `0x7f.1`, `017700000001` and `2130706433`."""
    try:
        numbers = [_ipv4_number(label) for label in labels]
    except ValueError:
        raise InvalidHostError("its IPv4 address is malformed") from None
    *first, last = numbers
    if len(numbers) > 4 or any(n > 255 for n in first) or last >= 256 ** (5 - len(numbers)):
        raise InvalidHostError("its IPv4 address is malformed")
    value = last + sum(number << 8 * (3 - index) for index, number in enumerate(first))
    return str(IPv4Address(value))


def _ipv4_number(label: str) -> int:
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    if len(label) > 1 and label.startswith("0"):
        return int(label, 8)
    return int(label)


def _mixed_scripts(readable: str) -> tuple[str, ...]:
    for label in readable.split("."):
        scripts = {
            unicodedata.name(character, "?").split()[0]
            for character in label
            if unicodedata.category(character).startswith("L")
        }
        # The sign for long vowels belongs to two scripts.
        scripts -= {"KATAKANA-HIRAGANA", "MODIFIER"}
        if len(scripts) > 1 and not any(scripts <= allowed for allowed in _WRITTEN_TOGETHER):
            return tuple(sorted(script.capitalize() for script in scripts))
    return ()
