"""Who is calling, as the rights see it: read from the verified VIHF, without the token itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from dmpws.domain import oids
from dmpws.domain.access import AuthMode, Purpose
from dmpws.domain.authorisation import Holder, HolderKind
from dmpws.domain.code import Code

SECRETARY = "SECRETARIAT_MEDICAL"


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified caller.

    person: PS_IdNat, or `<structure>/<internal id>` in indirect mode. structure: Identifiant_Structure.
    roles: as in the VIHF, the profession first. cpe_card: the TLS certificate is a CPE card.
    """

    mode: AuthMode
    purpose: Purpose
    person: str
    structure: str
    roles: tuple[Code, ...]
    cpe_card: bool = False
    equal_structures: frozenset[str] = frozenset()
    """Structures whose documents are the caller's own too: FINESS EJ and EG stand for each other (DMPWS D85)."""

    @property
    def specialties(self) -> tuple[str, ...]:
        """authorSpecialty codes of the roles (`G15_10/SM26`); empty for who is not a professional."""
        return specialties_of(self.roles)

    @property
    def is_air(self) -> bool:
        return self.mode is AuthMode.INDIRECTE_RENFORCEE

    @property
    def is_professional(self) -> bool:
        """False for the roles of table A00: secretary, device, the patient, the Assurance Maladie."""
        return self.roles[0].system != oids.NON_PROFESSIONALS

    @property
    def is_doctor(self) -> bool:
        """Profession 10 of table G15; a doctor in training (G16) is not one (DMPWS D27)."""
        return (self.roles[0].code, self.roles[0].system) == ("10", oids.PROFESSIONS)

    @property
    def is_employee(self) -> bool:
        """Medical secretary or holder of a CPE card: acts for the structure."""
        role = self.roles[0]
        return self.cpe_card or (role.code, role.system) == (SECRETARY, oids.NON_PROFESSIONALS)

    @property
    def person_holder(self) -> Holder:
        return Holder(HolderKind.PERSON, self.person)

    @property
    def structure_holder(self) -> Holder:
        return Holder(HolderKind.STRUCTURE, self.structure)

    @property
    def holders(self) -> tuple[Holder, ...]:
        """Whose authorisations serve this caller, the one that TD0.3 writes first.

        A professional has his own; CPE, AIR employee (note 1 of PDT-INF-526) and structure certificate have the
        structure's; a professional in AIR shares the structure's too (DMPWS D28).
        """
        if self.mode is AuthMode.DIRECTE and not self.is_employee:
            return (self.person_holder,)
        if self.is_air and self.is_professional:
            return (self.person_holder, self.structure_holder)
        return (self.structure_holder,)


_QUALIFICATIONS = {oids.SKILLS, oids.PHARMACIST_SECTIONS}


def specialties_of(roles: Sequence[Code]) -> tuple[str, ...]:
    """Roles of a VIHF as authorSpecialty codes: the profession with each of its qualifications, or alone."""
    profession, *others = roles
    if profession.system == oids.TRAINEE_PROFESSIONS:
        return (f"G16_{profession.code}",)
    if profession.system != oids.PROFESSIONS:
        return ()
    name = f"G15_{profession.code}"
    return tuple(f"{name}/{role.code}" for role in others if role.system in _QUALIFICATIONS) or (name,)
