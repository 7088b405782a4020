"""Who may deposit or replace: one of the authors (GI-DMP EX_2.1-1140, DMPWS D11)."""

from dmpws.domain.checks import Report, Rule
from dmpws.domain.datatypes import Xcn
from dmpws.domain.document import Submission
from dmpws.domain.lot.facts import Depositor

AUTHOR = Rule("LOT-AUTHOR", "Le déposant est un auteur du document", "GI-DMP EX_2.1-1140", "XDSRegistryMetadataError")
NAMED = Rule(
    "LOT-NAMED", "Un auteur est nommé : nom et prénom ne sont pas vides", "PDT-INF-617", "XDSRegistryMetadataError"
)
TEXT = "Aucun AuthorInstitution ne correspond à l'utilisateur du VIHF"
"""The DMP's own sentence, which it gives for persons too."""


def check_depositor(submission: Submission, depositor: Depositor, report: Report) -> None:
    """Check that the depositor is an author of each entry, the signature's included."""
    expected = expected_author(depositor)
    for entry in submission.entries:
        if depositor.person:
            found = entry.author_persons | ({entry.legal_authenticator_id} - {""})
        else:
            found = entry.author_institutions
        shown = ", ".join(sorted(found))[:200] or "aucun"
        ok = depositor.is_author_of(entry)
        report.require(ok, AUTHOR, expected=expected, found=shown, where=entry.id, text="" if ok else TEXT)


def check_names(submission: Submission, report: Report) -> None:
    """Check that authors have a family and a given name; devices have none (XCN.10 is U)."""
    lot = submission.submission_set
    authors = [(lot.id, author) for author in lot.authors]
    authors += [(entry.id, author) for entry in submission.entries for author in entry.authors]
    for where, author in authors:
        person = Xcn.parse(author.person)
        ok = bool(person.family and person.given) or person.name_type == "U"
        report.require(ok, NAMED, expected="nom et prénom", found=author.person[:200], where=where)


def expected_author(depositor: Depositor) -> str:
    """What the rule looks for, for messages."""
    if depositor.person:
        return f"authorPerson ou legalAuthenticator {depositor.person}"
    return f"authorInstitution {' ou '.join(sorted(depositor.structures))}"
