"""Every event of the log, told once: found by itself, so that a new one is tested as well."""

from __future__ import annotations

import inspect
import io
import json
from typing import Any

from chat_server.observability.event_log import EventLog

FIRST_NUMBER = 4711
"""Stands for a number; the next one of the same event is one more."""

_NO_EVENTS = {"counts"}
"""Methods that write nothing."""


def every_event(form: str, text: str | None = None, level: str = "debug") -> dict[str, str]:
    """What each method of the log writes, by the method's name.

    Each argument is `text`, or where that is None its own name: `<user>`.
    """
    written = {}
    for name, method in inspect.getmembers(EventLog, inspect.isfunction):
        if name.startswith("_") or name in _NO_EVENTS:
            continue
        stream = io.StringIO()
        parameters = list(inspect.signature(method).parameters.values())[1:]
        arguments = {p.name: _argument(p, text, at) for at, p in enumerate(parameters)}
        getattr(EventLog(stream, level, form), name)(**arguments)
        written[name] = stream.getvalue()
    return written


def shown(told: dict[str, Any]) -> str:
    """The sentence of an event's JSON object, with `<count>` and the like for its numbers, too."""
    message = str(told["message"])
    for name, value in told.items():
        if type(value) is int:
            message = message.replace(str(value), f"<{name}>")
    return message


def events() -> dict[str, dict[str, Any]]:
    """The JSON object of each event, by the event's name; `<user>` and the like for its values."""
    objects = [json.loads(line) for line in every_event("json", level="info").values()]
    return {told["event"]: told for told in objects}


def _argument(parameter: inspect.Parameter, text: str | None, at: int) -> Any:
    shown = f"<{parameter.name}>" if text is None else text
    kind = str(parameter.annotation)
    if "BaseException" in kind:
        return ValueError(shown)
    if "Sequence" in kind:
        return [shown]
    if "str" in kind:
        return shown
    if "bool" in kind:
        return True
    if "int" in kind or "float" in kind:
        return FIRST_NUMBER + at
    raise AssertionError(f"no example for {parameter}")
