"""Administrative data as an LPS sends them (TD1.1, TD1.3b): what the record takes (DMPWS D114).

Sex and birth date are never compared with the number: those of the test plan's patients disagree with it.
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import date

from dmpws.domain.checks import Report, Rule
from dmpws.domain.patient import Name, Representative, Telecom, Traits


def _rule(name: str, title: str, reference: str = "DMPWS D114") -> Rule:
    return Rule(f"GDP-{name}", title, reference, "DMPInvalidRequest")


NAME = _rule("NAME", "Le patient a un nom et un prénom", "DMP-CLIENT")
SEX = _rule("SEX", "Le sexe est M, F, U ou UN", "DMP-CLIENT")
BIRTH = _rule("BIRTH", "La date de naissance est une date passée AAAAMMJJ", "DMP-CLIENT")
RELATION = _rule("RELATION", "Le lien du représentant est connu et le représentant a un nom", "DMP-CLIENT")
TELECOM = _rule("TELECOM", "Les moyens de contact sont des adresses tel:, fax: ou mailto:", "DMP-CLIENT")
VITALE = _rule("VITALE", "La carte Vitale lue donne nom, prénom et date de naissance", "GI-DMP EX_GEN-1265")
CHARACTERS = _rule(
    "CHARACTERS", "Les noms sont faits de lettres, de chiffres et de ponctuation, les textes sans commande"
)
LENGTH = _rule("LENGTH", "Les textes ont une longueur raisonnable")
NUMBER = _rule("NUMBER", "Contacts, adresses et représentants sont en nombre raisonnable")

SEXES = frozenset({"M", "F", "U", "UN"})
RELATIONS = frozenset({
    "FTH", "MTH", "STPFTH", "STPMTH", "GRFTH", "GRMTH", "GGRFTH", "GGRMTH", "AUNT", "UNCLE", "BRO", "SIS", "RESPRSN",
})  # fmt: skip
"""The part of 2.16.840.1.113883.1.11.19579 that the DMP uses."""
SCHEMES = ("tel:", "fax:", "mailto:")
"""Of contacts: a page that shows one as a link must not run it."""
LONGEST = 100
"""Characters of a name, of a part of an address, of a contact; real ones stay below 82."""
MOST = 10
"""Contacts, addresses or representatives of one person."""
OLDEST = 150
"""Years: nobody is older."""

_IN_NAMES = "LMNP"
_IN_TEXTS = "LMNPS"
_ALSO = frozenset({"Zs", "Sk"})
"""Blanks, and the accents that are typed for apostrophes."""


def is_name(text: str) -> bool:
    """Tell whether a text has letters, marks, digits, punctuation and blanks only."""
    return all(c[0] in _IN_NAMES or c in _ALSO for c in map(unicodedata.category, text))


def is_text(text: str) -> bool:
    """Tell whether a text has symbols besides (`n° 5`), and still no control or formatting character, which could
    change how the rest is displayed."""
    return all(c[0] in _IN_TEXTS or c in _ALSO for c in map(unicodedata.category, text))


def says_something(text: str) -> bool:
    """Tell whether a text has a letter or a digit."""
    return any(unicodedata.category(c)[0] in "LN" for c in text)


def day_of(value: str) -> date | None:
    """The day of an HL7 TS, None when there is none or it is impossible."""
    if not re.fullmatch(r"[0-9]{8}([0-9]{2}|[0-9]{4}|[0-9]{6}(\.[0-9]+)?)?([+-][0-9]{4})?", value):
        return None
    try:
        return date(int(value[:4]), int(value[4:6]), int(value[6:8]))
    except ValueError:
        return None


def check_traits(traits: Traits, today: date, report: Report) -> None:
    """Check identity, contacts, representatives and what was read on the Carte Vitale."""
    name = traits.name
    named = says_something(name.birth + name.used) and says_something(name.given)
    report.require(named, NAME, found=f"nom « {(name.birth or name.used)[:30]} », prénom « {name.given[:30]} »")
    report.require(traits.sex in SEXES, SEX, found=traits.sex[:10])
    birth = day_of(traits.birth_date) if len(traits.birth_date) == 8 else None
    alive = birth is not None and today.year - OLDEST <= birth.year and birth <= today
    report.require(alive, BIRTH, found=traits.birth_date[:20])
    _check_representatives(traits, report)
    _check_contacts(traits, report)
    _check_card(traits, report)
    names, texts = list(_names_of(traits)), list(_texts_of(traits))
    odd = [where for where, name in names if not is_name(name)] + [where for where, text in texts if not is_text(text)]
    report.require(not odd, CHARACTERS, found=", ".join(dict.fromkeys(odd)))
    long = [f"{where} ({len(text)})" for where, text in names + texts if len(text) > LONGEST]
    report.require(not long, LENGTH, expected=f"{LONGEST} caractères", found=", ".join(dict.fromkeys(long))[:200])


def _check_representatives(traits: Traits, report: Report) -> None:
    wrong = [r.code for r in traits.representatives if r.code not in RELATIONS]
    nameless = [r.code for r in traits.representatives if not says_something(r.name.birth + r.name.used)]
    found = ", ".join(wrong)[:80] or "".join(f"{code} sans nom" for code in nameless[:1])
    report.require(not wrong + nameless, RELATION, expected=", ".join(sorted(RELATIONS)), found=found)


def _check_contacts(traits: Traits, report: Report) -> None:
    people = _people(traits)
    telecoms = [t for person in people for t in person.telecoms]
    wrong = [t for t in telecoms if not _is_contact(t)]
    report.require(not wrong, TELECOM, expected=", ".join(SCHEMES), found=", ".join(t.value for t in wrong)[:80])
    most = max(len(traits.representatives), *(len(p.telecoms) for p in people), *(len(p.addresses) for p in people))
    report.require(most <= MOST, NUMBER, expected=f"au plus {MOST}", found=str(most))


def _people(traits: Traits) -> tuple[Traits | Representative, ...]:
    return (traits, *traits.representatives)


def _is_contact(telecom: Telecom) -> bool:
    scheme, colon, rest = telecom.value.partition(":")
    return f"{scheme.lower()}{colon}" in SCHEMES and says_something(rest)


def _check_card(traits: Traits, report: Report) -> None:
    """What the card says is kept as it is, a lunar date (month 00 or above 12) included."""
    card = traits.vitale_name
    if card is None:
        return
    named = says_something(card.birth + card.used) and says_something(card.given)
    dated = re.fullmatch(r"[0-9]{8}", traits.vitale_birth_date) is not None
    report.require(
        named and dated,
        VITALE,
        expected="nom, prénom, AAAAMMJJ",
        found=f"« {(card.birth or card.used)[:30]} », « {card.given[:30]} », « {traits.vitale_birth_date[:20]} »",
    )


def _names_of(traits: Traits) -> Iterator[tuple[str, str]]:
    """Every name, with the French name of its place."""
    yield from _names("patient", traits.name)
    if traits.vitale_name is not None:
        yield from _names("carte Vitale", traits.vitale_name)
    for representative in traits.representatives:
        yield from _names("représentant", representative.name)


def _names(whose: str, name: Name) -> Iterator[tuple[str, str]]:
    yield f"nom de naissance ({whose})", name.birth
    yield f"nom utilisé ({whose})", name.used
    yield f"prénom ({whose})", name.given
    yield f"civilité ({whose})", name.prefix


def _texts_of(traits: Traits) -> Iterator[tuple[str, str]]:
    """Every other text, likewise."""
    yield "pays de naissance", traits.birth_country
    for person in _people(traits):
        for telecom in person.telecoms:
            yield "contact", telecom.value
            yield "usage du contact", telecom.use
        for address in person.addresses:
            yield "adresse", address.street
            yield "complément d'adresse", address.locator
            yield "code postal", address.postal_code
            yield "ville", address.city
            yield "pays", address.country
