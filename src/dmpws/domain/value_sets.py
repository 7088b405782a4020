"""The DMP's value sets: dated tables, checked on write and never on read, display names never.

They are files, which change without the code (GI-DMP EX_GEN-1360, DMPWS D18).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from dmpws.domain import oids
from dmpws.domain.code import Code
from dmpws.domain.document import SIGNATURE_CLASS

GUIDES = {"2.9": date(2024, 1, 1), "2.10": date(2025, 11, 27)}
"""Day at which the tables are read for retired codes, by behaviour set: 2.10 is the day of test plan 2.10c, 2.9 a
day at which the retired codes of our tables were still in use (ours: no public date)."""


class Attribute(StrEnum):
    """Metadata attribute a value set bounds; also the name of its table."""

    AUTHOR_SPECIALTY = "authorSpecialty"
    CLASS = "classCode"
    CONFIDENTIALITY = "confidentialityCode"
    CONTENT_TYPE = "contentTypeCode"
    FACILITY_TYPE = "healthcareFacilityTypeCode"
    FORMAT = "formatCode"
    MIME_TYPE = "mimeType"
    PRACTICE_SETTING = "practiceSettingCode"
    REFERENCE_ID_TYPE = "referenceIdType"
    TYPE = "typeCode"


@dataclass(frozen=True, slots=True)
class Member:
    """A code of a value set; class_code only for types. `start <= day < stop`, None when open."""

    code: Code
    class_code: str = ""
    start: date | None = None
    stop: date | None = None


@dataclass(frozen=True, slots=True)
class ValueSets:
    """All the tables. sets: by attribute, then (code, system). formats: formatCode by templateId or media type."""

    sets: Mapping[Attribute, Mapping[tuple[str, str], Member]]
    formats: Mapping[str, Code]

    def accepts(self, attribute: Attribute, code: str, system: str, *, today: date, guide: str) -> bool:
        """Tell whether a code may be submitted today; one that was retired, only under an older guide (D18)."""
        member = self.sets[attribute].get((code, system))
        if member is None or (member.start is not None and today < member.start):
            return False
        return member.stop is None or min(today, GUIDES.get(guide, today)) < member.stop

    def class_of(self, type_code: Code) -> Code | None:
        """The classCode that follows from a typeCode (ASS_X16), retired ones included; None when unknown."""
        member = self.sets[Attribute.TYPE].get((type_code.code, type_code.system))
        if member is None:
            return None
        if member.class_code == SIGNATURE_CLASS.code:
            return SIGNATURE_CLASS
        return Code(member.class_code, oids.CLASSES)
