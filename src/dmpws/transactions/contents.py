"""The CDA documents of a lot: read once, checked to the level that is configured (DMPWS D17)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lxml import etree

from dmpws.codec.cda import parse_document, read_header
from dmpws.codec.cda_body import CONTENT, check_files
from dmpws.codec.self_presenting import check_self_presenting
from dmpws.codec.vaccination import read_note
from dmpws.domain.cda import CdaHeader
from dmpws.domain.checks import Outcome, Refused, Report, Rule, refusal
from dmpws.domain.document import DocumentEntry, StoredEntry, Submission
from dmpws.domain.lot.vaccination import check_note, is_note
from dmpws.domain.lot.versions import check_set_version
from dmpws.domain.octets import Octets
from dmpws.domain.patient import PatientRecord
from dmpws.domain.vaccination import VaccinationNote
from dmpws.transactions.call import CheckCda, Context
from dmpws.xml.parser import encoding_of

CDA_SIZE = Rule(
    "CDA-SIZE", "Un document CDA ne dépasse pas la taille permise", "DMPWS LIMITS", "XDSRepositoryMetadataError"
)
CDA_ENCODING = Rule("CDA-ENCODING", "Un document CDA est en UTF-8", "DMPWS D212", "XDSRepositoryMetadataError")
CDA_HEADER = Rule("CDA-HEADER", "L'en-tête du document suit son schéma", "DMPWS D17", "XDSRepositoryMetadataError")

_UTF8 = frozenset({"UTF-8", "US-ASCII", "ASCII"})
CDA_MIME_TYPES = frozenset({"text/xml", "application/xslt+xml"})


@dataclass(slots=True)
class Contents:
    """What the documents of a lot say, by entry id; notes: of vaccination only."""

    headers: dict[str, CdaHeader] = field(default_factory=dict)
    notes: dict[str, VaccinationNote] = field(default_factory=dict)


def read_contents(
    call: Context,
    submission: Submission,
    octets: Mapping[str, Octets],
    report: Report,
    check_cda: CheckCda | None,
) -> Contents:
    """Parse the CDA documents, check what they hold, and return what the other rules need of it."""
    contents = Contents()
    if call.settings.cda == "off":
        return contents
    for entry in submission.entries:
        if entry.mime_type in CDA_MIME_TYPES and not entry.is_signature and entry.id in octets:
            try:
                _read_document(call, entry, octets[entry.id], contents, report, check_cda)
            except Refused as refused:
                report.checks.extend(check._replace(where=entry.id) for check in refused.checks)
    return contents


def files_of(report: Report, entry: str) -> list[str]:
    """Media types of the files included in a document of the lot, by its entry id."""
    good = (check for check in report if check.rule is CONTENT and check.outcome is Outcome.PASSED)
    return [check.found for check in good if check.where == entry]


def check_sets(
    call: Context,
    record: PatientRecord,
    submission: Submission,
    contents: Contents,
    replaced: Mapping[str, Sequence[StoredEntry]],
    report: Report,
) -> None:
    """Check setId and versionNumber against the record. replaced: the documents each entry replaces, by entry id."""
    sets = {entry_id: header.document_set for entry_id, header in contents.headers.items()}
    wanted = [set_id for set_id, version in sets.values() if set_id and version]
    known = call.store.documents.set_versions(record.id, wanted) if wanted else {}
    for entry in submission.entries:
        if entry.id in sets and entry.unique_id not in known:
            check_set_version(entry, contents.headers[entry.id], replaced.get(entry.id, ()), known, report)
            known = {**known, entry.unique_id: sets[entry.id]}


def _read_document(
    call: Context,
    entry: DocumentEntry,
    octets: Octets,
    contents: Contents,
    report: Report,
    check_cda: CheckCda | None,
) -> None:
    limits = call.settings.cda_limits
    if octets.size > limits.octets:
        raise refusal(CDA_SIZE, expected=f"au plus {limits.octets} octets", found=f"{octets.size} octets")
    content = octets.read()
    encoding = encoding_of(content)
    if encoding.upper() not in _UTF8:  # read all the same: nothing in the official chain looks at it
        report.warned(CDA_ENCODING, expected="UTF-8", found=encoding, where=entry.id)
    document, self_presenting = parse_document(content, limits)
    if check_cda is not None:
        _check_schema(check_cda, document, entry.id, report)
    check_files(document, report, entry.id)
    if self_presenting:
        check_self_presenting(document.getroottree().getroot(), report, entry.id)
    header = read_header(document, self_presenting=self_presenting)
    contents.headers[entry.id] = header
    if is_note(entry):
        contents.notes[entry.id] = read_note(document)
        check_note(header, contents.notes[entry.id], entry.id, report)


def _check_schema(check_cda: CheckCda, document: etree._Element, where: str, report: Report) -> None:
    schema = Report()
    check_cda(document, schema)
    for check in schema.failures:
        # The official rules have names of their own; those of the header schema are the interface's (SCHEMA-CDA).
        rule = check.rule if check.rule.code == CDA_HEADER.code else CDA_HEADER
        found = f"{check.found} en {check.where}".lstrip()
        report.failed(rule, expected=check.expected, found=found, where=where, text=check.text)
