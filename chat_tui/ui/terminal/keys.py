"""Key events from the characters and escape sequences of a terminal. No I/O.

Textual's tables name the keys. Its parser of the kitty keyboard protocol is replaced: it raises on
reports of key releases, and drops characters that it cannot name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS, IGNORE_SEQUENCE
from textual._keyboard_protocol import FUNCTIONAL_KEYS, MODIFIER_FUNCTIONAL_KEYS
from textual.keys import KEY_NAME_REPLACEMENTS, Keys, _character_to_key

from chat_tui.ui.terminal.sequences import ESC

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
"""Typed for input that is not a character, so that the user sees that something was lost."""

_MAX_CODE: Final = 0x10FFFF

_MAX_DIGITS: Final = 10

# The fields: the key, the modifiers with the type of the event, and the text.
_REPORT: Final = re.compile(r"\x1b\[([\d:]*)(?:;([\d:]*))?(?:;([\d:]*))?([u~ABCDEFHPQRS])")
_MODIFIED: Final = re.compile(r"\x1b\[27;(\d+);(\d+)~")  # xterm's and tmux's modifyOtherKeys

# Keys with modifiers in rxvt, and those of older xterms, VTE and Konsole.
_RXVT: Final = re.compile(r"\x1b\[(\d{1,2})([$^@])|\x1bO([abcd])")
_RXVT_MODIFIERS: Final = {"$": 2, "^": 5, "@": 6}
_OLD_MODIFIED: Final = re.compile(r"\x1bO(?:1;)?([2-8])([A-DFHP-S])")

# Keys of the number pad in application mode that are not in Textual's table.
_APPLICATION_PAD: Final = {"\x1bOl": ",", "\x1bOX": "=", "\x1bO ": " ", "\x1bOI": "\t"}

_SHIFT, _ALT, _CTRL = 1, 2, 4
_CAPS_LOCK: Final = 64
_MODIFIERS: Final = {"shift": 1, "alt": 2, "ctrl": 4, "super": 8, "hyper": 16, "meta": 32}
_SHORTCUT: Final = _ALT | _CTRL | 8 | 16 | 32
_RELEASE: Final = 3

_NUMBER_PAD: Final = {
    "57409u": ".",
    "57410u": "/",
    "57411u": "*",
    "57412u": "-",
    "57413u": "+",
    "57415u": "=",
    "57416u": ",",
}
"""Keys of the number pad that type a character."""

_QWERTY: Final = "qwertyuiop[]asdfghjkl;'zxcvbnm,."
_LAYOUTS: Final = (
    ("йцукенгшщзхъфывапролджэячсмитьбю", _QWERTY),  # Russian
    ("іїєґў", "s]'\\o"),  # Ukrainian and Belarusian
    ("ςερτυθιοπασδφγηξκλζχψωβνμ", "wertyuiopasdfghjklzxcvbnm"),  # Greek
    ("קראטוןםפשדגכעיחלךףזסבהנמצתץ", "ertyuiopasdfghjkl;zxcvbnm,."),  # Hebrew
    ("ضصثقفغعهخحجدشسيبلاتنمكطئءؤرىةوزظ", "qwertyuiop[]asdfghjkl;'zxcvnm,./"),  # Arabic
)
_LATIN_KEY: Final = {
    key: latin for keys, latins in _LAYOUTS for key, latin in zip(keys, latins, strict=True)
}
"""The letter on the US layout for keys of other layouts, if the terminal does not report it."""


class TypedKey(events.Key):
    """A key whose character is inserted although `str.isprintable` is false for it.

    That is so for spaces other than U+0020, joiners, variation selectors, soft hyphens, private use
    and characters that are newer than Python's tables.
    """

    @property
    def is_printable(self) -> bool:
        """True: text fields insert the character."""
        return True


TypedKey.handler_name = events.Key.handler_name


def is_typed_text(character: str | None) -> bool:
    """Return True if a text field must insert the character: no part is a control character."""
    return bool(character) and all(
        unicodedata.category(one) not in ("Cc", "Cs") for one in character or ""
    )


def typed(key: events.Key) -> events.Key:
    """Return the key, as a `TypedKey` if Textual's text fields would not insert its character."""
    if key.is_printable or not is_typed_text(key.character):
        return key
    return TypedKey(key.key, key.character)


def key_events(sequence: str) -> list[events.Key]:
    """Return the keys of a character or an escape sequence; none if it is not a key."""
    return [typed(events.Key(*name)) for name in _names(sequence)]


@lru_cache(2048)
def _names(sequence: str) -> tuple[tuple[str, str | None], ...]:
    """Return name and character of each key of a sequence."""
    if len(sequence) == 1:
        return (_character(sequence),)
    if sequence.startswith(ESC + ESC):
        return tuple((_with_alt(name), None) for name, _ in _names(sequence[1:]))
    sequence = _in_form_of_xterm(sequence)
    report = _modified_report(sequence) or _REPORT.fullmatch(sequence)
    if report is not None and (names := tuple(_report(*report.groups(default="")))):
        return names
    keys = _APPLICATION_PAD.get(sequence) or ANSI_SEQUENCES_KEYS.get(sequence)
    if len(sequence) == 2 and not isinstance(keys, tuple):
        return (_alt_character(sequence[1]),)
    if isinstance(keys, tuple):
        return tuple((key.value, None) for key in keys if key is not Keys.Ignore)
    if isinstance(keys, str):  # a key of the number pad
        return (_character(keys),)
    assert keys is None or keys is IGNORE_SEQUENCE
    return ()


