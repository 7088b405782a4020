"""The roles a VIHF may carry: JDV_J65-SubjectRole-DMP, and which of them need a second one."""

from functools import cache
from pathlib import Path
from typing import Final

from dmpws.domain import oids
from dmpws.domain.code import Code

SOCIAL_PROFESSIONS: Final = "1.2.250.1.213.1.6.1.4"
"""Table R94."""
TITLE_HOLDERS: Final = "1.2.250.1.213.1.6.1.109"
"""Table R95."""
BY_ROLE: Final = "1.2.250.1.213.1.6.1.140"
"""Table R291: professionals described by their role in care (R85)."""

FIRST: Final = frozenset(
    {
        oids.PROFESSIONS,
        oids.TRAINEE_PROFESSIONS,
        oids.NON_PROFESSIONALS,
        SOCIAL_PROFESSIONS,
        TITLE_HOLDERS,
        BY_ROLE,
    }
)
"""Code systems of the first role."""

AUTOMATA: Final = frozenset({"ALIM_AM", "AUTOMATE", "DISPOSITIF", "EXP_PATIENT"})
"""Codes of table A00 that are not a person working for a structure."""

_DOCTOR, _PHARMACIST = "10", "21"
_HEALTH = (oids.PROFESSIONS, oids.TRAINEE_PROFESSIONS)


@cache
def listed() -> frozenset[tuple[str, str]]:
    """(code, system) of every value of the set."""
    rows = (Path(__file__).parent / "data" / "roles.tsv").read_text("utf-8").splitlines()
    return frozenset((code, system) for code, _, system in (r.partition("\t") for r in rows if not r.startswith("#")))


def is_professional(first: Code) -> bool:
    """Anybody but the roles of table A00; RPPS+ registers social professions and title holders too."""
    return first.system != oids.NON_PROFESSIONALS


def is_doctor(first: Code) -> bool:
    return first.code == _DOCTOR and first.system in _HEALTH


def second_system(first: Code) -> str:
    """Code system of the mandatory second role; empty when none is needed."""
    if is_doctor(first):
        return oids.SKILLS
    if first.code == _PHARMACIST and first.system in _HEALTH:
        return oids.PHARMACIST_SECTIONS
    return oids.CARE_ROLES if first.system == BY_ROLE else ""
