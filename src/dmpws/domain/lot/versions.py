"""setId and versionNumber of a CDA document against those of the record (CI-SIS SM 3.5.5.10, DMPWS D73)."""

from collections.abc import Mapping, Sequence

from dmpws.domain.cda import CdaHeader
from dmpws.domain.checks import Report, Rule
from dmpws.domain.document import DocumentEntry, StoredEntry

_REPOSITORY = "XDSRepositoryMetadataError"
SAME = Rule(
    "CDA-VERSION", "Un setId et un versionNumber ne désignent qu'un document", "CI-SIS SM 3.5.5.10", _REPOSITORY
)
HIGHER = Rule(
    "CDA-VERSION-HIGHER",
    "Le versionNumber dépasse celui du document remplacé",
    "CI-SIS SM 3.5.5.10",
    _REPOSITORY,
)
SET = Rule("CDA-SET", "Un document a le setId de celui qu'il remplace", "CI-SIS SM 3.5.5.10", _REPOSITORY)
RELATED = Rule(
    "CDA-RELATED", "Un document qui dit en remplacer un autre le remplace", "CI-SIS SM 3.5.5.10", _REPOSITORY
)


def check_set_version(
    entry: DocumentEntry,
    header: CdaHeader,
    replaced: Sequence[StoredEntry],
    known: Mapping[str, tuple[str, str]],
    report: Report,
) -> None:
    """Check one document. known: setId and versionNumber by uniqueId, of the record and of the lot so far."""
    set_id, version = header.document_set
    if set_id and version:
        ok, found = (set_id, version) not in known.values(), f"{set_id} version {version}"[:200]
        report.require(ok, SAME, expected="un autre versionNumber", found=found, where=entry.id)
    if header.replaces and not replaced:
        report.warned(RELATED, found=", ".join(header.replaces)[:200], where=entry.id)
    for old in replaced:
        old_set, old_version = known.get(old.unique_id, ("", ""))
        if not old_set or old_set != set_id:
            report.warned(SET, expected=old_set, found=set_id[:200], where=entry.id)
        elif version.isdigit() and old_version.isdigit():
            higher = int(version) > int(old_version)
            report.require(higher, HIGHER, expected=f"plus de {old_version}", found=version[:20], where=entry.id)