def _in_form_of_xterm(sequence: str) -> str:
    """Return a key with modifiers as today's xterm sends it, `CSI 1;5A` or `CSI 3;5~`."""
    if rxvt := _RXVT.fullmatch(sequence):
        number, modifiers, arrow = rxvt.groups()
        return (
            f"{ESC}[1;5{arrow.upper()}"
            if arrow
            else f"{ESC}[{number};{_RXVT_MODIFIERS[modifiers]}~"
        )
    if old := _OLD_MODIFIED.fullmatch(sequence):
        return f"{ESC}[1;{old[1]}{old[2]}"
    return sequence


def _character(character: str) -> tuple[str, str]:
    """Return the name of the key for one character of input, and the character that it types."""
    keys = ANSI_SEQUENCES_KEYS.get(character)
    if isinstance(keys, tuple):
        return keys[0].value, character
    if character in "\u2028\u2029":  # a text field would break the line there
        character = " "
    elif unicodedata.category(character) in ("Cc", "Cs"):
        character = REPLACEMENT
    return _name(character), character


def _name(character: str) -> str:
    name = character if character.isalnum() else _character_to_key(character)
    return KEY_NAME_REPLACEMENTS.get(name, name)


def _alt_character(character: str) -> tuple[str, None]:
    """Return the key for ESC and a character."""
    lower = character.lower()
    shift = "shift+" if character.isupper() and len(lower) == 1 else ""
    name, _ = _character(
        _LATIN_KEY.get(lower, lower) if shift else _LATIN_KEY.get(character, character)
    )
    return _with_alt(shift + name), None


def _with_alt(name: str) -> str:
    """Return the name of a key with Alt. Textual sorts the modifiers."""
    *modifiers, key = name.split("+")
    return "+".join([*sorted({*modifiers, "alt"}), key])


# The kitty keyboard protocol


def _modified_report(sequence: str) -> re.Match[str] | None:
    """Return the report of modifyOtherKeys, `CSI 27;5;13~`, as kitty's, `CSI 13;5u`."""
    match = _MODIFIED.fullmatch(sequence)
    return match and _REPORT.fullmatch(f"{ESC}[{match[2]};{match[1]}u")


def _report(key: str, modifiers: str, text: str, end: str) -> Iterator[tuple[str, str | None]]:
    """Yield the keys of `CSI code:shifted:base ; modifiers:event ; text u`, and of its forms."""
    code, shifted, base, *_ = [*key.split(":"), "", "", ""]
    bits, event, *_ = [*modifiers.split(":"), ""]
    if _number(event) == _RELEASE:
        return
    pressed = max(0, (_number(bits) or 1) - 1)
    code = code.lstrip("0") or ("0" if code else "1")
    name = FUNCTIONAL_KEYS.get(code + end)
    if name is None and end != "u":
        return
    on_pad = _NUMBER_PAD.get(code + end, name if name is not None and len(name) == 1 else "")
    characters = _text(text) or on_pad
    if name is not None and not on_pad:
        yield _functional(name, pressed)  # whatever text is reported with it
    elif characters and (not pressed & _SHORTCUT or pressed & _ALT):
        # Alt, or Ctrl and Alt, chose another character of the key. That one is typed.
        for character in characters:
            shift = "shift+" if pressed & _SHIFT and character == " " else ""
            yield shift + _name(character), character
    else:
        yield from _character_key(characters[:1] or _text(code), shifted, base, pressed)


def _functional(name: str, pressed: int) -> tuple[str, str | None]:
    if name in MODIFIER_FUNCTIONAL_KEYS:
        return name, None
    plain = {"backspace": "\x7f", "enter": "\r", "tab": "\t"}.get(name)
    return _modified(name, pressed), None if pressed & (_SHIFT | _SHORTCUT) else plain


def _character_key(
    character: str, shifted: str, base: str, pressed: int
) -> Iterator[tuple[str, str | None]]:
    """Yield the key of a character of which the terminal reports no text."""
    if not character or 0xE000 <= ord(character) <= 0xF8FF:  # a key that does not type
        return
    if pressed & _SHORTCUT:
        # Some terminals report the letter that Shift makes.
        latin = _on_latin_layout(character, _text(base)).lower()
        yield _modified(_name(latin), pressed), None
        return
    upper = character.upper()
    if pressed & _SHIFT and _text(shifted):
        character = _text(shifted)
    elif bool(pressed & _SHIFT) != bool(pressed & _CAPS_LOCK) and len(upper) == 1:
        character = upper
    yield _name(character), character


def _on_latin_layout(character: str, base: str) -> str:
    """Return the letter of a shortcut: what the key types on the US layout if it is not Latin."""
    if character.isascii() or unicodedata.name(character, "").startswith("LATIN"):
        return character
    if base.isascii() and base.isprintable() and base:
        return base
    return _LATIN_KEY.get(character.lower(), character)


def _modified(name: str, pressed: int) -> str:
    return "+".join(
        [*sorted(modifier for modifier, bit in _MODIFIERS.items() if pressed & bit), name]
    )


def _text(codes: str) -> str:
    """Return the characters of code points that are separated by colons.

    Surrogates are joined, and a number that is not a character becomes U+FFFD. Control characters
    are left out: they are not text.
    """
    numbers = [_number(code) for code in codes.split(":") if code]
    text = "".join(REPLACEMENT if number is None else chr(number) for number in numbers)
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = text.replace("\u2028", " ").replace("\u2029", " ")
    return "".join(one for one in text if unicodedata.category(one) != "Cc")


def _number(digits: str) -> int | None:
    """Return the number if it can be a code point, else None."""
    if not digits.isdecimal() or len(digits) > _MAX_DIGITS:
        return None
    return number if (number := int(digits)) <= _MAX_CODE else None
