"""The rights table against the two official matrices, cell by cell, and against a copy of our own."""

import csv
import re
from pathlib import Path

import pytest

from dmpws.domain import oids
from dmpws.domain.access import AuthMode, Purpose
from dmpws.domain.caller import Caller
from dmpws.domain.code import Code
from dmpws.domain.rights import AIR_NOTES, NOTES, Condition, Decision, decide
from dmpws.domain.rights_table import ROWS

PURPOSES = {"normal": Purpose.NORMAL, "regulation": Purpose.CENTRE_15, "bdg": Purpose.BRIS_DE_GLACE}
DOCTOR = Code("10", oids.PROFESSIONS, "Médecin")
GENERAL_PRACTICE = Code("SM26", oids.SKILLS, "Qualifié en Médecine Générale (SM)")
SECRETARY = Code("SECRETARIAT_MEDICAL", oids.NON_PROFESSIONALS, "Secrétariat médical")
NURSE = Code("60", oids.PROFESSIONS, "Infirmier")
OCCUPATIONAL = Code("SM25", oids.SKILLS, "Médecine du travail (SM)")
ROLES = {
    "ps": (NURSE,),
    "med": (DOCTOR, GENERAL_PRACTICE),
    "med_travail": (DOCTOR, OCCUPATIONAL),
    "mt": (DOCTOR, GENERAL_PRACTICE),
    "cpe": (SECRETARY,),
    "pe": (SECRETARY,),
    "es": (DOCTOR, GENERAL_PRACTICE),
}

_MODES = ("normal", "regulation", "bdg")
_PS_AND_MED = [f"{profile}_{mode}" for profile in ("ps", "med") for mode in _MODES]
_MT = ["mt_normal", "mt_bdg"]
DIRECT_COLUMNS = [*_PS_AND_MED, "med_travail", *_MT, "cpe_normal", "es_normal", "es_regulation"]
AIR_COLUMNS = [*_PS_AND_MED, *_MT, "pe_normal"]
# What each row says, written a second time: its name, the direct and indirect cells, the AIR cells.
EXPECTED = Path(__file__).with_name("expected.tsv")


def caller(column: str, mode: AuthMode) -> Caller:
    profile, _, purpose = column.rpartition("_")
    if purpose not in PURPOSES:  # med_travail has one column only
        profile, purpose = column, "normal"
    return Caller(mode, PURPOSES[purpose], "899900063480", "499900063480001", ROLES[profile])


def ask(row: str, column: str, *, air: bool, masked_in_emergency: bool = True) -> Decision:
    mode = AuthMode.INDIRECTE_RENFORCEE if air else AuthMode.DIRECTE
    if column.startswith("es"):
        mode = AuthMode.INDIRECTE
    doctor = column.startswith("mt")
    return decide(row, caller(column, mode), treating_doctor=doctor, masked_in_emergency=masked_in_emergency)


def cell(decision: Decision) -> str:
    """The decision as the matrices spell it, with the name of the condition for the number of the note."""
    if not decision.allowed:
        return "non"
    return f"oui({decision.condition.name})" if decision.condition else "oui"


def spelled(text: str, *, air: bool) -> str:
    note = re.fullmatch(r"oui\((\d)\)", text)
    return f"oui({(AIR_NOTES if air else NOTES)[int(note[1])].name})" if note else text


def test_every_cell_is_what_we_wrote_down_twice() -> None:
    rows = [line.split("\t") for line in EXPECTED.read_text("utf-8").splitlines() if line[0] != "#"]
    assert len(rows) == len(ROWS)
    for name, direct, air in rows:
        for columns, letters, in_air in ((DIRECT_COLUMNS, direct, False), (AIR_COLUMNS, air, True)):
            for column, expected in zip(columns, letters.split(), strict=True):
                found = cell(ask(name, column, air=in_air))
                assert found == spelled(expected, air=in_air), f"{name}, {column}, AIR={in_air}"


@pytest.mark.parametrize(
    ("file", "air", "columns"),
    [
        ("functional-rights-direct-indirect.tsv", False, DIRECT_COLUMNS),
        ("functional-rights-air.tsv", True, AIR_COLUMNS),
    ],
)
def test_every_cell_is_the_official_one(reference: Path, file: str, air: bool, columns: list[str]) -> None:
    lines = [s for s in (reference / "rights" / file).read_text("utf-8").splitlines() if not s.startswith("#")]
    rows = list(csv.DictReader(lines, delimiter="\t"))
    seen = 0
    for official in rows:
        name = f"{official['transaction']} {official['operation']}"
        assert list(official)[2:] == columns
        for column in columns:
            seen += 1
            found = cell(ask(name, column, air=air))
            assert found == spelled(official[column], air=air), f"{name}, {column}"
    ours = {n for n, row in ROWS.items() if row.cell(air, "med", Purpose.NORMAL) != "." and not row.ours}
    assert ours <= {f"{r['transaction']} {r['operation']}" for r in rows}
    assert seen == len(rows) * len(columns) > 200


def test_rows_without_public_cell_are_marked_ours() -> None:
    assert sorted(name for name, row in ROWS.items() if row.ours) == [
        "TD0.3 declare oneself medecin traitant",
        "TD1.1 create",
        "TD1.2 reactivate",
        "TD1.3b change administrative data",
        "TD1.4 close",
        "TD1.5 manage the patient's internet account",
    ]


def test_the_conditions_of_the_notes_have_names() -> None:
    assert sorted(NOTES) == list(range(1, 10))
    assert AIR_NOTES[3] is Condition.SAME_STRUCTURE
    assert NOTES[3] is Condition.NEW_AUTHORISATIONS
