"""The volet de synthèse médicale: one in force, by author or by record (DMPWS D34 and D74)."""

from collections.abc import Sequence
from dataclasses import dataclass

from dmpws.domain.checks import Report, Rule
from dmpws.domain.code import Code
from dmpws.domain.document import DocumentEntry, StoredEntry, Submission
from dmpws.domain.lot.associations import replacements

ONE = Rule(
    "VSM-ONE", "Un seul VSM est en vigueur : le nouveau remplace l'ancien", "DMPWS D34", "XDSRegistryMetadataError"
)
RESERVED = Rule("VSM-RESERVED", "Seul le médecin traitant dépose un VSM", "DMPWS D34", "DMPAccessDeniedByRightsService")

FORMATS = (
    Code("urn:asip:ci-sis:vsm:2012", "1.2.250.1.213.1.1.4.2.282"),
    Code("urn:ihe:pcc:ips:2020", "1.3.6.1.4.1.19376.1.2.3"),
)
"""formatCodes of a VSM: the model of 2013, and that of 2024."""


@dataclass(frozen=True, slots=True)
class VsmFacts:
    """policy: per_author, per_record or off. reserved: to the médecin traitant, who the depositor is or not.

    current: the VSM in force that the depositor may know of.
    """

    policy: str
    reserved: bool
    treating_doctor: bool
    current: Sequence[StoredEntry]


def is_vsm(entry: DocumentEntry) -> bool:
    return entry.format_code is not None and any(entry.format_code.same(f) for f in FORMATS)


def check_vsm(submission: Submission, facts: VsmFacts, report: Report) -> None:
    """Check the VSM of a lot. Nothing is deprecated that no association names: the answer says which one to name."""
    replaced = {(a.source, a.target.lower()) for a in replacements(submission)}
    new = [entry for entry in submission.entries if is_vsm(entry)]
    for number, entry in enumerate(new):
        if facts.reserved:
            ok = facts.treating_doctor
            report.require(ok, RESERVED, expected="le médecin traitant", found="un autre", where=entry.id)
        if facts.policy == "off":
            continue
        for old in facts.current:
            if _is_rival(entry, old.author_persons, facts) and (entry.id, old.entry_uuid) not in replaced:
                expected, found = f"une association RPLC vers {old.entry_uuid}", f"uniqueId={old.unique_id}"
                report.failed(ONE, expected=expected, found=found, where=entry.id)
        for other in new[:number]:
            if _is_rival(entry, other.author_persons, facts):
                report.failed(ONE, expected="un VSM dans le lot", found=f"aussi {other.id}"[:200], where=entry.id)


def _is_rival(entry: DocumentEntry, authors: frozenset[str], facts: VsmFacts) -> bool:
    return facts.policy == "per_record" or not entry.author_persons.isdisjoint(authors)
