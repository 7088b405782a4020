"""What TD2.1 does in steps: the facts around a lot, its signature, and the rows to store."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dmpws.codec.cda import parse_document, read_header
from dmpws.codec.ebxml.fragments import association_fragment, entry_fragment, set_fragment
from dmpws.codec.ebxml.submission import ReceivedSubmission
from dmpws.domain import oids
from dmpws.domain.access import AuthMode
from dmpws.domain.cda import CdaHeader
from dmpws.domain.checks import Refused, Report, Rule, refusal
from dmpws.domain.document import (
    HAS_MEMBER,
    MASQUE_PS,
    RPLC,
    Association,
    DocumentEntry,
    StoredEntry,
    Submission,
    SubmissionSet,
)
from dmpws.domain.lot.facts import Depositor, RegistryFacts
from dmpws.domain.lot.structure import REPLACEMENTS, replacements
from dmpws.domain.octets import Octets
from dmpws.signature.model import LotDocument, LotEvidence, ReceivedLot, VerifiedLot
from dmpws.transactions.admission import caller_of
from dmpws.transactions.call import Call
from dmpws.xml.parser import XmlLimits

CDA_SIZE = Rule(
    "CDA-SIZE", "Un document CDA ne dépasse pas la taille permise", "DMPWS LIMITS", "XDSRepositoryMetadataError"
)
CDA_HEADER = Rule("CDA-HEADER", "L'en-tête du document suit son schéma", "DMPWS D17", "XDSRepositoryMetadataError")
SIGNATURE_SIZE = Rule(
    "LOT-SIGNATURE-SIZE",
    "La signature du lot ne dépasse pas la taille permise",
    "DMPWS LIMITS",
    "XDSRepositoryMetadataError",
)

CDA_MIME_TYPES = frozenset({"text/xml", "application/xslt+xml"})
LONGEST_SIGNATURE = XmlLimits().octets
_UUID = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class PreparedEntry:
    """Implements dmpws.transactions.ports.NewEntry."""

    entry: DocumentEntry
    entry_uuid: str
    fragment: bytes
    octets: Octets


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
    evidence: LotEvidence


def depositor_of(call: Call, submission: Submission) -> Depositor:
    """Who must be an author (GI-DMP EX_2.1-1140): the person in direct authentication, else the structure.

    A FINESS EG attached to the FINESS EJ of the token, or the EJ of its EG, counts as the structure.
    """
    caller = caller_of(call.vihf)
    if caller.mode is AuthMode.DIRECTE and not caller.is_employee:
        return Depositor(caller.person, frozenset())
    directory = call.store.directory
    own = directory.structure(caller.structure)
    structures = {caller.structure}
    if own is not None and own.parent:
        structures.add(own.parent)
    named = frozenset().union(*(e.author_institutions for e in submission.entries))
    for identifier in named - structures:
        other = directory.structure(identifier)
        if other is not None and other.parent == caller.structure:
            structures.add(identifier)
    return Depositor("", frozenset(structures))


def registry_facts(call: Call, submission: Submission, depositor: Depositor) -> RegistryFacts:
    """Read what the registry holds of this lot. A masked document is unknown to who is not its author."""
    unique_id = submission.submission_set.unique_id
    entries: dict[str, list[StoredEntry]] = defaultdict(list)
    for entry in call.store.documents.by_unique_id([unique_id, *(e.unique_id for e in submission.entries)]):
        entries[entry.unique_id].append(entry)
    wanted = [a.target.lower() for a in replacements(submission)]
    found = call.store.documents.by_entry_uuid(wanted) if wanted else ()
    return RegistryFacts(
        set_known=call.store.documents.submission_set_known(unique_id),
        entries=entries,
        targets={e.entry_uuid: e for e in found if MASQUE_PS not in e.visibility or depositor.is_author_of(e)},
    )


def read_headers(
    call: Call, submission: Submission, octets: Mapping[str, Octets], report: Report
) -> dict[str, CdaHeader]:
    """Parse the CDA documents, check their header schema, and return their headers by entry id."""
    headers: dict[str, CdaHeader] = {}
    if call.settings.cda == "off":
        return headers
    for entry in submission.entries:
        if entry.mime_type in CDA_MIME_TYPES and not entry.is_signature and entry.id in octets:
            try:
                headers[entry.id] = _read_header(call, octets[entry.id], entry.id, report)
            except Refused as refused:
                report.checks.extend(replace(check, where=entry.id) for check in refused.checks)
    return headers


def _read_header(call: Call, octets: Octets, entry_id: str, report: Report) -> CdaHeader:
    limits = call.settings.cda_limits
    if octets.size > limits.octets:
        raise refusal(CDA_SIZE, expected=f"au plus {limits.octets} octets", found=f"{octets.size} octets")
    document, self_presenting = parse_document(octets.read(), limits)
    if call.check_cda_header is not None:
        schema = Report()
        call.check_cda_header(document, schema)
        for check in schema.failures:
            found = f"{check.found} en {check.where}"
            report.failed(CDA_HEADER, expected=check.expected, found=found, where=entry_id, text=check.text)
    return read_header(document, self_presenting=self_presenting)


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
    call: Call,
    received: ReceivedSubmission,
    octets: Mapping[str, Octets],
    verified: VerifiedLot,
    registry: RegistryFacts,
    patient: int,
) -> PreparedLot:
    """Give the lot its final ids and make the fragments that answers will carry."""
    submission = received.submission
    set_uuid = _final_id(submission.submission_set.id, call)
    final = {submission.submission_set.id: set_uuid} | {e.id: _final_id(e.id, call) for e in submission.entries}
    entries = [
        PreparedEntry(
            entry,
            final[entry.id],
            entry_fragment(
                item,
                final[entry.id],
                hash_=octets[entry.id].sha1,
                size=octets[entry.id].size,
                repository=oids.REPOSITORY,
                version=1,
                new_uuid=call.new_uuid,
            ),
            octets[entry.id],
        )
        for entry, item in zip(submission.entries, received.entries, strict=True)
    ]
    associations = [_final_association(a, final, call) for a in submission.associations]
    return PreparedLot(
        patient=patient,
        submission_set=submission.submission_set,
        submission_set_uuid=set_uuid,
        submission_set_fragment=set_fragment(received.set, set_uuid, new_uuid=call.new_uuid),
        entries=entries,
        associations=[(a, association_fragment(a)) for a in associations],
        deprecates=[registry.targets[a.target.lower()].id for a in replacements(submission)],
        evidence=verified.evidence,
    )


def _final_id(submitted: str, call: Call) -> str:
    """A UUID that was submitted stays; a symbolic id gets a new one (ITI TF-2 3.42.4.1.3.7)."""
    return submitted if _UUID.fullmatch(submitted) else f"urn:uuid:{call.new_uuid()}"


def _final_association(a: Association, final: Mapping[str, str], call: Call) -> Association:
    slots = a.slots
    if a.type == HAS_MEMBER and not slots.get("SubmissionSetStatus"):
        slots = {**slots, "SubmissionSetStatus": ("Original",)}
    return Association(
        id=_final_id(a.id, call),
        type=RPLC if a.type in REPLACEMENTS else a.type,
        source=final[a.source],
        target=final.get(a.target, a.target.lower()),
        slots=slots,
    )
