"""A submission of profile `ihe`: what it says, and what it says of what the registry holds (ITI TF-2 3.42.4.1.3)."""

from collections.abc import Mapping

from dmpws.domain.checks import Report
from dmpws.domain.document import Submission
from dmpws.domain.ihe.metadata import IheFacts, check_entry, check_folder, check_initial, check_set
from dmpws.domain.lot.associations import (
    check_associations,
    dependents,
    folder_links,
    references,
    replacements,
    signatures,
)
from dmpws.domain.lot.facts import RegistryFacts
from dmpws.domain.lot.registry import check_replaced, check_same, check_set_known
from dmpws.domain.lot.relations import (
    check_appended,
    check_folder_ids,
    check_folder_target,
    check_ids,
    check_target,
    ids_of,
)
from dmpws.domain.lot.structure import check_unique_ids
from dmpws.domain.octets import Octets


def check_submission(submission: Submission, facts: IheFacts, report: Report) -> None:
    """Record every check that needs nothing but the message."""
    check_associations(submission, report, lot_signature=False)
    check_unique_ids(submission, report)
    check_set(submission.submission_set, facts, report)
    for entry in submission.entries:
        check_initial(entry, report)
        check_entry(entry, facts, report)
    for folder in submission.folders:
        check_initial(folder, report)
        check_folder(folder, facts, report)


def check_registry(
    submission: Submission, patient: int, octets: Mapping[str, Octets], registry: RegistryFacts, report: Report
) -> None:
    """Check identifiers, replacements and other ties against the registry. octets: by entry id.

    The same document may be registered again (DMPWS D16).
    """
    check_set_known(submission, registry, report)
    for entry in submission.entries:
        if known := registry.entries.get(entry.unique_id):
            check_same(entry, known[0], octets.get(entry.id), report)
    check_ids(ids_of(submission), registry.uuids, report)
    check_folder_ids(submission, registry, report)
    entries = {entry.id: entry for entry in submission.entries}
    for a in replacements(submission):
        if new := entries.get(a.source):
            check_replaced(new, a.target, patient, registry.targets, report)
    check_appended(submission, registry, report)
    for a in (*dependents(submission), *signatures(submission), *folder_links(submission)):
        check_target(a, submission, patient, registry, report)
    for a in references(submission):
        check_target(a, submission, None, registry, report)
    for a in folder_links(submission):
        check_folder_target(a, submission, patient, registry, report)
