"""A sample of every event of the log. Events are found by introspection, so new ones are tested."""

from __future__ import annotations

import inspect
import io
import json
from typing import Any

from chat_server.observability.cluster_events import ClusterEvents
from chat_server.observability.event_log import EventLog

FIRST_NUMBER = 4711
"""The sample of a number. The next number of the same event is one more."""

_NO_EVENTS = {"counts"}
"""Methods that write nothing."""


def every_event(form: str, text: str | None = None, level: str = "debug") -> dict[str, str]:
    """Return what each method of the log writes, by the method's name.

    Each argument is `text`, or its own name if that is None: `<user>`.
    """
    written = {}
    methods = [
        *inspect.getmembers(EventLog, inspect.isfunction),
        *inspect.getmembers(ClusterEvents, inspect.isfunction),
    ]
    for name, method in methods:
        if name.startswith("_") or name in _NO_EVENTS:
            continue
        stream = io.StringIO()
        log = EventLog(stream, level, form)
        parameters = list(inspect.signature(method).parameters.values())[1:]
        arguments = {p.name: _argument(p, text, at) for at, p in enumerate(parameters)}
        getattr(log if hasattr(log, name) else log.cluster, name)(**arguments)
        written[name] = stream.getvalue()
    return written


def events() -> dict[str, dict[str, Any]]:
    """Return the JSON object of each event, by its name, with values such as `<user>`."""
    objects = [json.loads(line) for line in every_event("json", level="info").values()]
    return {event["event"]: event for event in objects}


def text_lines() -> dict[str, str]:
    """Return the text line of each event without its time, with `<count>` and the like."""
    objects = events()
    lines = {}
    for method, written in every_event("text", level="info").items():
        line = written.removesuffix("\n").partition(" ")[2].partition(" ")[2]
        for name, value in objects[method].items():
            if str(value).isdecimal():
                line = line.replace(str(value), f"<{name}>")
        lines[method] = line
    return lines


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
    raise AssertionError(f"no sample for {parameter}")
