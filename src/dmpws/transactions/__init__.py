"""The transactions of the DMP: one module each, declared once in the registry."""

import importlib
import pkgutil


def load() -> None:
    """Import every transaction module (`td*.py`), which enters itself in the registry."""
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("td"):
            importlib.import_module(f"{__name__}.{module.name}")
