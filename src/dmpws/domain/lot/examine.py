"""All the rules of a lot, in one order."""

from dmpws.domain.checks import Report
from dmpws.domain.document import Submission
from dmpws.domain.lot.codes import check_codes
from dmpws.domain.lot.contents import check_contents
from dmpws.domain.lot.depositor import check_depositor
from dmpws.domain.lot.facts import LotFacts
from dmpws.domain.lot.folders import check_folders
from dmpws.domain.lot.masking import check_masking
from dmpws.domain.lot.metadata import check_metadata
from dmpws.domain.lot.structure import check_structure


def examine(submission: Submission, facts: LotFacts, report: Report) -> None:
    """Record every check that needs nothing but the message, its documents and the patient.

    What needs the registry is in dmpws.domain.lot.registry, the lot signature in dmpws.signature.
    """
    check_structure(submission, report, signed=facts.by_lps)
    check_metadata(submission, facts, report)
    check_folders(submission, facts, report)
    check_codes(submission, facts, report)
    check_masking(submission, facts, report)
    check_depositor(submission, facts.depositor, report)
    check_contents(submission, facts, report)
