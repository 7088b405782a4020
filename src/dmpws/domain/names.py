"""Names and towns as people write them: what makes two spellings the same, near, or alike to the ear (DMPWS D127).

The phonetic key is ours and rough: it brings together French names that are easily mistaken over the telephone.
"""

import re
import unicodedata
from difflib import SequenceMatcher

from dmpws.domain.kept import kept

_LETTERS = str.maketrans(
    {"Œ": "OE", "Æ": "AE", "Ø": "O", "Ł": "L", "Đ": "D", "Ð": "D", "Þ": "TH"} | dict.fromkeys("ʹʺʻʼʽʾʿ", " ")
)
"""Letters that Unicode does not take apart, and apostrophes that it takes for letters."""

_SOUNDS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(.)\1+", r"\1"),
        (r"EAU|AU", "O"),
        (r"PH", "F"),
        (r"BV", "V"),
        (r"CHR", "KR"),
        (r"SCH|SH|CH", "c"),  # one sound, which no letter writes
        (r"G(?=[EIY])", "J"),
        (r"GU(?=[EIY])", "G"),
        (r"C(?=[EIY])|[ZX]", "S"),
        (r"QU|CK|[CQ]", "K"),
        (r"AIN|EIN|YN|YM", "IN"),
        (r"A[IY]|E[IY]", "E"),
        (r"Y", "I"),
        (r"W", "V"),
        (r"H", ""),
        (r"(.)\1+", r"\1"),
        (r"(?<=...)[DEPSTX]+$", ""),  # silent ends, of what has three letters before
    )
)


@kept
def fold(text: str) -> str:
    """Return `text` without case, accents, hyphens, apostrophes and doubled blanks, ligatures taken apart."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    letters = plain.casefold().upper().translate(_LETTERS)
    return " ".join("".join(c if c.isalnum() else " " for c in letters).split())


def spelling(text: str) -> str:
    """What two spellings of one name have in common: `D'Alméida` and `DALMEIDA`, `Jean-Hugues` and `JEAN HUGUES`."""
    return fold(text).replace(" ", "")


def sound(text: str) -> str:
    """What two names that sound alike have in common: `LEFEBVRE` and `Lefèvre`. Empty when nothing is left."""
    key = spelling(text)
    heard = key
    for pattern, replacement in _SOUNDS:
        heard = pattern.sub(replacement, heard)
    return heard or key


def likeness(asked: str, found: str) -> float:
    """How near two spellings are, from 0 to 1; 1 only when they are the same."""
    return SequenceMatcher(None, asked, found, autojunk=False).ratio()
