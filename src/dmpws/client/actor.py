"""Who calls: the professional and structure behind a card, as the VIHF, the CDA and the metadata name them."""

from dataclasses import dataclass

from dmpws.codec.value_sets import value_sets
from dmpws.domain import oids
from dmpws.domain.access import AuthMode
from dmpws.domain.caller import specialties_of
from dmpws.domain.code import Code
from dmpws.domain.value_sets import Attribute
from dmpws.pki.cards import Card
from dmpws.pki.identity import PERSON_KINDS
from dmpws.vihf.issue import roles_of

DOCTOR = Code("10", oids.PROFESSIONS, "Médecin")
GENERAL_PRACTICE = Code("SM26", oids.SKILLS, "Qualifié en Médecine Générale (SM)")

# No public table maps sectors to practice settings (GI-DMP EX_GEN-1377): these are the two of the kit.
_SETTINGS = {"SA07": "AMBULATOIRE"}
_DEFAULT_SETTING = "ETABLISSEMENT"
_SETTINGS_SYSTEM = "1.2.250.1.213.1.1.4.9"


@dataclass(frozen=True, slots=True)
class Actor:
    """An LPS user and the structure he works in.

    person: PS_IdNat, or `<structure>/<internal id>` in indirect mode. structure: Struct_IdNat. sector: `SA07`.
    roles: VIHF roles, profession first, then the specialty.
    """

    mode: AuthMode
    person: str
    family: str
    given: str
    structure: str
    structure_name: str
    sector: str
    roles: tuple[Code, ...] = (DOCTOR, GENERAL_PRACTICE)

    @classmethod
    def of_card(cls, card: Card) -> "Actor":
        """The holder of a person's card, in direct authentication, working in the structure read on it.

        Raises ValueError for the card of a structure: it does not say who works there.
        """
        if card.kind not in PERSON_KINDS:
            raise ValueError(f"{card.name}: the card of a structure does not say who calls")
        practice = card.practice
        return cls(
            AuthMode.DIRECTE,
            card.identity.person,
            card.identity.family,
            card.identity.given,
            practice.structure,
            practice.structure_name,
            practice.sector,
            roles_of(card),
        )

    @property
    def specialty(self) -> Code:
        """authorSpecialty, table A02: `G15_10/SM26`; the role itself of who is not a professional."""
        specialties = specialties_of(self.roles)
        if not specialties:
            return _named(Attribute.AUTHOR_SPECIALTY, self.roles[0].code, self.roles[0].system)
        return _named(Attribute.AUTHOR_SPECIALTY, specialties[0], oids.AUTHOR_SPECIALTIES)

    @property
    def facility_type(self) -> Code:
        """healthcareFacilityTypeCode: the sector of activity."""
        return _named(Attribute.FACILITY_TYPE, self.sector, oids.SECTORS)

    @property
    def practice_setting(self) -> Code:
        code = _SETTINGS.get(self.sector, _DEFAULT_SETTING)
        return _named(Attribute.PRACTICE_SETTING, code, _SETTINGS_SYSTEM)

    @property
    def person_xcn(self) -> str:
        """authorPerson, XCN (CI-SIS LM 3.3)."""
        kind = "EI" if "/" in self.person else "IDNPS"
        return f"{self.person}^{self.family}^{self.given}^^^^^^&{oids.PERSONS}&ISO^D^^^{kind}"

    @property
    def structure_xon(self) -> str:
        """authorInstitution, XON (CI-SIS LM 3.3)."""
        return f"{self.structure_name}^^^^^&{oids.STRUCTURES}&ISO^IDNST^^^{self.structure}"


def _named(attribute: Attribute, code: str, system: str) -> Code:
    """The code with its display name, or as it is when no value set has it."""
    member = value_sets().sets[attribute].get((code, system))
    return member.code if member else Code(code, system, code)
