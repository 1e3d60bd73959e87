"""Package exports that are imported on first use, so that the client starts fast.

The login form needs a tenth of the client. A package whose `__init__` imports all its modules
would load the rest before the first frame.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def lazy_exports(package: str, modules: Mapping[str, str]) -> Callable[[str], object]:
    """Return a module-level `__getattr__` (PEP 562) for `package`.

    `modules` maps each exported name to the module that defines it.
    """

    def get_export(name: str) -> object:
        module = modules.get(name)
        if module is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value: object = getattr(import_module(module), name)
        setattr(sys.modules[package], name, value)
        return value

    return get_export
