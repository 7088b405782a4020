"""Vaccination notes (GI-DMP, chapter 6.1): one vaccination, model 2023.01, its actors among the authors.

Confidentiality and secret connection are with the masking rules.
"""

import re

from dmpws.domain.cda import CdaHeader
from dmpws.domain.checks import Report, Rule
from dmpws.domain.document import DocumentEntry
from dmpws.domain.vaccination import NOTE_MODEL, NOTE_TYPE, NOTE_VERSION, Vaccination, VaccinationNote

_REPOSITORY = "XDSRepositoryMetadataError"
ONE = Rule("VAC-ONE", "Une note de vaccination contient une vaccination", "GI-DMP EX_2.1-2010", _REPOSITORY)
VERSION = Rule("VAC-VERSION", "Une note de vaccination suit le volet VAC 2023.01", "GI-DMP EX_2.1-2035", _REPOSITORY)
AUTHORS = Rule(
    "VAC-AUTHORS",
    "Auteur de la vaccination et vaccinateur sont des auteurs de la note",
    "GI-DMP EX_2.1-2020",
    _REPOSITORY,
)
PERFORMER = Rule(
    "VAC-PERFORMER",
    "Le vaccinateur est l'exécutant de l'acte documenté",
    "GI-DMP EX_2.1-2020",
    _REPOSITORY,
)
ENTRY_ID = Rule(
    "VAC-ENTRY-ID", "L'identifiant de la vaccination est un UUID, sans extension", "GI-DMP EX_2.1-2030", _REPOSITORY
)
SAME = Rule("VAC-SAME", "La vaccination n'est pas déjà dans l'historique", "GI-DMP EX_2.1-2010", "DMPFragmentCVAError")
NEW = "une vaccination nouvelle"
SAME_TEXT = "La date et le code CIS de cette vaccination sont deja presents dans le CVA complet"
"""The DMP's own sentence, as clients quote it."""

_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def is_note(entry: DocumentEntry) -> bool:
    return entry.type_code is not None and entry.type_code.same(NOTE_TYPE)


def check_note(header: CdaHeader, note: VaccinationNote, where: str, report: Report) -> None:
    """Check one note against its own header."""
    version = ", ".join(note.versions)
    expected = f"{NOTE_MODEL} {NOTE_VERSION}"
    report.require(
        note.versions == (NOTE_VERSION,), VERSION, expected=expected, found=version[:100] or "rien", where=where
    )
    count = len(note.vaccinations)
    report.require(count == 1, ONE, expected="1 vaccination", found=str(count), where=where)
    for vaccination in note.vaccinations:
        _check_actors(header, note, vaccination, where, report)
        ids = vaccination.ids
        ok = len(ids) == 1 and _UUID.fullmatch(ids[0].root) is not None and not ids[0].extension
        found = ", ".join(f"{i.root}^{i.extension}".rstrip("^") for i in ids)
        report.require(ok, ENTRY_ID, expected="un UUID dans root", found=found[:200], where=where)


def _check_actors(
    header: CdaHeader, note: VaccinationNote, vaccination: Vaccination, where: str, report: Report
) -> None:
    authors = frozenset[str]().union(*(a.names for a in header.authors))
    for actor in (*vaccination.authors, *vaccination.performers):
        ok = not actor.names.isdisjoint(authors)
        expected, found = ", ".join(sorted(authors)), ", ".join(sorted(actor.names))
        report.require(ok, AUTHORS, expected=expected[:200], found=found[:200], where=where)
    for actor in vaccination.performers:
        ok = not actor.names.isdisjoint(note.performers)
        expected, found = ", ".join(sorted(note.performers)), ", ".join(sorted(actor.names))
        report.require(ok, PERFORMER, expected=expected[:200], found=found[:200], where=where)
