"""How the objects of a lot are tied: members, folders, replacements and other relationships (ITI TF-3 4.2.2)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dmpws.domain.checks import Report, Rule
from dmpws.domain.document import (
    DEPENDENTS,
    HAS_MEMBER,
    REPLACEMENTS,
    SIGNS,
    Association,
    DocumentEntry,
    Submission,
)

_METADATA = "XDSRegistryMetadataError"
MEMBER = Rule(
    "LOT-MEMBER",
    "Chaque fiche, classeur et ajout à un classeur est relié au lot par HasMember",
    "ITI TF-3 4.2.1.4",
    _METADATA,
)
MEMBER_STATUS = Rule(
    "LOT-MEMBER-STATUS",
    "SubmissionSetStatus vaut Original pour une fiche du message, Reference pour une autre",
    "ITI TF-3 4.2.1.4.1",
    _METADATA,
)
TYPE = Rule(
    "LOT-ASSOCIATION-TYPE",
    "Le type d'association est HasMember, signs, RPLC, APND, XFRM ou XFRM_RPLC",
    "ITI TF-3 4.2.2",
    _METADATA,
)
END = Rule("LOT-ASSOCIATION-END", "Une association relie des objets du message", "ITI TF-3 4.2.1.4", _METADATA)
SOURCE = Rule(
    "LOT-RPLC-SOURCE",
    "La source de RPLC, APND ou XFRM est une fiche de document du lot",
    "ITI TF-2 3.42.4.1.3.5",
    "UnresolvedReferenceException",
)
REPLACEMENT_TARGET = Rule(
    "LOT-RPLC-TARGET",
    "La cible de RPLC est l'entryUUID d'une fiche déjà enregistrée",
    "DMPWS D32",
    "UnresolvedReferenceException",
)
_TYPES = "l'URN de HasMember, signs, RPLC, APND, XFRM ou XFRM_RPLC"
REPLACEMENT_ONCE = Rule(
    "LOT-RPLC-ONCE", "Un document n'est remplacé que par un seul document", "DMPWS D32", "XDSReplaceFailed"
)
DEPENDENT_TARGET = Rule(
    "LOT-APND-TARGET",
    "La cible de APND ou XFRM est une autre fiche du lot ou l'entryUUID d'une fiche enregistrée",
    "ITI TF-2 3.42.4.1.3.5",
    "UnresolvedReferenceException",
)


def replacements(submission: Submission) -> list[Association]:
    """The RPLC associations, both spellings, and the XFRM_RPLC."""
    return [a for a in submission.associations if a.type in REPLACEMENTS]


def dependents(submission: Submission) -> list[Association]:
    """The APND and XFRM associations."""
    return [a for a in submission.associations if a.type in DEPENDENTS]


def signatures(submission: Submission) -> list[Association]:
    """The `signs` associations to documents that are already registered, which plain IHE knows."""
    ours = {submission.submission_set.id, *(entry.id for entry in submission.entries)}
    return [a for a in submission.associations if a.type == SIGNS and a.target not in ours]


def folder_links(submission: Submission) -> list[Association]:
    """The associations that put a document in a folder."""
    lot = submission.submission_set.id
    return [a for a in submission.associations if a.type == HAS_MEMBER and a.source != lot]


def references(submission: Submission) -> list[Association]:
    """The members of the lot that are already registered."""
    ours = _ids(submission)
    lot = submission.submission_set.id
    return [a for a in submission.associations if a.type == HAS_MEMBER and a.source == lot and a.target not in ours]


def _ids(submission: Submission) -> frozenset[str]:
    documents = {entry.id for entry in submission.entries}
    return frozenset(documents | {f.id for f in submission.folders} | {a.id for a in submission.associations})


@dataclass(frozen=True, slots=True)
class _Scope:
    """The ids of a lot. members: what the lot is said to hold."""

    lot: str
    entries: frozenset[str]
    folders: frozenset[str]
    folder_links: frozenset[str]
    members: frozenset[str]

    @classmethod
    def of(cls, submission: Submission) -> "_Scope":
        lot = submission.submission_set.id
        return cls(
            lot,
            frozenset(e.id for e in submission.entries),
            frozenset(f.id for f in submission.folders),
            frozenset(a.id for a in folder_links(submission)),
            frozenset(a.target for a in submission.associations if a.type == HAS_MEMBER and a.source == lot),
        )


def check_associations(submission: Submission, report: Report, *, lot_signature: bool = True) -> None:
    """Check the ends of each association, and that everything is a member of the lot.

    lot_signature: `signs` ties the lot to its one signature; in plain IHE it is a relationship between documents.
    """
    entries = {e.id: e for e in submission.entries}
    scope = _Scope.of(submission)
    for a in submission.associations:
        if a.type == HAS_MEMBER:
            _check_member(a, scope, report)
        elif a.type == SIGNS and lot_signature:
            report.require(a.source in entries, END, expected="la fiche de signature", found=a.source, where=a.id)
            ok = a.target == submission.submission_set.id or a.target in entries
            report.require(ok, END, expected=f"{scope.lot} ou une fiche", found=a.target, where=a.id)
        elif a.type in REPLACEMENTS | DEPENDENTS | {SIGNS}:
            _check_relationship(a, entries, report, lot_signature=lot_signature)
        else:
            report.failed(TYPE, expected=_TYPES, found=a.type, where=a.id)
    for name in (*entries, *(folder.id for folder in submission.folders)):
        report.require(name in scope.members, MEMBER, expected=f"{scope.lot} vers {name}", found="rien", where=name)
    _check_replaced_once(replacements(submission), report)


def _check_member(a: Association, scope: _Scope, report: Report) -> None:
    lot, ends = scope.lot, f"{a.source} vers {a.target}"
    status = a.slots.get("SubmissionSetStatus", ())
    if a.source != lot:
        ok = a.source in scope.folders or (_registered(a.source) and a.source not in scope.entries)
        ok = ok and (a.target in scope.entries or _registered(a.target))
        expected = f"{lot} vers une fiche du message, ou un classeur vers une fiche"
        if report.require(ok, END, expected=expected, found=ends, where=a.id):
            report.require(a.id in scope.members, MEMBER, expected=f"{lot} vers {a.id}", found="rien", where=a.id)
    elif a.target in scope.entries or a.target in scope.folders:
        ok = status in ((), ("Original",))
        report.require(ok, MEMBER_STATUS, expected="Original", found=", ".join(status), where=a.id)
    elif status == ("Reference",):
        report.require(_registered(a.target), END, expected="urn:uuid:…", found=ends, where=a.id)
    else:
        ok = a.target in scope.folder_links
        report.require(ok, END, expected=f"{lot} vers une fiche du message", found=ends, where=a.id)


def _check_relationship(
    a: Association, entries: Mapping[str, DocumentEntry], report: Report, *, lot_signature: bool
) -> None:
    source = entries.get(a.source)
    ok = source is not None and not (lot_signature and source.is_signature)
    report.require(ok, SOURCE, expected="une fiche de document du lot", found=a.source, where=a.id)
    if a.type in REPLACEMENTS:
        ok = _registered(a.target) and a.target not in entries
        report.require(ok, REPLACEMENT_TARGET, expected="urn:uuid:…", found=a.target, where=a.id)
        return
    target = entries.get(a.target)
    known = _registered(a.target) if target is None else not (lot_signature and target.is_signature)
    ok = a.target != a.source and known
    report.require(ok, DEPENDENT_TARGET, expected="une autre fiche", found=a.target, where=a.id)


def _check_replaced_once(associations: Iterable[Association], report: Report) -> None:
    for target, times in Counter(a.target.lower() for a in associations).items():
        if times > 1:
            report.failed(REPLACEMENT_ONCE, expected="1", found=str(times), where=target)


def _registered(identifier: str) -> bool:
    """Names an object that may be registered already, since it is not symbolic."""
    return identifier[:9].lower() == "urn:uuid:"
