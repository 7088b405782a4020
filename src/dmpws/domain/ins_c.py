"""INS-C, the calculated identifier under which old documents were stored."""

import hashlib
import unicodedata

_GIVEN_LENGTH = 10


def ins_c(given: str, birth_date: str, nir: str) -> str:
    """Return the 22-digit INS-C.

    given: first given name, any case, accents allowed. birth_date: YYMMDD, `000000` when unknown.
    nir: the 13 characters without the key. Raises ValueError on another length of the two last.
    """
    if len(birth_date) != 6 or len(nir) != 13:
        raise ValueError("an INS-C needs a birth date YYMMDD and a NIR of 13 characters")
    bare = unicodedata.normalize("NFD", given.upper())
    letters = "".join(c for c in bare if "A" <= c <= "Z")
    seed = letters[:_GIVEN_LENGTH].ljust(_GIVEN_LENGTH) + birth_date + nir
    number = int(hashlib.sha256(seed.encode("ascii")).hexdigest()[:16], 16)
    return f"{number:020d}{_key(number):02d}"


def has_valid_ins_c_key(value: str) -> bool:
    """Tell whether a 22-digit INS-C ends with its key."""
    return len(value) == 22 and value.isascii() and value.isdigit() and int(value[20:]) == _key(int(value[:20]))


def _key(number: int) -> int:
    return 97 - number % 97
