"""Identity traits of the message against those of the record (DMPWS D36): a warning, or a refusal when strict.

Case, accents and hyphens are ignored. The record's own values are not shown: the depositor may have no right to
read them.
"""

from collections.abc import Iterable

from dmpws.domain.cda import CdaPatient
from dmpws.domain.checks import Report, Rule
from dmpws.domain.lot.facts import LotFacts
from dmpws.domain.names import fold
from dmpws.domain.patient import Traits

METADATA_TRAITS = Rule(
    "LOT-TRAITS", "sourcePatientInfo porte les traits du dossier", "DMPWS D36", "XDSRegistryMetadataError"
)
CDA_TRAITS = Rule("CDA-TRAITS", "recordTarget porte les traits du dossier", "DMPWS D36", "XDSRepositoryMetadataError")

BIRTH_QUALIFIERS = frozenset({"BR", "L"})
_COMPARED_SEXES = frozenset({"M", "F"})


def check_source_patient_info(lines: Iterable[str], where: str, facts: LotFacts, report: Report) -> None:
    """Compare PID-5 (each repetition by its type, XPN.7), PID-7 and PID-8."""
    names: list[tuple[str, str]] = []
    givens: list[str] = []
    sex = birth = ""
    for line in lines:
        number, _, value = line.partition("|")
        if number == "PID-5":
            parts = [*value.split("^"), *[""] * 7]
            names.append((parts[0], parts[6]))
            givens.append(parts[1])
        elif number == "PID-7":
            birth = value
        elif number == "PID-8":
            sex = value
    _compare(METADATA_TRAITS, names, givens, sex, birth, where, facts, report)


def check_record_target(patient: CdaPatient, where: str, facts: LotFacts, report: Report) -> None:
    """Compare the patient of a CDA header."""
    names = [(family, qualifier) for qualifier, family in patient.families]
    _compare(CDA_TRAITS, names, patient.givens, patient.sex, patient.birth_time, where, facts, report)


def _compare(
    rule: Rule,
    names: Iterable[tuple[str, str]],
    givens: Iterable[str],
    sex: str,
    birth: str,
    where: str,
    facts: LotFacts,
    report: Report,
) -> None:
    traits = facts.record.traits
    for family, kind in names:
        if family and not _same_family(family, kind, traits):
            _different(rule, f"nom {family}", where, facts, report)
    known = fold(traits.name.given).split()
    for given in givens:
        if known and given and fold(given).split()[:1] != known[:1]:
            _different(rule, f"prénom {given}", where, facts, report)
    if {sex, traits.sex} <= _COMPARED_SEXES and sex != traits.sex:
        _different(rule, f"sexe {sex}", where, facts, report)
    day = birth[:8]
    if day and traits.birth_date and day != traits.birth_date[: len(day)]:
        _different(rule, f"date de naissance {day}", where, facts, report)


def _same_family(family: str, kind: str, traits: Traits) -> bool:
    expected = {fold(traits.name.birth)}
    if kind not in BIRTH_QUALIFIERS:
        expected.add(fold(traits.name.used))
    expected.discard("")
    return not expected or fold(family) in expected


def _different(rule: Rule, found: str, where: str, facts: LotFacts, report: Report) -> None:
    record = report.failed if facts.strict_identity else report.warned
    record(rule, expected="le trait du dossier", found=found[:200], where=where)
