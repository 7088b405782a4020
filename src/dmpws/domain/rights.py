"""The rights: one function for every transaction and row (PDT-INF-526, PDT-INF-606, DMPWS D27 and D28)."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from dmpws.domain import oids
from dmpws.domain.access import AuthMode, Purpose
from dmpws.domain.caller import Caller
from dmpws.domain.document import MASQUE_PS, Status, StoredEntry
from dmpws.domain.producers import is_patient_s
from dmpws.domain.rights_table import ROWS

OCCUPATIONAL_HEALTH = frozenset({"SM25", "SCH35", "C41", "CAPA11"})
"""Savoir-faire (table R01) of the médecin du travail (DMPWS D27)."""
MT_ONLY_ON_PATIENT_DOCUMENTS = frozenset({"TD3.3d archive", "TD3.3d unarchive", "TD3.3c delete"})


class Condition(StrEnum):
    """What a note of the matrices asks. Those that look at a document or at the record are decided here, the
    others bound what the transaction does."""

    AUTHORISATION_OF_STRUCTURE = "l'autorisation est donnée à la structure"
    SAME_STRUCTURE = "limité aux professionnels de la structure"
    NEW_AUTHORISATIONS = "limité aux nouvelles autorisations (LASTAUTORIZATION)"
    IMPUTED_TO_STRUCTURE = "imputé à la structure"
    REFERENCE_OF_STRUCTURE = "limité à la référence d'un document de la structure"
    OWN_DOCUMENT = "limité à ses propres documents"
    MASKED_SHOWN_IN_EMERGENCY = "si le patient montre ses documents masqués en urgence"
    DOCUMENT_OF_STRUCTURE = "limité aux documents de la structure"
    PATIENT_DOCUMENT = "réservé au médecin traitant pour un document du patient"


NOTES = {
    1: Condition.AUTHORISATION_OF_STRUCTURE,
    2: Condition.SAME_STRUCTURE,
    3: Condition.NEW_AUTHORISATIONS,
    4: Condition.IMPUTED_TO_STRUCTURE,
    5: Condition.REFERENCE_OF_STRUCTURE,
    6: Condition.OWN_DOCUMENT,
    7: Condition.MASKED_SHOWN_IN_EMERGENCY,
    8: Condition.OWN_DOCUMENT,
    9: Condition.DOCUMENT_OF_STRUCTURE,
}
AIR_NOTES = NOTES | {3: Condition.SAME_STRUCTURE}
"""PDT-INF-606 gives note 3 another meaning."""


def is_own(document: StoredEntry, caller: Caller) -> bool:
    """The caller is an author or the legal authenticator (GI-DMP EX_2.1-1140)."""
    person = caller.person
    return bool(person) and (person in document.author_persons or person == document.legal_authenticator)


def is_of_structure(document: StoredEntry, caller: Caller) -> bool:
    return not document.author_institutions.isdisjoint({caller.structure} | caller.equal_structures)


_ON_DOCUMENT: dict[Condition, Callable[[StoredEntry, Caller], bool]] = {
    Condition.REFERENCE_OF_STRUCTURE: is_of_structure,
    Condition.OWN_DOCUMENT: is_own,
    Condition.DOCUMENT_OF_STRUCTURE: is_of_structure,
}


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer of the rights.

    column: the column asked for (`med_normal`, `AIR pe_normal`), which need not exist (`med_travail_bdg`).
    condition: the note that bounds an allowed cell. When it is about documents and none was given, it is still
    to be decided on each of them. needs_authorisation: a VALIDE authorisation is asked for besides.
    """

    allowed: bool
    column: str
    condition: Condition | None = None
    needs_authorisation: bool = False


def profile_of(caller: Caller, *, treating_doctor: bool) -> str:
    """Profile of the caller, the name of a group of columns; empty when there is none (DMPWS D27)."""
    doctor = "mt" if treating_doctor and caller.purpose is not Purpose.CENTRE_15 else "med"
    if caller.mode is AuthMode.INDIRECTE:
        return "es"
    if caller.is_air and not caller.is_professional:
        return "pe"
    if caller.is_air:
        return doctor if caller.is_doctor else "ps"
    if caller.is_employee:
        return "cpe"
    if not caller.is_professional:
        return ""
    if any(role.system == oids.SKILLS and role.code in OCCUPATIONAL_HEALTH for role in caller.roles):
        return "med_travail"
    return doctor if caller.is_doctor else "ps"


def decide(
    row: str,
    caller: Caller,
    *,
    treating_doctor: bool = False,
    masked_in_emergency: bool = False,
    document: StoredEntry | None = None,
) -> Decision:
    """Tell whether `caller` may do the operation `row`, a key of `ROWS` (KeyError otherwise).

    treating_doctor: a MEDECIN_TRAITANT authorisation of the caller is stored for this patient.
    masked_in_emergency: the patient's switch of note 7. document: the entry concerned, where there is one.
    """
    profile = profile_of(caller, treating_doctor=treating_doctor)
    letter = ROWS[row].cell(caller.is_air, profile, caller.purpose)
    column = f"{'AIR ' if caller.is_air else ''}{profile or '?'}_{_MODE_NAMES[caller.purpose]}"
    if letter == ".":
        return Decision(False, column)
    condition = (AIR_NOTES if caller.is_air else NOTES)[int(letter)] if letter.isdigit() else None
    allowed = True
    if condition is Condition.MASKED_SHOWN_IN_EMERGENCY:
        allowed = masked_in_emergency
    elif (
        document is not None
        and row in MT_ONLY_ON_PATIENT_DOCUMENTS
        and is_patient_s(document.type_code, document.class_code)
    ):
        allowed = profile == "mt"
        condition = condition if allowed else Condition.PATIENT_DOCUMENT
    elif document is not None and condition in _ON_DOCUMENT:
        allowed = _ON_DOCUMENT[condition](document, caller)
    return Decision(allowed, column, condition, _needs_authorisation(row, profile, caller))


_MODE_NAMES = {Purpose.NORMAL: "normal", Purpose.CENTRE_15: "regulation", Purpose.BRIS_DE_GLACE: "bdg"}


def _needs_authorisation(row: str, profile: str, caller: Caller) -> bool:
    need = ROWS[row].authorisation
    return caller.purpose is Purpose.NORMAL and (need == "needed" or (need == "not es" and profile != "es"))


def reading_rows(entry: StoredEntry) -> tuple[str, ...]:
    """The rows of TD3.2 that an entry falls under; each of them must allow (PDT-INF-526)."""
    masked = MASQUE_PS in entry.visibility
    rows = ["TD3.2 read document masked to PS" if masked else "TD3.2 read document not masked"]
    if entry.visibility - {MASQUE_PS}:
        rows.append("TD3.2 read document invisible to patient or representative")
    if state := _STATE_ROWS.get(entry.status):
        rows.append(state)
    return tuple(rows)


_STATE_ROWS = {
    Status.ARCHIVED: "TD3.2 read archived document",
    Status.DEPRECATED: "TD3.2 read obsolete version",
    Status.DELETED: "TD3.2 read deleted document",
}
