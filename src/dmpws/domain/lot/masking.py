"""Confidentiality and masking at deposit (GI-DMP EX_2.1-1050, DMPWS D21, vaccination notes)."""

from dmpws.domain import oids
from dmpws.domain.checks import Report, Rule
from dmpws.domain.document import (
    INVISIBLE_PATIENT,
    INVISIBLE_REPRESENTANTS_LEGAUX,
    MASQUE_PS,
    DocumentEntry,
    Submission,
)
from dmpws.domain.lot.facts import LotFacts
from dmpws.domain.lot.vaccination import is_note

_METADATA = "XDSRegistryMetadataError"
LEVEL = Rule("MASK-LEVEL", "Un seul niveau de confidentialité (N, R ou V)", "CI-SIS SM 3.5", _METADATA)
TWICE = Rule("MASK-TWICE", "Un code de confidentialité n'apparaît qu'une fois", "CI-SIS SM 3.5", _METADATA)
RESTRICTED = Rule(
    "MASK-RESTRICTED", "Un document restreint ne devrait pas être partagé", "GI-DMP REC_2.1-1100", _METADATA
)
PAIR = Rule(
    "MASK-PAIR",
    "Un document n'est pas à la fois masqué aux professionnels et invisible au patient",
    "GI-DMP EX_2.1-1050",
    _METADATA,
)
SECRET = Rule(
    "MASK-SECRET",
    "En connexion secrète, un document est invisible aux représentants légaux",
    "DMPWS D21",
    _METADATA,
)
SECRET_ADULT = Rule(
    "MASK-SECRET-ADULT", "La connexion secrète est réservée aux mineurs", "DMPWS D83", "XDSRegistryMetadataError"
)
ADULT = Rule(
    "MASK-ADULT", "Seul un mineur a des représentants légaux dans le DMP", "DMPWS D83", "XDSRegistryMetadataError"
)
VACCINATION = Rule(
    "MASK-VACCINATION", "Une note de vaccination n'a que la confidentialité N", "GI-DMP EX_2.1-2005", _METADATA
)
VACCINATION_SECRET = Rule(
    "MASK-VACCINATION-SECRET",
    "Une note de vaccination n'est pas déposée en connexion secrète",
    "GI-DMP EX_2.1-2005",
    _METADATA,
)

ONE_OF_THEM = f"{MASQUE_PS} ou {INVISIBLE_PATIENT}"
_OPEN = "une connexion non secrète"


def check_masking(submission: Submission, facts: LotFacts, report: Report) -> None:
    """Check each entry. The signature entry has its own rule: the pair forbidden here is imposed there."""
    if facts.secret_connection:
        report.require(facts.minor, SECRET_ADULT, expected="un mineur", found="" if facts.minor else "un majeur")
    for entry in submission.entries:
        if not entry.is_signature:
            _check_entry(entry, facts, report)


def _check_entry(entry: DocumentEntry, facts: LotFacts, report: Report) -> None:
    where = entry.id
    codes = [c.code for c in entry.confidentiality]
    if not codes:
        return
    found = ", ".join(codes)
    levels = [c.code for c in entry.confidentiality if c.system == oids.CONFIDENTIALITY]
    report.require(len(levels) == 1, LEVEL, expected="1 niveau", found=found, where=where)
    report.require(len(set(codes)) == len(codes), TWICE, expected="une fois chacun", found=found, where=where)
    if {"R", "V"}.intersection(levels):
        report.warned(RESTRICTED, found=found, where=where)
    hidden = entry.visibility
    both = {MASQUE_PS, INVISIBLE_PATIENT} <= hidden
    report.require(not both or facts.masked_and_invisible, PAIR, expected=ONE_OF_THEM, found=found, where=where)
    if INVISIBLE_REPRESENTANTS_LEGAUX in hidden:
        report.require(facts.minor, ADULT, expected="un mineur", found=found, where=where)
    if facts.secret_connection:
        ok = INVISIBLE_REPRESENTANTS_LEGAUX in hidden
        report.require(ok, SECRET, expected=INVISIBLE_REPRESENTANTS_LEGAUX, found=found, where=where)
    if is_note(entry):
        report.require(codes == ["N"], VACCINATION, expected="N", found=found, where=where)
        ok = not facts.secret_connection
        report.require(ok, VACCINATION_SECRET, expected=_OPEN, found="" if ok else "secrète", where=where)
