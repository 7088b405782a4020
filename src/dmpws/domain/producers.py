"""Producers of documents that are not an LPS: who they are, and what they alone create (GI-DMP EX_2.1-1010)."""

from dataclasses import dataclass
from datetime import date

from dmpws.domain import oids
from dmpws.domain.code import Code

LOINC = "2.16.840.1.113883.6.1"
TYPES = "1.2.250.1.213.1.1.4.12"
"""Types that complete LOINC, table A05."""
SETTINGS = "1.2.250.1.213.1.1.4.9"

BY_PATIENT = Code("EXP_PATIENT", oids.NON_PROFESSIONALS, "Expression personnelle du patient")
"""Of a patient's document: specialty, practice setting, facility type, content type and service (CI-SIS LM 3.3)."""
AMO = Code("AMO", SETTINGS, "Organisme d'assurance maladie obligatoire")
SOCIAL_SECURITY = Code("SA24", oids.SECTORS, "Organisme de sécurité sociale")
AUTOMATE = Code("AUTOMATE", oids.NON_PROFESSIONALS, "Automate")
PATIENT_CLASS = Code("90", oids.CLASSES)
WISHES = Code("EXPPAT_1", TYPES, "Volontés et droits du patient")
OTHER = Code("EXPPAT_2", TYPES, "Autre document du patient")
DIRECTIVES = Code("EXPPAT_3", TYPES, "Directives anticipées")

SUBJECTS = {
    "personne-de-confiance": (WISHES, "Personne de confiance"),
    "don-d-organes": (WISHES, "Don d'organes"),
    "acces-des-ayants-droit": (WISHES, "Accès des ayants droit"),
    "personnes-a-prevenir": (WISHES, "Personnes à prévenir"),
    "directives-anticipees": (DIRECTIVES, "Directives anticipées"),
    "automesures": (OTHER, "Automesures"),
}
"""Type and title of what a patient says of himself (DMPWS D165)."""


@dataclass(frozen=True, slots=True)
class System:
    """An information system that feeds records by itself.

    person, structure: identifiers of its author and of its author institution. types: what it may bring, the usual
    one first.
    """

    person: str
    structure: str
    name: str
    specialty: Code
    practice_setting: Code
    facility_type: Code
    types: tuple[Code, ...]


ASSURANCE_MALADIE = System(
    person="518003502400041/1.2.250.1.215.1.2",
    structure="318003502400041",
    name="Assurance Maladie",
    specialty=Code("ALIM_AM", oids.NON_PROFESSIONALS, "Alimentation auto à partir du SI de l'Ass Maladie"),
    practice_setting=AMO,
    facility_type=SOCIAL_SECURITY,
    types=(Code("REMB", TYPES, "Données de remboursement"),),
)
DOSSIER_PHARMACEUTIQUE = System(
    person="578435954900010/1.2.250.1.176.1",
    structure="378435954900010",
    name="CONSEIL NATIONAL ORDRE DES PHARMACIENS",
    specialty=AUTOMATE,
    practice_setting=Code("AMBULATOIRE", SETTINGS, "Ambulatoire"),
    facility_type=Code("SA33", oids.SECTORS, "Pharmacie d'officine"),
    types=(
        Code("60593-1", LOINC, "Dispensation médicamenteuse"),
        Code("DISP_AUT", TYPES, "Dispensation (autre)"),
    ),
)


def is_patient_s(type_code: str, class_code: str) -> bool:
    """Tell whether a document is one that only the patient deposits: of class 90, or of a type DOCPAT of any class."""
    return type_code.startswith("DOCPAT") or class_code == PATIENT_CLASS.code


def months_before(day: date, months: int) -> date:
    """The same day some months earlier, or the last one of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")
