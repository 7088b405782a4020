"""The transactions: one module each, declared once in the registry."""

import functools
import importlib
import pkgutil

PREFIXES = ("td", "iti")
"""Of the modules of transactions: the DMP's, and those of plain IHE."""


@functools.cache
def load() -> None:
    """Import every transaction module (`td*.py`, `iti*.py`), which enters itself in the registry."""
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith(PREFIXES):
            importlib.import_module(f"{__name__}.{module.name}")
