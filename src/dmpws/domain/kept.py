"""Functions of one text whose last answers are kept: lots say the same names and identifiers again and again."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

T = TypeVar("T")

LONGEST = 256
"""Characters of a text that is kept; what somebody sends may be megabytes."""
MOST = 2048


def kept(read: Callable[[str], T]) -> Callable[[str], T]:
    """Keep the last answers of a pure function, which must not be changed by who gets them."""
    remembered = lru_cache(MOST)(read)

    @wraps(read)
    def recall(text: str) -> T:
        return remembered(text) if len(text) <= LONGEST else read(text)

    return recall
