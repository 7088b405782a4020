"""The facts a lot is judged against, besides what it says itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from dmpws.domain.cda import CdaHeader
from dmpws.domain.document import DocumentEntry, StoredEntry
from dmpws.domain.octets import Octets
from dmpws.domain.packages import StoredFolder
from dmpws.domain.patient import PatientRecord
from dmpws.domain.value_sets import ValueSets


@dataclass(frozen=True, slots=True)
class Depositor:
    """Who deposits, as GI-DMP EX_2.1-1140 looks at it.

    person: PS_IdNat in direct authentication, empty for CPE and indirect, where `structures` counts: the
    Identifiant_Structure and the structures its EJ/EG link makes equal to it.
    """

    person: str
    structures: frozenset[str]

    def is_author_of(self, document: DocumentEntry | StoredEntry) -> bool:
        """The person is an author or the legal authenticator; or the structure is an author institution."""
        if self.person:
            authenticator = (
                document.legal_authenticator_id if isinstance(document, DocumentEntry) else document.legal_authenticator
            )
            return self.person in document.author_persons or self.person == authenticator
        return not self.structures.isdisjoint(document.author_institutions)


@dataclass(frozen=True, slots=True)
class LotFacts:
    """The patient, the depositor, the tables and the options.

    replaceable: row ids of others' documents that the depositor may replace (a VSM, DMPWS D34).
    minor: the patient is under age and the DMP keeps the secrets of minors (DMPWS D21). by_lps: an LPS deposits, which
    signs and has types it may not create; what other producers bring is neither (DMPWS D163).
    today: date of reception. octets, headers: by entry id; an entry without a readable CDA has no header.
    """

    record: PatientRecord
    depositor: Depositor
    values: ValueSets
    today: date
    guide: str = "2.10"
    minor: bool = False
    secret_connection: bool = False
    masked_and_invisible: bool = False
    strict_identity: bool = False
    octets: Mapping[str, Octets] = field(default_factory=dict)
    headers: Mapping[str, CdaHeader] = field(default_factory=dict)
    replaceable: frozenset[int] = frozenset()
    by_lps: bool = True


@dataclass(frozen=True, slots=True)
class RegistryFacts:
    """What the registry already holds of this lot.

    set_known: its uniqueId is taken. entries: stored entries by uniqueId. targets: by entryUUID, the entries that
    associations point to and the depositor may know of; folders: the same. taken: the uniqueIds of the message that
    lots or folders have, and those of its folders that documents have. transforms: entryUUIDs of the targets that are
    themselves transformations (XFRM). uuids: the ids of the lot, as submitted, that registered objects have.
    """

    set_known: bool
    entries: Mapping[str, Sequence[StoredEntry]]
    targets: Mapping[str, StoredEntry]
    folders: Mapping[str, StoredFolder] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()
    transforms: frozenset[str] = frozenset()
    uuids: frozenset[str] = frozenset()
