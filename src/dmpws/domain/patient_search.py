"""Searching a patient by traits (TD0.5, ITI-47): what is asked, when a record answers, and how well.

References: DMPWS D127, D128.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from dmpws.domain.names import likeness, spelling
from dmpws.domain.patient import Traits

LONGEST = {"family": 81, "given": 61, "city": 39, "postal_code": 11}
"""Characters of each criterion (DMP-CLIENT)."""

_WEIGHTS = {"family": 4, "given": 3, "birth": 3, "born_from": 3, "born_to": 3, "sex": 1, "postal_code": 1, "city": 1}


@dataclass(frozen=True, slots=True)
class PatientCriteria:
    """Traits asked for, all of which must agree; empty ones are not asked for.

    birth, born_from, born_to: YYYY, YYYYMM or YYYYMMDD; the last two bound the birth date (ITI-47). similar_name,
    similar_address: `use="SRCH"`, what begins so or sounds alike will do.
    """

    family: str = ""
    given: str = ""
    birth: str = ""
    sex: str = ""
    postal_code: str = ""
    city: str = ""
    similar_name: bool = False
    similar_address: bool = False
    born_from: str = ""
    born_to: str = ""

    @property
    def asked(self) -> frozenset[str]:
        """Names of the criteria."""
        return frozenset(name for name in _WEIGHTS if getattr(self, name))


def known_birth(birth_date: str) -> str:
    """What is known of a birth date: YYYY, YYYYMM or YYYYMMDD; `00` for a month or a day says that it is not."""
    day = birth_date[:8]
    while len(day) > 4 and day.endswith("00"):
        day = day[:-2]
    return day


def first_given(given: str) -> str:
    """The first of several given names; a hyphen makes one of two."""
    return (given.split() or [""])[0]


def percentage(criteria: PatientCriteria, traits: Traits) -> int:
    """POURCENTAGE of a record that answers the criteria: 1 to 100, and 100 only when every trait is the one asked.

    The mean of how near each trait is, weighted: family name 4, given name and birth date 3, the others 1.
    """
    asked = sorted(criteria.asked)
    sum_of_weights = sum(_WEIGHTS[name] for name in asked)
    near = sum(_WEIGHTS[name] * max(_nearness(name, criteria, traits)) for name in asked)
    return max(1, int(100 * near / sum_of_weights))


def _nearness(name: str, criteria: PatientCriteria, traits: Traits) -> Iterator[float]:
    """How near each value of a trait is to the one asked."""
    asked = getattr(criteria, name)
    if name == "birth":
        known = known_birth(traits.birth_date)
        yield 1.0 if known.startswith(asked) else len(known) / len(asked)
    elif name == "sex":
        yield float(asked == traits.sex)
    elif name in ("born_from", "born_to"):
        yield 1.0
    else:
        yield from (likeness(spelling(asked), spelling(value)) for value in _values(name, traits))


def _values(name: str, traits: Traits) -> Iterator[str]:
    yield ""
    if name == "family":
        yield from (traits.name.birth, traits.name.used)
    elif name == "given":
        yield from (traits.name.given, first_given(traits.name.given))
    elif traits.addresses:
        yield getattr(traits.addresses[0], name)
