"""The style sheets of the client's apps, which are parsed once for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet


@pytest.fixture(scope="session", autouse=True)
def parsed_once() -> Iterator[None]:
    """Parse each style sheet once in this process. It is a quarter of the work of an app's start.

    Textual keeps the rules for as long as an app runs. They are the same in every app that has the
    same variables, and no app changes them.
    """
    parse = Stylesheet._parse_rules
    known: dict[object, list[RuleSet]] = {}

    def parse_once(sheet: Stylesheet, *source: Any, **settings: Any) -> list[RuleSet]:
        key = (source, tuple(settings.items()), tuple(sheet._variables.items()))
        if key not in known:
            known[key] = parse(sheet, *source, **settings)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parse_once)
        yield
