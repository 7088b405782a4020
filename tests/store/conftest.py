"""What several tests of the store look at."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def stored_files(tmp_path: Path) -> Callable[[], set[str]]:
    """Names of the files of the document storage, empty `.lot` files (kept to be used again) left out."""

    def names() -> set[str]:
        found = (p for p in (tmp_path / "documents").rglob("*") if p.is_file())
        return {p.name for p in found if p.suffix != ".lot" or p.stat().st_size}

    return names


@pytest.fixture
def sqlite_url(tmp_path: Path, _migrated_sqlite: Path) -> str:
    """URL of an empty migrated SQLite database, for what only SQLite does."""
    copy = tmp_path / "only.sqlite"
    copy.write_bytes(_migrated_sqlite.read_bytes())
    return f"sqlite:///{copy}"
