"""What TD2.1 does in steps: the facts around a lot, its signature, and the rows to store."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from dmpws.codec.ebxml.fragments import association_fragment, entry_fragment, folder_fragment, set_fragment
from dmpws.codec.ebxml.submission import ReceivedSubmission
from dmpws.domain import oids
from dmpws.domain.access import AuthMode
from dmpws.domain.cda import CdaHeader
from dmpws.domain.checks import Refused, Report, Rule
from dmpws.domain.directory import equal_structures
from dmpws.domain.document import (
    HAS_MEMBER,
    RPLC,
    RPLC_2010,
    Association,
    DocumentEntry,
    Folder,
    StoredEntry,
    Submission,
    SubmissionSet,
)
from dmpws.domain.lot.associations import replacements
from dmpws.domain.lot.facts import Depositor, RegistryFacts
from dmpws.domain.lot.relations import relied_on
from dmpws.domain.octets import Octets
from dmpws.signature.model import LotDocument, LotEvidence, ReceivedLot, VerifiedLot
from dmpws.transactions.admission import caller_of
from dmpws.transactions.call import Call, Context
from dmpws.xml.parser import XmlLimits

SIGNATURE_SIZE = Rule(
    "LOT-SIGNATURE-SIZE",
    "La signature du lot ne dépasse pas la taille permise",
    "DMPWS LIMITS",
    "XDSRepositoryMetadataError",
)

LONGEST_SIGNATURE = XmlLimits().octets
_MEMBER_STATUS = "SubmissionSetStatus"
_UUID = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


ROW = "TD2.1 submit documents"
EMPLOYEE_ROW = "TD2.2 submit documents with a CPE"


@dataclass(frozen=True, slots=True)
class PreparedEntry:
    """Implements dmpws.transactions.ports.NewEntry."""

    entry: DocumentEntry
    entry_uuid: str
    fragment: bytes
    octets: Octets
    set_id: str = ""
    set_version: str = ""


@dataclass(frozen=True, slots=True)
class PreparedFolder:
    """Implements dmpws.transactions.ports.NewFolder."""

    folder: Folder
    uuid: str
    fragment: bytes


@dataclass(frozen=True, slots=True)
class PreparedLot:
    """Implements dmpws.transactions.ports.NewLot."""

    patient: int
    submission_set: SubmissionSet
    submission_set_uuid: str
    submission_set_fragment: bytes
    entries: Sequence[PreparedEntry]
    associations: Sequence[tuple[Association, bytes]]
    deprecates: Sequence[int]
    evidence: LotEvidence | None
    new_uuid: Callable[[], str]
    folders: Sequence[PreparedFolder] = ()
    relies_on: Sequence[int] = ()
    copies: bool = False

    def member_of(self, folder: str, entry: str) -> Sequence[tuple[Association, bytes]]:
        """The document is a member of the folder, and that is a member of the lot (ITI TF-2 3.42.4.1.3.5)."""
        member = Association(f"urn:uuid:{self.new_uuid()}", HAS_MEMBER, folder, entry)
        ours = Association(f"urn:uuid:{self.new_uuid()}", HAS_MEMBER, self.submission_set_uuid, member.id)
        return [(link, association_fragment(link)) for link in (member, ours)]


def row_of(call: Call) -> str:
    """The row of the rights: the card and the role tell TD2.2 from TD2.1, not the path that is called."""
    caller = caller_of(call.vihf)
    return EMPLOYEE_ROW if caller.mode is AuthMode.DIRECTE and caller.is_employee else ROW


def depositor_of(call: Call, documents: Iterable[DocumentEntry | StoredEntry]) -> Depositor:
    """Who must be an author (GI-DMP EX_2.1-1140): the person in direct authentication, else the structure.

    A FINESS EG attached to the FINESS EJ of the token, or the EJ of its EG, counts as the structure: those that wrote
    one of the documents, deposited or replaced.
    """
    caller = caller_of(call.vihf)
    if caller.mode is AuthMode.DIRECTE and not caller.is_employee:
        return Depositor(caller.person, frozenset())
    named = frozenset[str]().union(*(document.author_institutions for document in documents))
    equals = equal_structures(call.store.directory, caller.structure, named)
    return Depositor("", equals | {caller.structure})


def verify_signature(
    call: Call, submission: Submission, octets: Mapping[str, Octets], report: Report
) -> VerifiedLot | None:
    """Verify the lot signature; why it is not good goes into `report`. None, too, when there is none to verify."""
    signature = next((e for e in submission.entries if e.is_signature), None)
    if signature is None or any(e.id not in octets for e in submission.entries):
        return None
    received = octets[signature.id]
    if received.size > LONGEST_SIGNATURE:
        expected, found = f"au plus {LONGEST_SIGNATURE} octets", f"{received.size} octets"
        report.failed(SIGNATURE_SIZE, expected=expected, found=found, where=signature.id)
        return None
    documents = [LotDocument(e.unique_id, octets[e.id]) for e in submission.entries if not e.is_signature]
    lot = ReceivedLot(
        signature=received.read(),
        signature_unique_id=signature.unique_id,
        submission_set_unique_id=submission.submission_set.unique_id,
        submission_time=submission.submission_set.submission_time,
        documents=documents,
        received_at=call.now,
    )
    try:
        return call.verify_lot(lot)
    except Refused as refused:
        report.checks.extend(refused.checks)
        return None


def prepare_lot(
    call: Context,
    received: ReceivedSubmission,
    octets: Mapping[str, Octets],
    verified: VerifiedLot | None,
    registry: RegistryFacts,
    patient: int,
    headers: Mapping[str, CdaHeader],
    *,
    repository: Callable[[DocumentEntry], str] = lambda _entry: oids.REPOSITORY,
    copies: bool = False,
) -> PreparedLot:
    """Give the lot its final ids and make the fragments that answers will carry.

    verified: None for a lot of the DMP itself, which is not signed (DMPWS D33), and in plain IHE. headers: of CDA
    documents, by entry id. repository: which one holds a document. copies: see dmpws.transactions.ports.NewLot.
    """
    submission = received.submission
    set_uuid = final_id(submission.submission_set.id, call)
    submitted = [*received.entries, *received.folders, *received.associations]
    final = {submission.submission_set.id: set_uuid} | {item.id: final_id(item.id, call) for item in submitted}
    entries = [
        PreparedEntry(
            entry,
            final[entry.id],
            entry_fragment(
                item,
                final[entry.id],
                hash_=octets[entry.id].sha1,
                size=octets[entry.id].size,
                repository=repository(entry),
                version=1,
                new_uuid=call.new_uuid,
            ),
            octets[entry.id],
            *(headers[entry.id].document_set if entry.id in headers else ()),
        )
        for entry, item in zip(submission.entries, received.entries, strict=True)
    ]
    folders = [
        PreparedFolder(folder, final[folder.id], folder_fragment(item, final[folder.id], new_uuid=call.new_uuid))
        for folder, item in zip(submission.folders, received.folders, strict=True)
    ]
    documents = frozenset(entry.id for entry in submission.entries)
    lot, associations = submission.submission_set.id, []
    for a, item in zip(submission.associations, received.associations, strict=True):
        link = final_association(a, final, lot, documents)
        associations.append((link, association_fragment(link, item, call.new_uuid)))
    return PreparedLot(
        patient=patient,
        submission_set=submission.submission_set,
        submission_set_uuid=set_uuid,
        submission_set_fragment=set_fragment(received.set, set_uuid, new_uuid=call.new_uuid),
        entries=entries,
        associations=associations,
        deprecates=[registry.targets[a.target.lower()].id for a in replacements(submission)],
        evidence=verified.evidence if verified else None,
        new_uuid=call.new_uuid,
        folders=folders,
        relies_on=[entry.id for entry in relied_on(submission, registry)],
        copies=copies,
    )


def final_id(submitted: str, call: Context) -> str:
    """A UUID that was submitted stays; a symbolic id gets a new one (ITI TF-2 3.42.4.1.3.7)."""
    return submitted if _UUID.fullmatch(submitted) else f"urn:uuid:{call.new_uuid()}"


def final_association(a: Association, final: Mapping[str, str], lot: str, documents: frozenset[str]) -> Association:
    """The association between final ids, in its one spelling."""
    slots = a.slots
    if a.type == HAS_MEMBER and a.source == lot and a.target in documents and not slots.get(_MEMBER_STATUS):
        slots = {**slots, _MEMBER_STATUS: ("Original",)}
    return Association(
        id=final[a.id],
        type=RPLC if a.type == RPLC_2010 else a.type,
        source=final.get(a.source, a.source.lower()),
        target=final.get(a.target, a.target.lower()),
        slots=slots,
    )
