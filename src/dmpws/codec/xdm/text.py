"""Text of a sender as text of a page that a person reads."""

import unicodedata
from html import escape

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def shown(text: str) -> str:
    """`text` for HTML: nothing that is markup, nothing invisible, nothing that turns what follows around."""
    return escape("".join(c if unicodedata.category(c) not in _HIDDEN else " " for c in text))
