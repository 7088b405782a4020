"""Which professions may read which types of document: the matrice d'habilitation (DMPWS D19).

It says nothing of writing, and nothing of those who read for a structure: they find its own documents only.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dmpws.domain import oids
from dmpws.domain.code import Code

ANY_TYPE = "*"
_DOCTOR = Code("10", oids.PROFESSIONS)
_TITLED = (oids.PROFESSIONS, oids.TRAINEE_PROFESSIONS)


@dataclass(frozen=True, slots=True)
class TypeRights:
    """A table. cells: whether a profession reads a typeCode, or `ANY_TYPE`; unlisted: what a pair without cell gets.

    A profession is a code of table G15 (`60`), with a second role where that matters (`21/G`: a pharmacist of
    section G), or `code^system` for the roles of other tables.
    """

    cells: Mapping[tuple[str, str], bool] = field(default_factory=dict)
    unlisted: bool = True

    def allow(self, roles: tuple[Code, ...], type_code: str) -> bool:
        """Whether the holder of these VIHF roles may read documents of this type.

        The cell of the second role comes before that of the profession, the one of the type before the one of all.
        """
        for profession in _professions(roles):
            for asked in (type_code, ANY_TYPE):
                if (profession, asked) in self.cells:
                    return self.cells[profession, asked]
        return self.unlisted or roles[0].same(_DOCTOR)

    def of_roles(self, roles: tuple[Code, ...]) -> tuple[bool, frozenset[str]]:
        """What `allow` says to these roles of a type that no line names, and the types of which it says otherwise."""
        usual = self.allow(roles, "")
        named = {type_code for _, type_code in self.cells if type_code != ANY_TYPE}
        return usual, frozenset(type_code for type_code in named if self.allow(roles, type_code) is not usual)


def _professions(roles: tuple[Code, ...]) -> Iterator[str]:
    """The names of a profession, the most precise first; one in training has the cells of the profession itself."""
    first = roles[0]
    name = first.code if first.system in _TITLED else f"{first.code}^{first.system}"
    yield from (f"{name}/{second.code}" for second in roles[1:])
    yield name
