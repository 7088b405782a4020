"""Where people find a document: the espaces of the record, the categories of Mon espace santé (DMPWS D94).

No table that maps types to them is public: data/rubriques.tsv is ours, and so are the names of the espaces.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from dmpws.domain.code import Code

T = TypeVar("T")
OTHERS = "Autres documents"
"""Heading of what no espace shows."""


class Espace(Enum):
    """The eight espaces of the record; the value is what people read, in words of ours."""

    SYNTHESE = "Synthèse"
    TRAITEMENTS = "Traitements et soins"
    COMPTES_RENDUS = "Comptes rendus"
    IMAGERIE = "Imagerie médicale"
    BIOLOGIE = "Analyses de laboratoire"
    PREVENTION = "Prévention"
    CERTIFICATS = "Certificats"
    PERSONNEL = "Espace personnel"


class Category(Enum):
    """The categories of Mon espace santé, under the names of its application."""

    SYNTHESE = "Ma santé en résumé"
    ORD_SOIN = "Ordonnances et soins"
    RADIO_SC = "Radio, écho, scanner, IRM"
    BIOLOGIE = "Résultats de biologie"
    CPT_REND = "Comptes rendus"
    DEPISTAG = "Prévention et dépistages"
    CERT_MED = "Certificats médicaux"
    DOC_ADM = "Pièces administratives"
    AUTR_DOC = "Autres documents"
    QUEST_SANTE = "Questionnaire santé"
    DIR_ANT = "Directives Anticipées"
    SYNTH_PML = "Synthèse médicale (synthèse du profil médical)"
    CAR_VAC = "Carnet vaccinal"
    VDP = "Volonté du patient (contacts d'urgence, aidants, don d'organes)"
    REMB = "Remboursement"


@dataclass(frozen=True, slots=True)
class Rubrique:
    """Where documents of one type are shown."""

    espace: Espace
    category: Category


@dataclass(frozen=True, slots=True)
class Rubriques:
    """The table, by typeCode (code, system)."""

    table: Mapping[tuple[str, str], Rubrique]

    def of(self, type_code: Code) -> Rubrique | None:
        """Where a document of this type is shown; None for the signature of a lot and for unknown types."""
        return self.table.get((type_code.code, type_code.system))

    def espace_of(self, type_code: Code | None) -> Espace | None:
        """The espace alone."""
        rubrique = self.of(type_code) if type_code is not None else None
        return rubrique.espace if rubrique is not None else None


def by_espace(items: Iterable[T], espace_of: Callable[[T], Espace | None]) -> dict[str, list[T]]:
    """Items under the headings people read, in the order of the record; what no espace shows is last.

    The order of the items is kept; an espace without any is left out.
    """
    found: dict[Espace | None, list[T]] = {}
    for item in items:
        found.setdefault(espace_of(item), []).append(item)
    return {espace.value if espace else OTHERS: found[espace] for espace in (*Espace, None) if espace in found}
