"""The documents against their metadata: hash, size, and the CDA header (DMPWS D15 and D17)."""

from dmpws.domain.checks import Report, Rule
from dmpws.domain.document import DocumentEntry, Submission
from dmpws.domain.lot.coherence import check_header
from dmpws.domain.lot.facts import LotFacts
from dmpws.domain.lot.identity import check_record_target, check_source_patient_info
from dmpws.domain.lot.imaging import check_imaging
from dmpws.domain.octets import Octets

_REPOSITORY = "XDSRepositoryMetadataError"
HASH = Rule("DOC-HASH", "hash est le SHA-1 du document joint", "DMPWS D15", _REPOSITORY)
SIZE = Rule("DOC-SIZE", "size est la taille du document joint", "DMPWS D15", _REPOSITORY)

_SHOWN = 200


def check_contents(submission: Submission, facts: LotFacts, report: Report) -> None:
    """Check each entry that has octets, and those that have a CDA header."""
    for entry in submission.entries:
        if octets := facts.octets.get(entry.id):
            check_octets(entry, octets, report)
        check_imaging(entry, facts.octets.get(entry.id), report)
        check_source_patient_info(entry.source_patient_info, entry.id, facts, report)
        if header := facts.headers.get(entry.id):
            check_header(entry, header, facts, report)
            check_record_target(header.patient, entry.id, facts, report)


def check_octets(entry: DocumentEntry, octets: Octets, report: Report) -> None:
    """Check hash and size of the metadata, where they are given, against the document."""
    if entry.hash:
        ok = entry.hash.lower() == octets.sha1
        report.require(ok, HASH, expected=octets.sha1, found=entry.hash[:_SHOWN], where=entry.id)
    if entry.size:
        ok = entry.size == str(octets.size)
        report.require(ok, SIZE, expected=str(octets.size), found=entry.size[:_SHOWN], where=entry.id)
