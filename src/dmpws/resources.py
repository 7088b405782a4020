"""Where the data folders of the project are: beside the code in a checkout, inside the package in a wheel."""

from pathlib import Path

_PACKAGED = Path(__file__).parent / "_data"
_CHECKOUT = Path(__file__).parents[2]

FOLDERS = ("wsdl", "schemas", "transactions", "vihf", "conformance", "migrations")


def folder(name: str) -> Path:
    """Return the folder `name`, one of `FOLDERS`.

    Raises FileNotFoundError when the installation is incomplete.
    """
    if name not in FOLDERS:
        raise ValueError(f"unknown data folder {name!r}")
    for base in (_PACKAGED, _CHECKOUT):
        if (base / name).is_dir():
            return base / name
    raise FileNotFoundError(f"data folder {name!r} is missing from this installation of dmpws")
