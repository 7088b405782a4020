"""What a lot holds and what the registry keeps: submission set, document entries, associations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from dmpws.domain.code import Code
from dmpws.domain.datatypes import Xcn, Xon


class Status(StrEnum):
    """availabilityStatus: what a search filters by (GI-DMP EX_3.1-1030) and a screen shows (GI-DMP EX_3.1-1080)."""

    APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
    DEPRECATED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated"
    ARCHIVED = "urn:asip:ci-sis:2010:StatusType:Archived"
    DELETED = "urn:asip:ci-sis:2010:StatusType:Deleted"


IN_FORCE = (Status.APPROVED, Status.ARCHIVED)
"""Archived, a document is out of the default search and can come back."""

STABLE = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"
"""objectType of a stable DocumentEntry."""

HAS_MEMBER = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
RPLC = "urn:ihe:iti:2007:AssociationType:RPLC"
RPLC_2010 = "urn:ihe:iti:2010:AssociationType:RPLC"
"""Spelling of some real clients, accepted as RPLC."""
SIGNS = "urn:ihe:iti:2007:AssociationType:signs"
APND = "urn:ihe:iti:2007:AssociationType:APND"
XFRM = "urn:ihe:iti:2007:AssociationType:XFRM"
XFRM_RPLC = "urn:ihe:iti:2007:AssociationType:XFRM_RPLC"
REPLACEMENTS = frozenset({RPLC, RPLC_2010, XFRM_RPLC})
"""A document takes the place of another, which becomes Deprecated (ITI TF-3 4.2.2.2)."""
DEPENDENTS = frozenset({APND, XFRM})
"""A document completes or transforms another, and is Deprecated with it."""
UPDATE_STATUS = "urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus"
"""Asks for another status (ITI-57); never stored."""

MASQUE_PS = "MASQUE_PS"
INVISIBLE_PATIENT = "INVISIBLE_PATIENT"
INVISIBLE_REPRESENTANTS_LEGAUX = "INVISIBLE_REPRESENTANTS_LEGAUX"
VISIBILITIES = frozenset({MASQUE_PS, INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX})

SIGNATURE_TYPE = Code("E1762", "ASTM", "Full Document")
SIGNATURE_CLASS = Code("urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1", "URN", "Digital Signature")


@dataclass(frozen=True, slots=True)
class Author:
    """One author Classification; the values are the wire strings (XCN, XON …), parsed where they are compared."""

    person: str = ""
    institutions: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    specialties: tuple[str, ...] = ()
    telecoms: tuple[str, ...] = ()

    @property
    def person_id(self) -> str:
        """Identifier of the person (XCN.1), or empty."""
        return Xcn.parse(self.person).id

    @property
    def institution_ids(self) -> frozenset[str]:
        """Identifiers of the structures (XON.10)."""
        return frozenset(i for i in (Xon.parse(x).id for x in self.institutions) if i)


@dataclass(frozen=True, slots=True)
class SubmissionSet:
    """The RegistryPackage of a lot. `id` is the id in the message, `submission_time` a UTC DTM string."""

    id: str
    unique_id: str
    source_id: str
    patient_id: str
    """CX as received."""
    submission_time: str
    content_type: Code | None
    authors: tuple[Author, ...]
    title: str = ""
    comments: str = ""
    intended_recipients: tuple[str, ...] = ()
    slots: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DocumentEntry:
    """An ExtrinsicObject as submitted. Times are UTC DTM strings; absent single values are empty."""

    id: str
    unique_id: str
    patient_id: str
    mime_type: str
    object_type: str
    class_code: Code | None
    type_code: Code | None
    format_code: Code | None
    facility_type: Code | None
    practice_setting: Code | None
    confidentiality: tuple[Code, ...]
    event_codes: tuple[Code, ...]
    authors: tuple[Author, ...]
    legal_authenticator: str
    creation_time: str
    service_start: str
    service_stop: str
    language: str
    source_patient_id: str
    source_patient_info: tuple[str, ...]
    reference_ids: tuple[str, ...]
    hash: str
    size: str
    repository_unique_id: str
    lid: str
    title: str
    comments: str
    slots: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_signature(self) -> bool:
        return self.type_code is not None and self.type_code.same(SIGNATURE_TYPE)

    @property
    def author_persons(self) -> frozenset[str]:
        """Identifiers (XCN.1) of the author persons."""
        return frozenset(i for i in (a.person_id for a in self.authors) if i)

    @property
    def author_institutions(self) -> frozenset[str]:
        """Identifiers (XON.10) of the author institutions."""
        return frozenset().union(*(a.institution_ids for a in self.authors))

    @property
    def legal_authenticator_id(self) -> str:
        """Identifier (XCN.1) of the legal authenticator, or empty."""
        return Xcn.parse(self.legal_authenticator).id

    @property
    def visibility(self) -> frozenset[str]:
        """The masking codes of confidentialityCode."""
        return frozenset(c.code for c in self.confidentiality) & VISIBILITIES


@dataclass(frozen=True, slots=True)
class Association:
    id: str
    type: str
    source: str
    target: str
    slots: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Folder:
    """A classeur as submitted (ITI TF-3 4.2.3.4); its lastUpdateTime is the registry's, never the submitter's."""

    id: str
    unique_id: str
    patient_id: str
    """CX as received."""
    codes: tuple[Code, ...]
    title: str
    comments: str = ""
    lid: str = ""
    slots: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Submission:
    """A parsed lot: exactly what was submitted, ids symbolic or UUID as received."""

    submission_set: SubmissionSet
    entries: tuple[DocumentEntry, ...]
    associations: tuple[Association, ...]
    folders: tuple[Folder, ...] = ()


@dataclass(frozen=True, slots=True)
class HeldDocument:
    """A document of the repository without metadata, as a StoredEntry knows its own."""

    unique_id: str
    patient: int
    mime_type: str
    hash: str
    sha256: str
    size: int
    octets: str
    type_code: str = ""


class StoredEntry(NamedTuple):
    """A document entry of the registry, with what rights, queries and answers need. A search makes hundreds."""

    id: int
    entry_uuid: str
    lid: str
    version: int
    latest: bool
    """This row is the current metadata version of its logical id."""
    unique_id: str
    patient: int
    submission_set: int
    status: Status
    object_type: str
    mime_type: str
    hash: str
    size: int
    type_code: str
    type_system: str
    class_code: str
    visibility: frozenset[str]
    author_persons: frozenset[str]
    """Identifiers (XCN.1) of the author persons."""
    author_institutions: frozenset[str]
    """Identifiers (XON.10) of the author institutions."""
    legal_authenticator: str
    """Identifier (XCN.1), or empty."""
    is_signature: bool
    creation_time: str
    received_at: datetime
    octets: str
    """Key of the octets in the document storage."""
    fragment: bytes
    """The stored RegistryObject after its opening attributes (see dmpws.codec.ebxml.fragments)."""
    sha256: str = ""
    """Lower-case hexadecimal SHA-256 of the octets."""
