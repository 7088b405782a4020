"""A removal of metadata (ITI-62): what may go without what stays losing anything (ITI TF-2 3.62.4.1.3)."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from dmpws.domain.checks import Report, Rule
from dmpws.domain.packages import StoredAssociation

_CLAUSE = "ITI TF-2 3.62.4.1.3"
RESOLVED = Rule("IHE-RM-RESOLVED", "L'objet à retirer est enregistré", _CLAUSE, "UnresolvedReferenceException")
REFERENCED = Rule(
    "IHE-RM-REFERENCED", "Aucune association qui reste ne désigne l'objet", _CLAUSE, "ReferencesExistException"
)
MEMBER = Rule("IHE-RM-MEMBER", "Ce qui reste est encore membre d'un lot", _CLAUSE, "XDSUnreferencedObjectException")
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class RemovalFacts:
    """What the registry holds. known: UUIDs of the objects to remove that exist; touching: every association that names
    one of them; orphans: UUIDs of what stays and no submission set holds any more."""

    known: Collection[str]
    touching: Iterable[StoredAssociation]
    orphans: Iterable[str]


def check_removal(uuids: Iterable[str], facts: RemovalFacts, report: Report) -> None:
    """Record every reason why the objects cannot be removed together."""
    for uuid in uuids:
        if uuid not in facts.known:
            report.failed(RESOLVED, expected="un objet enregistré", found=uuid[:_SHOWN] or "rien", where=uuid[:_SHOWN])
    for link in facts.touching:
        if link.uuid not in facts.known:
            for end in (end for end in (link.source, link.target) if end in facts.known):
                report.failed(REFERENCED, expected=f"{link.uuid} retirée aussi", found=end, where=end)
    for uuid in facts.orphans:
        report.failed(MEMBER, expected="un lot qui le contient", found=uuid, where=uuid)
