"""The functional rights as data: who may call what (PDT-INF-526 for direct and indirect, PDT-INF-606 for AIR).

One line per operation: its name | the direct and indirect columns | the AIR columns | the need of an authorisation
in normal mode (DMPWS D28) | `ours` when no public cell exists and the line is our choice (DMPWS D27).

A group of letters is one profile, a letter one access mode: n normal, r régulation (centre_15), b bris de glace.
`o` oui, `.` non, a digit: oui under that note (dmpws.domain.rights.NOTES), `-` the line does not exist there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from dmpws.domain.access import Purpose

_LAYOUT = {
    "direct": (("ps", "nrb"), ("med", "nrb"), ("med_travail", "n"), ("mt", "nb"), ("cpe", "n"), ("es", "nr")),
    "air": (("ps", "nrb"), ("med", "nrb"), ("mt", "nb"), ("pe", "n")),
}
_PURPOSES = {"n": Purpose.NORMAL, "r": Purpose.CENTRE_15, "b": Purpose.BRIS_DE_GLACE}

_TABLE = """
#                                                            direct, indirect    AIR              authorisation
#                                                            ps  med t mt c es   ps  med mt p
#                                                            nrb nrb n nb n nr   nrb nrb nb n
TD0.1 authenticate                                         | ooo ooo o oo o oo | ooo ooo oo o   | -
TD0.2 test existence and authorisation                     | ooo ooo o oo o oo | ooo ooo oo o   | -
TD0.3 declare oneself authorised                           | o.. o.. . o. 1 .. | o.. o.. o. 1   | -
TD0.3 remove own authorisation                             | o.. o.. . o. . .. | o.. o.. o. .   | -
TD0.3 declare oneself medecin traitant                     | ... o.. . o. . .. | -              | -          | ours
TD0.3 remove oneself as medecin traitant                   | ... ... . o. . .. | -              | -
TD0.4 list authorised DMPs                                 | ooo ooo o oo 2 3. | ooo ooo oo 3   | -
TD0.5 find patient without INS                             | .o. .o. . .. . .o | .o. .o. .. .   | -
TD0.9 contextual Web-PS                                    | ooo ooo o oo o .. | -              | -
TD0.10 contextual Web-PS in AIR                            | -                 | ooo ooo oo o   | -
TD1.1 create                                               | o.. o.. . o. o o. | -              | -          | ours
TD1.2 reactivate                                           | o.. o.. . o. o o. | -              | -          | ours
TD1.3a read administrative data                            | ooo ooo o oo o oo | ooo ooo oo o   | not es
TD1.3b change administrative data                          | o.. o.. . o. . .. | -              | -          | ours
TD1.4 close                                                | o.. o.. . o. . .. | -              | -          | ours
TD1.5 manage the patient's internet account                | o.. o.. . o. . .. | -              | -          | ours
TD1.6 list authorised/blocked professionals                | o.. o.. o o. . .. | o.. o.. o. .   | needed
TD2.1 submit documents                                     | ooo ooo o oo . 44 | ... ... .. .   | -
TD2.2 submit documents with a CPE                          | ... ... . .. 4 .. | ... ... .. .   | -
TD3.1 search metadata                                      | ooo ooo o oo . .. | ooo ooo oo .   | needed
TD3.1 search document reference (ObjectRef)                | ooo ooo o oo 5 55 | ooo ooo oo 5   | -
TD3.2 read document not masked                             | ooo ooo . oo . .. | ooo ooo oo .   | needed
TD3.2 read document masked to PS                           | 677 677 . o7 . .. | 677 677 o7 .   | needed
TD3.2 read document invisible to patient or representative | ooo ooo . oo . .. | ooo ooo oo .   | needed
TD3.2 read archived document                               | ooo ooo . oo . .. | ooo ooo oo .   | needed
TD3.2 read obsolete version                                | ooo ooo . oo . .. | ooo ooo oo .   | needed
TD3.2 read deleted document                                | ooo ooo . oo . .. | ooo ooo oo .   | needed
TD3.3a mask to PS                                          | o.. o.. o o. . .. | o.. o.. o. .   | needed
TD3.3a unmask to PS                                        | 8.. 8.. 8 o. . .. | 8.. 8.. o. .   | needed
TD3.3b make visible to patient                             | o.. o.. o o. . .. | o.. o.. o. .   | needed
TD3.3d archive                                             | 8.. 8oo 8 oo . .. | 8.. 8oo oo .   | needed
TD3.3d unarchive                                           | 8.. 8oo 8 oo . .. | 8.. 8oo oo .   | needed
TD3.3c delete                                              | 888 888 8 88 9 99 | 888 888 88 9   | -
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One operation. cells: (table, profile, purpose) to `o`, `.` or a note number; authorisation: `-`, `needed`
    or `not es` (needed except with a structure certificate)."""

    name: str
    cells: Mapping[tuple[str, str, Purpose], str]
    authorisation: str
    ours: bool

    def cell(self, air: bool, profile: str, purpose: Purpose) -> str:
        """The cell, `.` when the row or the combination does not exist (DMPWS D27)."""
        return self.cells.get(("air" if air else "direct", profile, purpose), ".")


def _row(line: str) -> Row:
    name, direct, air, authorisation, *ours = (part.strip() for part in line.split("|"))
    cells: dict[tuple[str, str, Purpose], str] = {}
    for table, text in (("direct", direct), ("air", air)):
        if text != "-":
            for (profile, modes), letters in zip(_LAYOUT[table], text.split(), strict=True):
                for mode, letter in zip(modes, letters, strict=True):
                    cells[table, profile, _PURPOSES[mode]] = letter
    return Row(name, cells, authorisation, ours == ["ours"])


ROWS: Mapping[str, Row] = {
    row.name: row for row in map(_row, (line for line in _TABLE.splitlines() if line and line[0] != "#"))
}
"""Every row of the rights, by name."""
